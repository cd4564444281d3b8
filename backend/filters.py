"""Filters in an address or in JSON: the same keys, the same strings, and back.

Every key holds a list of values. A value that begins with `-` is excluded; one that is to be
included although it begins with `-` or a backslash gets a backslash before it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import BeforeValidator, Field

from backend.schemas import Shown
from core.darwincore import countries, values
from core.errors import BadRequest
from core.filters import LONGEST_VALUE, Box, Choice, Days, Filters, Taxon, days

T = TypeVar("T")
MOST_VALUES = 50


def _listed(value: object) -> object:
    """One value for a list of one; numbers for the strings they are written as."""
    many = value if isinstance(value, list) else [] if value is None else [value]
    return [str(v) if isinstance(v, int | float) and not isinstance(v, bool) else v for v in many]


Values = Annotated[
    list[Annotated[str, Field(max_length=LONGEST_VALUE, pattern=r"^[^\x00]*$")]],
    Field(max_length=MOST_VALUES),
    BeforeValidator(_listed),
]


class FilterParams(Shown):
    """Conditions on what is found. A value that begins with `-` is excluded."""

    taxon: Values = []
    """A name at any rank, with all below it: `Nymphalidae`, `genus:Morus`, `-Pieridae`."""
    dataset: Values = []
    """Id of a dataset."""
    institution: Values = []
    """Institution code."""
    collection: Values = []
    """Collection code."""
    country: Values = []
    """ISO code or name of a country."""
    bbox: Values = []
    """`west,south,east,north` in degrees; west may exceed east; `-(…)` excludes."""
    date: Values = []
    """`from,to`, each `1929`, `1929-06`, `1929-06-15` or empty; `-(…)` excludes."""
    year: Values = []
    """Another name of `date`."""
    month: Values = []
    """Months 1 to 12, several as `6,7`."""
    basis: Values = []
    """Basis of record: `PreservedSpecimen`, `FossilSpecimen`, `HumanObservation`, …"""
    type_status: Values = []
    """`holotype`, `paratype`, …"""
    sex: Values = []
    life_stage: Values = []
    view: Values = []
    """What the image shows: `dorsal`, `ventral`, `label`, …"""
    licence: Values = []
    """Code of the image's licence: `CC0-1.0`, `CC-BY-4.0`, …"""
    text: Values = []
    """Contained in name, locality or collector; every one of several must be."""
    coordinates: Annotated[str, Field(max_length=5)] | None = None
    """`true`: only with coordinates; `false`: only without."""


NAMES = tuple(FilterParams.model_fields)
MULTIPLE = tuple(name for name in NAMES if name != "coordinates")


def decode(params: FilterParams) -> Filters:
    """The filters that `params` mean; BadRequest says which value cannot be understood."""
    given = {name: getattr(params, name) for name in NAMES}
    given["date"] = [*given["date"], *given.pop("year")]
    given["month"] = [month for value in given["month"] for month in _months(value)]
    coordinates = given.pop("coordinates")
    found: dict[str, Any] = {name: _choice(name, given[name]) for name in given}
    return Filters(**found, coordinates=_flag(coordinates))


def encode(filters: Filters) -> dict[str, list[str]]:
    """The keys and values that `decode` would turn into `filters`; only those with a say."""
    written: dict[str, list[str]] = {}
    for each in fields(filters):
        value = getattr(filters, each.name)
        if each.name == "coordinates":
            if value is not None:
                written[each.name] = ["true" if value else "false"]
        elif value:
            write = _WRITE.get(each.name, str)
            kept = [_guarded(each.name, write(v)) for v in value.include]
            written[each.name] = kept + [_excluded(each.name, write(v)) for v in value.exclude]
    return written


def _choice(name: str, given: Sequence[str]) -> Choice[Any]:
    include: dict[Any, None] = {}
    exclude: dict[Any, None] = {}
    for text in given:
        bare, excluded = _sign(name, text)
        if bare.strip():
            read = _READ.get(name, str)
            (exclude if excluded else include)[read(bare.strip())] = None
    return Choice(tuple(include), tuple(exclude))


_RANGES = ("bbox", "date")  # a minus of theirs may be that of a number


def _sign(name: str, text: str) -> tuple[str, bool]:
    text = text.strip()
    if name in _RANGES:
        inner = re.fullmatch(r"-\s*\((.*)\)", text)
        return (inner[1], True) if inner else (text, False)
    if text.startswith("-"):
        return text[1:], True
    return text.removeprefix("\\"), False


def _guarded(name: str, text: str) -> str:
    return "\\" + text if name not in _RANGES and text[:1] in ("-", "\\") else text


def _excluded(name: str, text: str) -> str:
    return f"-({text})" if name in _RANGES else f"-{text}"


def _months(value: str) -> list[str]:
    """`6,7` as two values; a minus counts for all that follow it."""
    minus = "-" if value.strip().startswith("-") else ""
    return [minus + part.strip() for part in value.strip().removeprefix("-").split(",")]


def _taxon(text: str) -> Taxon:
    rank, colon, name = text.partition(":")
    if not colon:
        return Taxon(text)
    if not name.strip():
        raise BadRequest(f"{text!r} names no taxon; write a name, or rank:name")
    return Taxon(name.strip(), rank.strip().lower())


def _dataset(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadRequest(f"{text!r} is not the id of a dataset") from error


def _box(text: str) -> Box:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise BadRequest(f"{text!r} is not a box; write west,south,east,north") from error
    return Box(west, south, east, north)


def _days(text: str) -> Days:
    first, comma, last = text.partition(",")
    return days(first.strip(), last.strip() if comma else first.strip())


def _month(text: str) -> int:
    if not re.fullmatch("0?[1-9]|1[0-2]", text):
        raise BadRequest(f"{text!r} is not a month; write a number from 1 to 12")
    return int(text)


def _basis(text: str) -> str:
    found = values.basis_of_record(text, [])
    if found is None:
        raise BadRequest(f"{text!r} is not a basis of record; PreservedSpecimen is one, say")
    return found


def _type(text: str) -> str:
    if not re.fullmatch("[A-Za-z]+", text):
        raise BadRequest(f"{text!r} is not a type status; write one word, such as holotype")
    return text.lower()


def _flag(text: str | None) -> bool | None:
    known = {None: None, "": None, "true": True, "false": False}
    if text not in known:
        raise BadRequest(f"coordinates is true or false, not {text!r}")
    return known[text]


_READ: Mapping[str, Callable[[str], Any]] = {
    "taxon": _taxon,
    "dataset": _dataset,
    "country": lambda text: countries.country_code(text) or text,
    "bbox": _box,
    "date": _days,
    "month": _month,
    "basis": _basis,
    "type_status": _type,
    "sex": lambda text: values.sex(text) or text,
    "life_stage": str.lower,
    "view": str.lower,
    "licence": str.upper,
}
_WRITE: Mapping[str, Callable[[Any], str]] = {
    "taxon": lambda taxon: f"{taxon.rank}:{taxon.name}" if taxon.rank else taxon.name,
    "bbox": lambda box: ",".join(repr(v) for v in (box.west, box.south, box.east, box.north)),
    "date": lambda d: f"{d.first or ''},{d.last or ''}",
}

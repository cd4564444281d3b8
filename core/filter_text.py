"""Filters as people write them, in addresses, JSON and commands: strings under keys, and back.

A value that begins with `-` is excluded; one that is to be included although it begins with `-` or
a backslash gets a backslash before it.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from core.darwincore import countries, values
from core.errors import BadRequest
from core.filters import MISSABLE, Box, Choice, Days, Filters, Part, Region, Shape, Taxon, days

KEYS = (*(each.name for each in fields(Filters)), "year")
"""`year` is another name of `date`."""


def read(given: Mapping[str, Sequence[str]]) -> Filters:
    """The filters that values under `KEYS` mean; BadRequest says what cannot be understood."""
    for key in given.keys() - set(KEYS):
        near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0)
        raise BadRequest(f"{key!r} is not a filter; did you mean {near[0]}?")
    known = {key: list(given.get(key, ())) for key in KEYS}
    known["date"] += known.pop("year")
    known["month"] = [month for value in known["month"] for month in _months(value)]
    coordinates = known.pop("coordinates")
    found: dict[str, Any] = {key: _choice(key, listed) for key, listed in known.items()}
    return Filters(**found, coordinates=_flag(coordinates[-1] if coordinates else None))


def write(filters: Filters) -> dict[str, list[str]]:
    """The keys and values that `read` would turn into `filters`; only those with a say."""
    written: dict[str, list[str]] = {}
    for each in fields(filters):
        value = getattr(filters, each.name)
        if each.name == "coordinates":
            if value is not None:
                written[each.name] = ["true" if value else "false"]
        elif value:
            written_as = _WRITE.get(each.name, str)
            kept = [_guarded(each.name, written_as(v)) for v in value.include]
            written[each.name] = kept + [_excluded(each.name, written_as(v)) for v in value.exclude]
    return written


def _choice(name: str, given: Sequence[str]) -> Choice[Any]:
    include: dict[Any, None] = {}
    exclude: dict[Any, None] = {}
    for text in given:
        bare, excluded = _sign(name, text)
        if bare.strip():
            reader = _READ.get(name, str)
            (exclude if excluded else include)[reader(bare.strip())] = None
    return Choice(tuple(include), tuple(exclude))


# A minus of theirs may be that of a number.
_RANGES = ("bbox", "date", "polygon", "atlas")


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


def _id(of: str) -> Callable[[str], UUID]:
    def read_id(text: str) -> UUID:
        try:
            return UUID(text)
        except ValueError as error:
            raise BadRequest(f"{text!r} is not the id of a {of}") from error

    return read_id


def _corners(text: str) -> tuple[tuple[float, float], ...]:
    try:
        pairs = [[float(part) for part in pair.split(",")] for pair in text.split()]
        corners = [(x, y) for x, y in pairs]
    except ValueError as error:
        raise BadRequest(
            f"{text!r} is not a polygon; write x,y x,y x,y with three or more"
        ) from error
    return tuple(corners[:-1] if len(corners) > 3 and corners[0] == corners[-1] else corners)


def _missing(text: str) -> str:
    name = text.lower()
    if name not in MISSABLE:
        near = difflib.get_close_matches(name, MISSABLE, n=1, cutoff=0)
        raise BadRequest(f"{text!r} cannot be missing; did you mean {near[0]}?")
    return name


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


def _part(text: str) -> Part:
    version, _, corners = text.rpartition("@")
    return Part(_corners(corners), version or None)


def _cornered(shape: Shape) -> str:
    return " ".join(f"{x!r},{y!r}" for x, y in shape.corners)


_READ: Mapping[str, Callable[[str], Any]] = {
    "taxon": _taxon,
    "dataset": _id("dataset"),
    "country": lambda text: countries.country_code(text) or text,
    "bbox": _box,
    "polygon": lambda text: Region(_corners(text)),
    "atlas": _part,
    "record": _id("record"),
    "missing": _missing,
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
    "polygon": _cornered,
    "atlas": lambda part: (f"{part.version}@" if part.version else "") + _cornered(part),
    "bbox": lambda box: ",".join(repr(v) for v in (box.west, box.south, box.east, box.north)),
    "date": lambda d: f"{d.first or ''},{d.last or ''}",
}

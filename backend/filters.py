"""Filters in an address or in JSON: the same keys, the same strings, and back.

Every key holds a list of values, written as in core/filter_text.
"""

from typing import Annotated

from pydantic import BeforeValidator, Field

from backend.schemas import Shown
from core import filter_text
from core.filters import LONGEST_VALUE, Filters

MOST_VALUES = 50
MOST_LISTED = 500
"""Of names, numbers or ids pasted as a list."""
LONGEST_SHAPE = 20_000


def _listed(value: object) -> object:
    """One value for a list of one; numbers for the strings they are written as."""
    many = value if isinstance(value, list) else [] if value is None else [value]
    return [str(v) if isinstance(v, int | float) and not isinstance(v, bool) else v for v in many]


Values = Annotated[
    list[Annotated[str, Field(max_length=LONGEST_VALUE, pattern=r"^[^\x00]*$")]],
    Field(max_length=MOST_VALUES),
    BeforeValidator(_listed),
]


Listed = Annotated[
    list[Annotated[str, Field(max_length=LONGEST_VALUE, pattern=r"^[^\x00]*$")]],
    Field(max_length=MOST_LISTED),
    BeforeValidator(_listed),
]
Shapes = Annotated[
    list[Annotated[str, Field(max_length=LONGEST_SHAPE, pattern=r"^[^\x00]*$")]],
    Field(max_length=10),
    BeforeValidator(_listed),
]


class FilterParams(Shown):
    """Conditions on what is found. A value that begins with `-` is excluded."""

    taxon: Listed = []
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
    polygon: Shapes = []
    """Corners as `lon,lat lon,lat lon,lat` in degrees, beyond 180 across the date line; `-(…)`
    excludes."""
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
    catalog: Listed = []
    """Catalogue numbers."""
    record: Listed = []
    """Ids of records."""
    missing: Values = []
    """What is not said: `country`, `sex`, `species`, …; `-country`: it is said. All must hold."""
    atlas: Shapes = []
    """Corners on the atlas of the searched version, as `x,y x,y x,y`, or of another, as
    `NAME@x,y x,y x,y`; `-(…)` excludes."""
    coordinates: Annotated[str, Field(max_length=5)] | None = None
    """`true`: only with coordinates; `false`: only without."""


NAMES = tuple(FilterParams.model_fields)
MULTIPLE = tuple(name for name in NAMES if name != "coordinates")


def decode(params: FilterParams) -> Filters:
    """The filters that `params` mean; BadRequest says which value cannot be understood."""
    given = {name: getattr(params, name) for name in MULTIPLE}
    return filter_text.read(given | {"coordinates": [params.coordinates or ""]})


def encode(filters: Filters) -> dict[str, list[str]]:
    """The keys and values that `decode` would turn into `filters`; only those with a say."""
    return filter_text.write(filters)

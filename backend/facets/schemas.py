"""Counts under filters as the API shows them."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from backend.filters import FilterParams
from backend.schemas import Shown
from backend.versions.schemas import AskedVersion, VersionRef

State = Literal["include", "exclude"]
Name = Literal[
    "kingdom", "phylum", "class", "order", "family", "genus", "species", "dataset", "institution",
    "collection", "country", "basis", "type_status", "sex", "life_stage", "view", "licence",
    "coordinates", "decade",
]  # fmt: skip


class Counted(FilterParams):
    """What is counted: images of an embed version that pass filters."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    embed_version: AskedVersion | None = None
    """Absent: the default version."""


class FacetParams(Counted):
    """Which facets, and how much of each."""

    facet: Annotated[list[Name], Field(max_length=20)] = []
    """Absent: the usual twelve."""
    prefix: Annotated[str, Field(max_length=100)] = ""
    """Only values of which a word begins so; accents and capitals do not matter."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 12
    """Values of each facet at most, besides those chosen."""


class FacetValue(Shown):
    """One value of a facet."""

    value: str
    """As the filter takes it; put a `-` before it to exclude."""
    label: str
    count: int
    """Images that adding this value would find; of an excluded one, those it takes away."""
    state: State | None
    """Whether the filters include or exclude it."""


class Facet(Shown):
    """The values of one facet: those chosen first, then the most common; decades in order."""

    name: Name
    key: str
    """The filter that takes the values."""
    values: list[FacetValue]
    missing: int
    """Images that say nothing of this; the filter `missing` finds them."""
    missing_state: State | None
    more: bool
    """Whether there are further values."""


class Facets(Shown):
    """Counts by facet."""

    embed_version: VersionRef
    total: int
    """Images that pass all filters."""
    facets: list[Facet]


class YearCount(Shown):
    """Images of one year."""

    year: int
    count: int


class Timeline(Shown):
    """Images by year and by month. A year or month counts what surely is of it."""

    embed_version: VersionRef
    total: int
    """Images that pass all filters."""
    years: list[YearCount]
    """In order, without those of none; included dates are left out while these are counted."""
    spanning_years: int
    """Images of several possible years."""
    undated: int
    months: list[int]
    """January to December, in any year; included months are left out while these are counted."""
    spanning_months: int
    """Images dated, yet of several possible months."""


class MapParams(Counted):
    """What part of the map, and how finely."""

    window: Annotated[str, Field(max_length=100)] = "-180,-90,180,90"
    """`west,south,east,north` of the part of the map that is looked at."""
    cells: Annotated[int, Field(ge=4, le=128)] = 48
    """Cells from west to east at most."""


class MapCell(Shown):
    """A square of the map."""

    west: float
    south: float
    east: float
    north: float
    longitude: float
    """Of the middle of what lies in it, as below."""
    latitude: float
    count: int
    image_id: UUID
    """One of its images."""


class Map(Shown):
    """Images by place."""

    embed_version: VersionRef
    total: int
    """Images that pass all filters."""
    with_coordinates: int
    """Those of them that have any."""
    cells: list[MapCell]
    """Squares with images in them, fullest first."""

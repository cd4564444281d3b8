"""What a search may be narrowed to: one model for every place that filters.

A condition *includes* (one of the values must hold) and *excludes* (none may hold). What a record
does not say never fulfils a condition: it is left out by an include and kept by an exclude.
"""

import math
from calendar import monthrange
from dataclasses import dataclass, fields
from datetime import date
from typing import Generic, TypeVar
from uuid import UUID

from core.db.tables import RANKS
from core.errors import BadRequest

T = TypeVar("T")
LONGEST_VALUE = 200
MOST_CORNERS = 500
MISSABLE = (
    "country", "institution", "collection", "basis", "type_status", "sex", "life_stage", "view",
    "licence", "coordinates", "date", "decade", *RANKS,
)  # fmt: skip
"""What a record may not say, by the name of its facet."""


@dataclass(frozen=True)
class Choice(Generic[T]):
    """Values of which one must hold, and values of which none may."""

    include: tuple[T, ...] = ()
    exclude: tuple[T, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude)


@dataclass(frozen=True)
class Taxon:
    """A name at any rank, or at `rank` only; stands for all that belongs to it."""

    name: str
    rank: str | None = None

    def __post_init__(self) -> None:
        if self.rank is not None and self.rank not in RANKS:
            raise BadRequest(f"{self.rank!r} is not a rank; use one of {', '.join(RANKS)}")


@dataclass(frozen=True)
class Box:
    """A rectangle in decimal degrees, edges included; `west` > `east` crosses the date line."""

    west: float
    south: float
    east: float
    north: float

    def __post_init__(self) -> None:
        fits = all(math.isfinite(value) and abs(value) <= 180 for value in (self.west, self.east))
        if not (fits and -90 <= self.south <= self.north <= 90):
            raise BadRequest(
                "A box is west,south,east,north in degrees: longitudes within 180 of Greenwich,"
                " latitudes within 90 of the equator, south not above north"
            )


@dataclass(frozen=True)
class Shape:
    """A polygon of straight edges on a plain map, edges included: corners as (x, y), not closed."""

    corners: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for corner in self.corners for value in corner):
            raise BadRequest("The corners of a polygon are finite numbers")
        if len(set(self.corners)) < 3 or len(self.corners) > MOST_CORNERS:
            raise BadRequest(f"A polygon has 3 to {MOST_CORNERS} corners")

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Least x and y, greatest x and y."""
        xs, ys = zip(*self.corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)


@dataclass(frozen=True)
class Part(Shape):
    """A part of an atlas: of the version that is searched, or of the one named."""

    version: str | None = None


@dataclass(frozen=True)
class Region(Shape):
    """A polygon on the map in decimal degrees, (longitude, latitude).

    Across the date line its longitudes go on beyond 180 (or below -180): 190 is -170.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        west, south, east, north = self.bounds
        if not (west >= -540 and east <= 540 and east - west <= 360):
            raise BadRequest("A polygon spans at most 360 degrees, its longitudes within 540")
        if not -90 <= south <= north <= 90:
            raise BadRequest("The latitudes of a polygon are within 90 degrees of the equator")


@dataclass(frozen=True)
class Days:
    """Days from `first` to `last`, both included; None is open. Holds what surely lies within."""

    first: date | None
    last: date | None

    def __post_init__(self) -> None:
        if self.first is None and self.last is None:
            raise BadRequest("A range of dates needs at least one end")
        if self.first and self.last and self.first > self.last:
            raise BadRequest(f"{self.first} is after {self.last}; give the earlier date first")


@dataclass(frozen=True)
class Filters:
    """Every condition there is; all of those given must hold. See docs/api.md."""

    taxon: Choice[Taxon] = Choice()
    dataset: Choice[UUID] = Choice()
    institution: Choice[str] = Choice()
    """Institution code."""
    collection: Choice[str] = Choice()
    """Collection code."""
    country: Choice[str] = Choice()
    """Two-letter code, or a name that has none."""
    bbox: Choice[Box] = Choice()
    polygon: Choice[Region] = Choice()
    date: Choice[Days] = Choice()
    month: Choice[int] = Choice()
    """1 to 12; a record is surely from June when all of its days are."""
    basis: Choice[str] = Choice()
    """Basis of record, a class of Darwin Core."""
    type_status: Choice[str] = Choice()
    """One word, such as holotype."""
    sex: Choice[str] = Choice()
    life_stage: Choice[str] = Choice()
    view: Choice[str] = Choice()
    """What the image shows: dorsal, ventral, label, …"""
    licence: Choice[str] = Choice()
    """Code of the image's licence."""
    text: Choice[str] = Choice()
    """Contained in name, locality or collector; unlike elsewhere every include must hold."""
    catalog: Choice[str] = Choice()
    """Catalogue number."""
    record: Choice[UUID] = Choice()
    missing: Choice[str] = Choice()
    """One of MISSABLE that is not said; here too every include must hold."""
    atlas: Choice[Part] = Choice()
    """Images that lie in a part of an atlas."""
    coordinates: bool | None = None
    """Whether the record has coordinates."""

    def __bool__(self) -> bool:
        return any(getattr(self, f.name) not in (None, Choice()) for f in fields(self))


def days(first: str, last: str) -> Days:
    """Days from the first of `first` to the last of `last`, each YYYY, YYYY-MM, YYYY-MM-DD or ''.

    Raises BadRequest when that is no date.
    """
    return Days(_day(first, last=False), _day(last, last=True))


def _day(text: str, *, last: bool) -> date | None:
    if not text:
        return None
    try:
        parts = [int(part) for part in text.split("-")]
        year, month = parts[0], parts[1] if len(parts) > 1 else (12 if last else 1)
        if len(parts) > 3 or len(text.split("-")[0]) != 4:
            raise ValueError
        if len(parts) == 3:
            return date(*parts)
        return date(year, month, monthrange(year, month)[1] if last else 1)
    except (ValueError, IndexError) as error:
        raise BadRequest(f"{text!r} is not a date; write 1929, 1929-06 or 1929-06-15") from error

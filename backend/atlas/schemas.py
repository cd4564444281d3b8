"""The atlas as the API shows it."""

import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from backend.filters import FilterParams
from backend.images.schemas import Image
from backend.records.schemas import RecordSummary
from backend.schemas import Shown
from backend.versions.schemas import VersionRef

Colouring = Literal[
    "kingdom", "phylum", "class", "order", "family", "genus", "species", "dataset", "institution",
    "collection", "country", "decade", "basis", "sex", "life_stage", "view", "licence",
]  # fmt: skip
Numbers = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(max_length=100)]
Images = Annotated[list[UUID], Field(max_length=500)]


class Atlas(Shown):
    """How the map of a version was made. Near points look alike to the model; axes and long
    distances mean nothing."""

    embed_version: VersionRef
    method: str
    params: dict[str, Any]
    """All that is needed to make it again, the seed among it."""
    fitted: int
    """Images that the map was made of."""
    placed: int
    """Images put among them, at the mean of their nearest neighbours."""
    waiting: int
    """Images with a vector that are not on the map yet."""
    size: int
    """Numbers of points, from 0; those of images that are not shown included."""
    revision: str
    """Changes with the points; answers about numbers of another revision do not fit."""
    bounds: list[float]
    """Left, bottom, right, top: what 0 and 65534 stand for in the points."""
    fitted_at: datetime.datetime
    updated_at: datetime.datetime


class Label(Shown):
    """A name where one taxon prevails."""

    rank: str
    name: str
    x: float
    y: float
    count: int
    """Images of the taxon there."""
    box: list[float]
    """Left, bottom, right, top of the region."""


class Labels(Shown):
    """Names by zoom: of high ranks first, the largest region first."""

    levels: list[list[Label]]


class Legend(Shown):
    """One colour."""

    value: str
    """As the filter takes it."""
    label: str
    count: int
    """Points that are shown in it."""


class Colours(Shown):
    """What each point is coloured by."""

    by: Colouring
    key: str
    """The filter that takes the values."""
    revision: str
    values: list[Legend]
    """The most common, commonest first; decades in order."""
    others: int
    """Points of further values."""
    missing: int
    """Points that say nothing of it."""
    codes: str
    """A byte for each number, in base64: its place among `values`; their count stands for another
    value, and one more for none."""


class ScoreLevel(Shown):
    """Points that are about as like the query."""

    share: float
    """Of all points, the nearest first, it goes up to this one."""
    least: float | None
    """The least cosine in it; null where it is empty."""
    count: int


class Scores(Shown):
    """How like a query every point is."""

    revision: str
    levels: list[ScoreLevel]
    """The nearest first."""
    codes: str
    """A byte for each number, in base64: its place among `levels`; more for what is not shown."""


class Passing(Shown):
    """Which points pass filters."""

    revision: str
    count: int
    mask: str
    """A bit for each number, the first in the lowest bit of the first byte, in base64."""


class Point(Shown):
    """One image on the map."""

    number: int
    x: float
    y: float
    image: Image
    record: RecordSummary | None


class Points(Shown):
    """Images on the map, in the order asked for; those that may not be shown are left out."""

    points: list[Point]


class Position(Shown):
    """Where an image lies."""

    image_id: UUID
    number: int
    x: float
    y: float


class Positions(Shown):
    """Where images lie, in the order asked for; those that are not on the map are left out."""

    positions: list[Position]


class ColourParams(Shown):
    """What to colour by."""

    by: Colouring = "order"


class MaskParams(FilterParams):
    """What to look for on the map."""

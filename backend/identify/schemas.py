"""What naming photos asks and answers."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field

from backend.images.schemas import Image
from backend.records.schemas import RecordSummary
from backend.schemas import Shown
from backend.versions.schemas import AskedVersion, VersionRef
from core.identification.ladder import Method
from core.identification.support import CERTAINTY

MOST_PHOTOS = 50
MOST_LABELS = 500
Rank = Literal["kingdom", "phylum", "class", "order", "family", "genus", "species"]


def _blank_is_absent(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [] if value is None else [value]


Blank = BeforeValidator(_blank_is_absent)
Listed = BeforeValidator(_listed)
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
UploadId = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class IdentifyOptions(Shown):
    """How photos are to be named."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    method: Method = "both"
    """`text`: zero-shot text prompts, the names of the museum's taxa beside the photo.
    `specimens`: votes of the nearest specimens. `both`: a mean of the two, weighted as named the
    museum's own photos best."""
    embed_version: Annotated[AskedVersion | None, Blank] = None
    """Absent: the default version."""
    certainty: Annotated[float, Field(ge=0.5, le=0.99)] = CERTAINTY
    """A rank is supported where so large a share of trials with like evidence was right."""
    within: Annotated[list[Text], Field(max_length=MOST_LABELS), Listed] = []
    """Only taxa within these: a name, `rank:name`; with a minus before it, none of these."""
    latitude: Annotated[Annotated[float, Field(ge=-90, le=90)] | None, Blank] = None
    longitude: Annotated[Annotated[float, Field(ge=-180, le=180)] | None, Blank] = None
    """Where the photo was taken, in degrees: lifts species recorded nearby."""
    month: Annotated[Annotated[int, Field(ge=1, le=12)] | None, Blank] = None
    """When: lifts species recorded in the season."""
    labels: Annotated[list[Text], Field(max_length=MOST_LABELS), Listed] = []
    """Labels of the asker's own, compared with each other by text prompts."""
    bins: Annotated[list[Text], Field(max_length=MOST_LABELS), Listed] = []
    """Labels with the bin that each counts for: `Luna moth=moth`."""
    limit: Annotated[int, Field(ge=1, le=50)] = 5
    """Candidates at each rank."""
    rank: Rank = "species"
    """Of the rows of the CSV."""
    format: Literal["json", "csv"] = "json"
    """`csv`: one row a photo and candidate, with the columns of pybioclip."""


class IdentifyParams(IdentifyOptions):
    """Photos that are here already, and how to name them."""

    image: Annotated[list[UploadId], Field(max_length=MOST_PHOTOS), Listed] = []
    """Ids of uploaded photos."""
    like: Annotated[list[UUID], Field(max_length=MOST_PHOTOS), Listed] = []
    """Ids of images of the museum: named from their stored vectors, their specimens left out."""
    record: Annotated[list[UUID], Field(max_length=MOST_PHOTOS), Listed] = []
    """Ids of records: each by the mean of its images' vectors, itself left out."""
    name: Annotated[list[Text], Field(max_length=MOST_PHOTOS), Listed] = []
    """File names of the uploaded photos, in their order, for the answer."""


class IdentifyForm(IdentifyParams):
    """The same as a form, where photos themselves may be sent as `photo`, several times."""

    photo: Annotated[
        list[Annotated[str, Field(json_schema_extra={"format": "binary"})]], Field()
    ] = []
    """Picture files."""


class Boost(Shown):
    """How place and season lifted a species. Not having been recorded lowers nothing."""

    factor: float
    near: int
    """Records within `kilometres` of the place."""
    season: int
    """Records in the month or one beside it."""
    kilometres: float


class Candidate(Shown):
    """One taxon that a photo may show."""

    rank: Rank
    name: str
    filter: str
    """As a value of the filter `taxon`."""
    common_name: str | None
    lineage: list[str | None]
    """From the kingdom to its own rank; null where the museum does not say."""
    score: float
    """Share of the evidence among the taxa compared, in [0, 1]; not a probability."""
    text_score: float | None
    """Share by text prompts."""
    specimen_score: float | None
    """Share of the votes of the nearest specimens."""
    neighbours: int
    """How many of the specimens that voted are of this taxon."""
    nearest: float | None
    """Cosine with the nearest of them."""
    prompt: float | None
    """Cosine with the best of its names."""
    boost: Boost | None
    evidence: list[UUID]
    """Its images among `neighbours`, nearest first."""


class Rung(Shown):
    """One rank of the ladder."""

    rank: Rank
    taxon: str | None
    """Where the evidence leads, within the taxon above; null where it names nothing."""
    support: float | None
    """Share right among trials on the museum's own photos with like evidence, never above that of
    the rank above; null where too few trials tell."""
    supported: bool
    candidates: list[Candidate]


class Named(Shown):
    """The answer: the taxon at which the ladder stops."""

    rank: Rank
    name: str
    filter: str
    common_name: str | None
    support: float


class EvidenceImage(Shown):
    """The nearest picture of a specimen that voted."""

    cosine: float
    image: Image
    record: RecordSummary | None
    kilometres: float | None
    """From the place given."""


class LabelScore(Shown):
    """A label, or bin, of the asker's own."""

    label: str
    score: float
    """Share among the labels given; not a probability."""


class Identified(Shown):
    """What was found about one photo."""

    name: str
    image: str | None
    """Upload id."""
    like: UUID | None
    record: UUID | None
    problem: str | None
    """Why this photo could not be named; the others are not affected."""
    rungs: list[Rung]
    stops_at: Rank | None
    """The deepest supported rank; null: not even a kingdom."""
    named: Named | None
    left_out: list[UUID]
    """Specimens that are on the photo itself, by record id; they are no evidence."""
    neighbours: list[EvidenceImage]
    lacks: list[str]
    """What the museum lacks for this question, in sentences."""
    labels: list[LabelScore]
    bins: list[LabelScore]


class Reached(Shown):
    """How often the trials reached a rank at the certainty asked for, and how often rightly."""

    rank: Rank
    share: float
    right: float | None


class Measured(Shown):
    """The trials behind the ladder: this museum's photos, their own specimens left out."""

    photos: int
    text_share: float
    """How much text prompts count beside specimens."""
    reached: list[Reached]


class IdentifyResponse(Shown):
    """Photos, each with its ladder. Scores compare candidates; they are not probabilities."""

    embed_version: VersionRef
    method: Method
    certainty: float
    taxa: int
    """Taxa compared."""
    measured: Measured
    photos: list[Identified]
    caveat: str

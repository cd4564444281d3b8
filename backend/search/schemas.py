"""What a search asks and answers."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field

from backend.filters import FilterParams
from backend.images.schemas import Image
from backend.records.schemas import RecordSummary
from backend.schemas import Shown
from backend.versions.schemas import AskedVersion, VersionRef
from core.db.groups import GroupBy
from core.planner import Path

MOST_HITS = 200
MOST_SHOWN = 600
"""Images on a page of groups."""
LONGEST_TEXT = 1000


def _blank_is_absent(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


_Blank = BeforeValidator(_blank_is_absent)
Words = Annotated[Annotated[str, Field(max_length=LONGEST_TEXT)] | None, _Blank]
UploadId = Annotated[Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None, _Blank]
VersionName = Annotated[AskedVersion | None, _Blank]


def _listed(value: object) -> object:
    """One value for a list of one; blanks count as absent."""
    many = value if isinstance(value, list) else [] if value is None else [value]
    return [v for v in many if not (isinstance(v, str) and not v.strip())]


MOST_LESS = 20
_Listed = BeforeValidator(_listed)
LessWords = Annotated[
    list[Annotated[str, Field(max_length=LONGEST_TEXT)]], Field(max_length=MOST_LESS), _Listed
]
_PICTURE = "^([0-9a-f]{64}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"
LessPictures = Annotated[
    list[Annotated[str, Field(pattern=_PICTURE)]], Field(max_length=MOST_LESS), _Listed
]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class SearchParams(FilterParams):
    """A query by words, by an uploaded picture, by a picture of the museum, or by several."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    q: Words = None
    """Words describing what to look for."""
    image: UploadId = None
    """Id of an uploaded picture."""
    like: Annotated[UUID | None, _Blank] = None
    """Id of an image of the museum."""
    like_record: Annotated[UUID | None, _Blank] = None
    """Id of a record: its pictures count as one, by their mean."""
    image_weight: Share = 0.5
    """Share of the picture when words are given too; 0 is words only, 1 the picture only."""
    less: LessWords = []
    """Words to move away from."""
    less_like: LessPictures = []
    """Pictures to move away from: ids of images of the museum, or of uploaded ones."""
    less_weight: Share = 0.5
    """How much what is to be less counts against what is looked for."""
    embed_version: VersionName = None
    """Absent: the default version."""
    fuse: Annotated[list[AskedVersion], Field(max_length=4), _Listed] = []
    """Two to four embed versions that answer together, by the ranks they give."""
    limit: Annotated[int, Field(ge=1, le=MOST_HITS)] = 30
    """Hits, or groups, on a page."""
    cursor: Annotated[Annotated[str, Field(max_length=40_000)] | None, _Blank] = None
    """`next_cursor` of the page before."""
    group_by: Annotated[GroupBy | None, _Blank] = None
    """Only the best of each record, species, …: of the first record an image shows."""
    per_group: Annotated[int, Field(ge=1, le=12)] = 1
    """Images of each group."""
    fold: bool = False
    """Near-duplicates stand under the best of them."""
    min_score: Annotated[
        Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None, _Blank
    ] = None
    """Nothing that scores less."""


class SearchRequest(SearchParams):
    """The same as JSON, where a vector of the caller's own may be given."""

    vector: Annotated[
        list[Annotated[float, Field(allow_inf_nan=False)]] | None,
        Field(min_length=1, max_length=4000),
    ] = None
    """Used like a picture; needs `vector_version`."""
    vector_version: VersionName = None
    """Embed version that `vector` was made with; another than `embed_version` is refused."""


class SearchForm(SearchParams):
    """The same as a form, where the picture itself may be sent as `image`."""

    image: Annotated[str, Field(json_schema_extra={"format": "binary"})] | None = None
    """A picture file, or the id of an uploaded one."""


class QueryEcho(Shown):
    """The query as understood."""

    q: str | None
    image: str | None
    """Upload id; null too where the picture came with the request."""
    like: UUID | None
    like_record: UUID | None
    image_weight: float
    less: list[str]
    less_like: list[str]
    less_weight: float
    fuse: list[str]
    limit: int
    group_by: GroupBy | None
    per_group: int
    fold: bool
    min_score: float | None
    filters: dict[str, list[str]]
    """The conditions as understood: keys and values as they would stand in the address."""


class Group(Shown):
    """What a hit is the best of."""

    key: str | None
    """Null: the record does not say."""
    label: str
    size: int | None
    """Images of the group that pass the filters; null where several versions answered."""


class Hit(Shown):
    """One image found."""

    rank: int
    """From 1."""
    score: float
    """Cosine similarity of query and image in [-1, 1]; not a probability. Where several versions
    answered the sum of 1 / (60 + rank)."""
    ranks: dict[str, int] | None
    """Rank in each of several versions; one that is missing has it further down."""
    group: Group | None
    folded: list[UUID]
    """Near-duplicates of the image that score less."""
    image: Image
    record: RecordSummary | None
    """The first record, by id, that the image shows."""
    also_in: list[UUID]
    """Further records that the image shows."""


class Milliseconds(Shown):
    """Where the time went."""

    decode: float
    encode: float
    search: float
    rows: float
    total: float


class SearchResponse(Shown):
    """The nearest images, best first."""

    query: QueryEcho
    embed_version: VersionRef
    """The first, where several answered."""
    embed_versions: list[VersionRef] | None
    """All of them, where several answered."""
    total: int
    """Images that could have been found in this version: all that pass the filters. An estimate
    when an index answered; under filters then at least so many."""
    hits: list[Hit]
    next_cursor: str | None
    """Gives the next page; null: there is none."""
    path: Path
    """How the nearest were found; all but exact may miss some."""
    compared: int
    """Vectors the query was compared with; roughly, when an index answered."""
    expected_recall: float | None
    """Share of the true ten nearest to expect; 1: none is missed; null: nobody measured it."""
    timing_ms: Milliseconds


class WhyParams(SearchParams):
    """A search, and one of the images it finds."""

    image_id: UUID
    """The image to explain."""


class NearWord(Shown):
    """A word that a picture is like."""

    word: str
    score: float
    """Cosine similarity of word and picture."""
    above: float
    """By how much that is more than with the museum's pictures on average."""


class PartScore(Shown):
    """How much one part of the query is like the image."""

    kind: Literal["words", "picture", "less"]
    label: str
    """The words, the id of an image or of an upload, or what else it was."""
    score: float
    """Cosine similarity in [-1, 1]."""


class SharedValue(Shown):
    """A value that two records share, or that the words name."""

    name: str
    value: str


class Why(Shown):
    """What speaks for an image as an answer."""

    image_id: UUID
    embed_version: VersionRef
    score: float
    """Cosine similarity of the whole query and the image."""
    parts: list[PartScore]
    words: list[NearWord]
    """Best first. What the model sees in the picture, whatever was asked."""
    shared: list[SharedValue]
    """What its record has in common with that of the picture or record asked for."""
    named: list[SharedValue]
    """What its record says that the words of the query say too."""


class SeedRecord(Shown):
    """One hit in the shape that clients of the predecessor know."""

    id: UUID
    scientific_name: str
    common_name: str
    name: str
    description: str
    image_source_name: str
    specimen_source_name: str
    external_id: UUID
    media_url: str | None
    specimen_id: str | None
    recorded_by: str | None
    collection_date: str | None
    source: str | None
    latitude: float | None
    longitude: float | None
    model: str
    pretrained: str
    embed_version: str


class SeedResponse(Shown):
    """The answer of POST /api/search."""

    search_param: str | None
    filename: str | None
    record_count: int
    records: list[SeedRecord]
    embed_version: str

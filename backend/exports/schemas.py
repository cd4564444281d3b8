"""What is exported or cited, and the receipt of it."""

import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from backend.schemas import Shown
from backend.search.schemas import SearchParams
from backend.versions.schemas import VersionRef

Format = Literal["csv", "parquet", "dwca", "images"]
MOST_NEAREST = 2000


class SetParams(SearchParams):
    """A set of images: those listed, else the nearest of a query, else all that pass filters."""

    images: Annotated[list[UUID], Field(max_length=5000)] = []
    """Ids of images."""
    nearest: Annotated[int, Field(ge=1, le=MOST_NEAREST)] = 200
    """How many, of a query."""


class ExportRequest(SetParams):
    """A set of images, and how it is wanted."""

    format: Format
    """`csv` and `parquet`: a row for each image; `dwca`: a Darwin Core Archive; `images`: a list of
    pictures with addresses, sizes and credit lines."""
    columns: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)] = []
    """Of csv and parquet; absent: all."""
    vectors: bool = False
    """Of parquet: the vectors, as `emb` beside `uuid`."""


class Contribution(Shown):
    """What one dataset gave."""

    id: UUID
    source: str
    key: str
    """Its key at the source; GBIF's is what a derived dataset is registered with."""
    title: str
    publisher: str | None
    licence: str | None
    doi: str | None
    citation: str
    images: int
    records: int


class LicenceCount(Shown):
    """Images under one licence."""

    code: str
    label: str
    images: int


class Citation(Shown):
    """How to cite a set."""

    text: str
    bibtex: str
    ris: str
    derived_dataset: str
    """Records per GBIF dataset, as lines `key,count` for a derived-dataset DOI; empty for none."""


class SetSummary(Shown):
    """What a set comes to."""

    images: int
    records: int
    datasets: list[Contribution]
    licences: list[LicenceCount]
    licence_summary: list[str]
    """What may be done with the images, in sentences."""


class Cited(SetSummary):
    """A set and how to cite it."""

    embed_version: VersionRef
    link: str
    """Finds the set again."""
    citation: Citation


class ExportFile(Shown):
    """The file of a receipt."""

    name: str
    bytes: int
    sha256: str
    url: str | None
    """Null when it is no longer kept; the receipt stays."""
    kept_until: datetime.datetime


class Receipt(Shown):
    """What was exported, when, and how to cite it. Permanent, unlike its file."""

    id: UUID
    link: str
    state: Literal["waiting", "running", "done", "failed"]
    done: int
    """Rows written."""
    total: int
    """Rows to write, 0 while that is not known."""
    error: str | None
    query: dict[str, Any]
    """The set, by the parameters of the search; empty for everything."""
    search_path: str
    """The page that asks the same."""
    listed: bool
    """Whether the set is a fixed list of images: the nearest then, or chosen by hand."""
    format: Format
    vectors: bool
    made_with: dict[str, Any]
    """Embed version, model, checksum of its weights, program."""
    at: datetime.datetime
    finished_at: datetime.datetime | None
    summary: SetSummary | None
    """Once the file is made."""
    citation: Citation | None
    file: ExportFile | None

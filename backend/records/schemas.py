"""A record as the API shows it, short and in full."""

import datetime
from typing import Any, Literal
from uuid import UUID

from backend.images.schemas import Image, Licence
from backend.schemas import Shown
from backend.versions.schemas import VersionRef


class DatasetRef(Shown):
    """A dataset by name."""

    id: UUID
    title: str


class RecordFields(Shown):
    """What is said of a record wherever it appears."""

    id: UUID
    scientific_name: str | None
    """As given, with authorship."""
    canonical_name: str | None
    authorship: str | None
    taxon_rank: str | None
    vernacular_name: str | None
    order: str | None
    family: str | None
    genus: str | None
    species: str | None
    country: str | None
    locality: str | None
    event_date: str | None
    """As published: a year stays a year."""
    decimal_latitude: float | None
    decimal_longitude: float | None
    coordinate_uncertainty_m: float | None
    recorded_by: str | None
    institution_code: str | None
    collection_code: str | None
    catalog_number: str | None


class RecordSummary(RecordFields):
    """A record beside a picture."""

    dataset: DatasetRef


class DatasetDetail(DatasetRef):
    """A dataset with its rights and where it came from."""

    publisher: str | None
    licence: Licence
    citation: str | None
    doi: str | None
    url: str | None
    source: str
    retrieved_at: datetime.datetime


class Issue(Shown):
    """A named doubt about a value, in words."""

    name: str
    text: str


class Rank(Shown):
    """One step of the classification."""

    rank: str
    name: str


class Publication(Shown):
    """The same specimen as another source publishes it."""

    id: UUID
    """Its record here."""
    dataset: DatasetRef
    source: str
    """Kind of source: gbif, idigbio, …"""
    source_record_id: str
    source_url: str | None


class RecordDetail(RecordFields):
    """Everything known of a record: interpreted, and as published."""

    dataset: DatasetDetail
    source: str
    source_record_id: str
    occurrence_id: str | None
    basis_of_record: str | None
    type_status: str | None
    sex: str | None
    life_stage: str | None
    preparations: str | None
    identified_by: str | None
    event_start: datetime.date | None
    event_end: datetime.date | None
    country_code: str | None
    state_province: str | None
    county: str | None
    geodetic_datum: str | None
    information_withheld: str | None
    licence: Licence
    rights_holder: str | None
    references_url: str | None
    first_seen: datetime.datetime
    last_seen: datetime.datetime
    taxonomy: list[Rank]
    """From the kingdom down."""
    verbatim: dict[str, Any]
    """Every cell as published, by its own heading."""
    issues: list[Issue]
    images: list[Image]
    citation: str
    """A line that cites it, with the day of access."""
    source_url: str | None
    shown_as: UUID | None
    """The record that search shows for this specimen, where that is another one."""
    also_published: list[Publication]
    """The same specimen in other sources, the one that is shown first."""


class SimilarHit(Shown):
    """Another record, by the most similar of its images."""

    score: float
    """Cosine of that image with the mean of the record's own, in [-1, 1]."""
    image: Image
    record: RecordSummary


class SimilarRow(Shown):
    """Records that are similar in one sense, the nearest first."""

    kind: Literal["alike", "genus", "place_decade", "collector"]
    label: str
    search: str
    """The query string of the whole search, for the page and for the API."""
    hits: list[SimilarHit]


class Similar(Shown):
    """Similar records in each sense that the record itself allows: none by a date it lacks."""

    embed_version: VersionRef
    rows: list[SimilarRow]

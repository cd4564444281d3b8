"""How the museum stands, as the API shows it."""

import datetime
from typing import Literal
from uuid import UUID

from backend.images.schemas import Licence
from backend.schemas import Shown

Stage = Literal["fetched", "valid", "here", "thumbnail", "embedded", "indexed", "atlas"]


class StageCount(Shown):
    """One stage of the way that an image goes."""

    stage: Stage
    count: int
    of: int
    """Images that could be there: what the stage before has."""
    rate: float | None
    """Images a second over the last minute; null where nothing moves or that is not known yet."""
    seconds_left: float | None


class Status(Shown):
    """The pipeline, and who works on it."""

    records: int
    images: int
    """Images of records that are not withdrawn."""
    embed_version: str | None
    """The default version, which the last three stages are of."""
    stages: list[StageCount]
    states: dict[str, int]
    """Images by state: pending, leased, retry, ok, gone, blocked, invalid."""
    running: int
    """Jobs that run."""
    queued: int
    worker: bool
    """Whether a worker gave a sign of life within the last minute: without one, jobs wait."""
    counted_at: datetime.datetime


class Host(Shown):
    """A host that images come from, and how it is treated."""

    name: str
    waiting: int
    """Images still to be had of it."""
    requests_per_second: float
    """At most."""
    pace: float
    """Just now."""
    connections: int
    breaker: Literal["closed", "open", "half_open"]
    cooldown_seconds: float | None
    """Until it may be asked again."""
    requests: int
    errors: int
    trouble: str | None
    """What last went wrong."""
    crawl_delay: float | None


class Reason(Shown):
    """Why images are missing."""

    host: str | None
    """Null: they lie on this machine."""
    state: str
    reason: str
    count: int
    sample: str


class Hosts(Shown):
    """Hosts, the busiest first, and the most frequent reasons."""

    hosts: list[Host]
    reasons: list[Reason]


class DatasetCoverage(Shown):
    """One dataset: its images by state, and how many each version has."""

    id: UUID
    title: str
    source: str
    publisher: str | None
    licence: Licence
    """Of the dataset; each image has its own."""
    link: str | None
    """Its DOI or its page."""
    retrieved_at: datetime.datetime
    """When it was last read from its source."""
    records: int
    images: int
    ok: int
    waiting: int
    missing: int
    """Gone, blocked or invalid."""
    embedded: dict[str, int]
    """Images with a vector, by embed version."""


class Coverage(Shown):
    """Datasets by embed versions."""

    versions: list[str]
    datasets: list[DatasetCoverage]
    counted_at: datetime.datetime

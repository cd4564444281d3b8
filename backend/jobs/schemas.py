"""Jobs as the API shows them."""

import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from backend.schemas import Shown

State = Literal["queued", "running", "done", "failed", "cancelled"]
Kind = Literal["ingest", "download", "embed", "index", "project", "export", "sync", "train"]


class Job(Shown):
    """One job, queued for a worker or run from a command line."""

    id: UUID
    kind: str
    label: str
    state: State
    done: int
    total: int | None
    """Of what it works on just now; null where that is not known."""
    message: str | None
    """Its last word."""
    error: str | None
    attempts: int
    worker: str | None
    """Machine and process."""
    heartbeat_seconds: float | None
    """Since its worker's last sign of life, while it runs."""
    cancel_requested: bool
    created_at: datetime.datetime
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None


class Jobs(Shown):
    """Jobs, what runs and waits first, then the latest."""

    jobs: list[Job]
    states: dict[State, int]
    """How many there are of each."""
    next_cursor: str | None


class Event(Shown):
    """Something a job said."""

    at: datetime.datetime
    level: Literal["info", "warning", "error"]
    message: str


class Trouble(Shown):
    """Why rows or images were not kept: a reason, how often, and some of them."""

    reason: str
    what: Literal["record", "image"]
    state: str | None
    """Of images."""
    host: str | None
    count: int
    samples: list[str]
    """File and line, or link."""


class JobDetail(Job):
    """A job with all it said."""

    args: dict[str, Any]
    counts: dict[str, Any]
    """What it came to."""
    events: list[Event]
    """The last 500, oldest first."""
    troubles: list[Trouble]
    """The ten most frequent reasons."""


class Asked(Shown):
    """What is asked of the workers; `args` as the command of that kind takes them."""

    kind: Kind
    args: dict[str, Any] = Field(default_factory=dict)

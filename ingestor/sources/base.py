"""What a source of records looks like to the rest of the ingestor."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Cursor = Mapping[str, int | str]
"""Where to go on; stored as JSON with every page."""


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """One published collection, as its metadata describe it."""

    key: str
    title: str
    publisher: str | None = None
    description: str | None = None
    licence_raw: str | None = None
    citation: str | None = None
    doi: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class MediaRow:
    """One medium of a record, as published."""

    locator: str
    """File and line."""
    fields: Mapping[str, str]
    fetch_url: str | None = None
    """Where a rendition lies that is large enough; None: where the source locates the image."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record with its media, as published."""

    locator: str
    source_record_id: str
    """Names the record for good within its kind of source."""
    dataset_key: str
    fields: Mapping[str, str]
    media: Sequence[MediaRow] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    """Values stored with the record's verbatim ones but not interpreted."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be kept as a record or image."""

    locator: str
    reason: str
    dataset_key: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """A batch that is written in one transaction."""

    rows: Sequence[Row]
    rejected: Sequence[Rejected]
    datasets: Sequence[DatasetInfo]
    """Every dataset that this page names."""
    cursor: Cursor
    """Where the page after this one begins."""
    read: int = 0
    """Rows of the record table this page stands for, rejected ones included."""


class Source(Protocol):
    """An archive, folder or service that gives records page by page."""

    @property
    def name(self) -> str:
        """Kind of source: dwca, folder, …; part of every identifier."""

    @property
    def key(self) -> str:
        """What is read, the same at every run: an archive's identifier or a path."""

    @property
    def label(self) -> str:
        """What to call it in front of people."""

    @property
    def fingerprint(self) -> str:
        """Differs when the content differs: a cursor is good for one fingerprint only."""

    @property
    def complete(self) -> bool:
        """Whether the pages showed all there is; where not, nothing counts as withdrawn."""

    @property
    def notes(self) -> Sequence[str]:
        """What of the source is left aside, in words; complete once the last page was read."""

    def count(self) -> int | None:
        """Rows in all, where that is known (approximately)."""

    def pages(
        self, cursor: Cursor | None = None, *, limit: int | None = None
    ) -> AsyncIterator[Page]:
        """Pages from `cursor` (None: from the start), `limit` rows of the source at most."""

    def locate(self, identifier: str) -> str:
        """Return the URL the image can be fetched from; RejectedRow when there is none."""

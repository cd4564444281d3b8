"""The part of a source that changed since a day, counted as the source itself."""

from collections.abc import AsyncIterator, Sequence

from ingestor.sources.base import Cursor, Page, Source


class Since:
    """Reads the pages of `part` under the name of `whole`; nothing counts as withdrawn."""

    complete = False

    def __init__(self, part: Source, whole: Source, since: str) -> None:
        self._part = part
        self._whole = whole
        self._since = since
        self.name = whole.name
        self.key = whole.key
        self.label = f"{whole.label}, changed since {since}"

    @property
    def fingerprint(self) -> str:
        """Differs from that of the whole, and from day to day."""
        return f"{self._part.fingerprint} since {self._since}"

    @property
    def notes(self) -> Sequence[str]:
        """What the part leaves aside."""
        return self._part.notes

    @property
    def in_all(self) -> int | None:
        """Records of the whole source, as it counts them."""
        return self._whole.count()

    def count(self) -> int | None:
        """Records that changed."""
        return self._part.count()

    def pages(
        self, cursor: Cursor | None = None, *, limit: int | None = None
    ) -> AsyncIterator[Page]:
        """Pages of what changed."""
        return self._part.pages(cursor, limit=limit)

    def locate(self, identifier: str) -> str:
        """Return the URL the image can be fetched from; RejectedRow."""
        return self._part.locate(identifier)

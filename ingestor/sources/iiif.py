"""IIIF manifests, collections of them, and single image services as a source."""

import hashlib
from collections.abc import AsyncIterator, Sequence

from core.errors import RejectedRow, UnreadableSource
from ingestor.sources.base import Cursor, DatasetInfo, Page, Rejected, Row
from ingestor.sources.iiif_manifest import (
    id_of,
    is_service,
    kind_of,
    label_of,
    manifest_row,
    parts_of,
    rights_of,
    service_row,
)
from ingestor.sources.links import fetchable
from ingestor.sources.portal import Json, Portal

PAGE = 10
"""Manifests in one transaction; each is a request of its own."""
DEEPEST = 8
"""Collections within collections."""


class IiifSource:
    """What one address leads to: a record for every manifest (Presentation API 2.1, 3.0)."""

    name = "iiif"

    def __init__(self, portal: Portal, url: str, *, page_size: int = PAGE) -> None:
        """Nothing is asked before the pages are."""
        self._portal = portal
        self._page_size = page_size
        self.key = url
        self.label = f"IIIF {url}"
        self.complete = True
        self.notes: Sequence[str] = ()

    @property
    def fingerprint(self) -> str:
        """The same for the same address: a cursor names a manifest."""
        return hashlib.sha256(self.key.encode()).hexdigest()

    def count(self) -> int | None:
        """Not known: collections do not say how many manifests they hold in all."""
        return None

    def locate(self, identifier: str) -> str:
        """Return the link as it is; RejectedRow for what is none."""
        return fetchable(identifier, (), _no_member)

    async def pages(
        self, cursor: Cursor | None = None, *, limit: int | None = None
    ) -> AsyncIterator[Page]:
        """Pages of manifests, in the order of the collection."""
        top = await self._portal.get(self.key)
        dataset = DatasetInfo(
            self.key, label_of(top) or self.key, licence_raw=rights_of(top) or None, url=self.key
        )
        after, read = str((cursor or {}).get("after", "")), int((cursor or {}).get("read", 0))
        urls = [url async for url in self._manifests(top, self.key, 0)]
        if after in urls:
            urls = urls[urls.index(after) + 1 :]
        else:
            read = 0  # the collection has changed: from its start
        if limit is not None:
            urls = urls[: max(0, limit - read)]
        for start in range(0, len(urls), self._page_size):
            part = urls[start : start + self._page_size]
            found = [await self._row(url, top) for url in part]
            rows = [row for row in found if isinstance(row, Row)]
            rejected = [row for row in found if isinstance(row, Rejected)]
            read += len(part)
            yield Page(rows, rejected, [dataset], {"after": part[-1], "read": read}, len(part))

    async def _manifests(self, found: Json, url: str, depth: int) -> AsyncIterator[str]:
        """Addresses of the manifests below, each once a collection."""
        if kind_of(found) != "collection":
            yield url
            return
        if depth == DEEPEST:
            raise UnreadableSource(f"{url} lies in more than {DEEPEST} collections: a circle?")
        for kind, part in dict.fromkeys(parts_of(found)):
            if kind == "manifest":
                yield part
            else:
                inner = await self._portal.get(part)
                async for each in self._manifests(inner, part, depth + 1):
                    yield each

    async def _row(self, url: str, top: Json) -> Row | Rejected:
        """Return the record of a manifest; one that cannot be had does not stop the others."""
        found = top
        if url != self.key:
            try:
                found = await self._portal.get(url)
            except UnreadableSource as error:
                return Rejected(url, error.detail, self.key, {"manifest": url})
        if is_service(found):
            return service_row(found, url, self.key)
        if kind_of(found) != "manifest" or not id_of(found):
            reason = "is neither a IIIF manifest nor an image service"
            if url == self.key:
                raise UnreadableSource(f"{url} {reason}")
            return Rejected(url, reason, self.key, {"manifest": url})
        return manifest_row(found, self.key)


def _no_member(name: str) -> str:
    raise RejectedRow(f"the link is not one that can be fetched: {name[:80]}")

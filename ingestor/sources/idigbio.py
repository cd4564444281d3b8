"""iDigBio's search as a source: records in the order of their uuids, media joined by uuid."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Literal

from core.errors import InvalidSetting, RejectedRow
from ingestor.sources.base import Cursor, DatasetInfo, Page, Rejected, Row
from ingestor.sources.idigbio_record import (
    dataset_of,
    join,
    media_of,
    recordset,
    specimen_row,
)
from ingestor.sources.links import fetchable
from ingestor.sources.portal import Json, JsonValue, Portal, as_count, as_text, rows_of
from ingestor.sources.portal_answers import Check

Rendition = Literal["small", "original"]
"""small: iDigBio's own copy of 600 pixels, or the museum's IIIF at 1024; original: as published."""

PAGE = 200
MEDIA_PAGE = 1000
"""iDigBio gives 5,000 at most."""


def parse_rq(text: str) -> Json:
    """Return the record query (iDigBio's rq) given as JSON; InvalidSetting.

    Only records with images are asked for, unless the query speaks of hasImage itself.
    """
    try:
        rq = json.loads(text)
    except ValueError as error:
        raise InvalidSetting(f"--rq is not JSON: {error}") from error
    return parse_record_query(rq)


def parse_record_query(rq: object) -> Json:
    """Return a record query that can be asked; InvalidSetting."""
    if not isinstance(rq, dict) or not rq:
        raise InvalidSetting('--rq must be a JSON object such as {"order":"lepidoptera"}')
    if "uuid" in rq:
        raise InvalidSetting("--rq cannot name uuid: pages are cut by it; ask by another term")
    return {**rq, "hasImage": rq.get("hasImage", True)}


async def open_idigbio(
    portal: Portal,
    base_url: str,
    media_url: str,
    rq: Json,
    *,
    rendition: Rendition = "small",
    page_size: int = PAGE,
) -> "IdigbioSource":
    """Ask iDigBio how many records the query has and return the source of them."""
    source = IdigbioSource(portal, base_url, media_url, rq, rendition, page_size)
    await source.look()
    return source


class IdigbioSource:
    """The records of one query.

    A page asks for what comes after the last uuid, so that pages cannot shift while being read
    and iDigBio's window of 100,000 records is never reached.
    """

    name = "idigbio"

    def __init__(
        self,
        portal: Portal,
        base_url: str,
        media_url: str,
        rq: Json,
        rendition: Rendition,
        page_size: int,
    ) -> None:
        """Use `open_idigbio`."""
        self._portal = portal
        self._base_url = base_url
        self._media_url = media_url
        self._rq = rq
        self._rendition = rendition
        self._page_size = page_size
        self._total = 0
        self._datasets: dict[str, DatasetInfo] = {}
        asked = json.dumps(rq, sort_keys=True, ensure_ascii=False)
        self.key = f"{base_url} {asked}"
        self.label = f"iDigBio {asked}"
        self.complete = True
        self.notes: Sequence[str] = ()

    @property
    def fingerprint(self) -> str:
        """The same while question and rendition are: a cursor names a uuid, not a page."""
        return hashlib.sha256(f"{self.key} {self._rendition}".encode()).hexdigest()

    async def look(self) -> None:
        """Count the records."""
        self._total = as_count(
            (await self._search("records", {"rq": self._rq}, 0)).get("itemCount")
        )

    def count(self) -> int | None:
        """Records of the query when it was opened."""
        return self._total

    def locate(self, identifier: str) -> str:
        """Return the link as it is; RejectedRow for what is none."""
        return fetchable(identifier, (), _no_member)

    async def pages(
        self, cursor: Cursor | None = None, *, limit: int | None = None
    ) -> AsyncIterator[Page]:
        """Pages of records with their media, ascending by uuid."""
        after, read = str((cursor or {}).get("after", "")), int((cursor or {}).get("read", 0))
        while limit is None or read < limit:
            wanted = self._page_size if limit is None else min(self._page_size, limit - read)
            bound: Json = {"uuid": {"type": "range", "gt": after}} if after else {}
            answer = await self._search("records", {"rq": {**self._rq, **bound}}, wanted, after)
            items = {as_text(item["uuid"]): item for item in rows_of(answer, "items")}
            if items:
                after, read = max(items), read + len(items)
                yield await self._page(answer, items, {"after": after, "read": read})
            if as_count(answer.get("itemCount")) <= len(items):
                await self._compare(read)
                return

    async def _compare(self, read: int) -> None:
        """Note it where iDigBio counts more than it showed."""
        await self.look()
        if read < self._total:
            self.complete = False
            self.notes = [
                f"iDigBio counts {self._total:,} records but showed {read:,}: nothing was"
                " withdrawn; run the same command again later"
            ]

    async def _page(self, answer: Json, items: Mapping[str, Json], cursor: Cursor) -> Page:
        listed = sorted({uuid for item in items.values() for uuid in media_of(item)})
        media = await self._media(listed)
        for entry in rows_of(answer, "attribution"):
            self._datasets[as_text(entry.get("uuid"))] = dataset_of(entry)
        joined = join(items, media)
        rows: list[Row] = []
        rejected: list[Rejected] = []
        for uuid, item in items.items():
            found = [media[each] for each in joined[uuid] if each in media]
            rows.append(specimen_row(item, found, self._media_url, self._rendition))
            rejected += _withheld(item, [each for each in joined[uuid] if each not in media])
        keys = dict.fromkeys(row.dataset_key for row in rows)
        datasets = [self._datasets.get(key) or dataset_of({"uuid": key}) for key in keys]
        return Page(rows, rejected, datasets, cursor, len(rows))

    async def _media(self, uuids: Sequence[str]) -> dict[str, Json]:
        """Return the media of these uuids, those that iDigBio still has."""
        found: dict[str, Json] = {}
        for start in range(0, len(uuids), MEDIA_PAGE):
            wanted: list[JsonValue] = [*uuids[start : start + MEDIA_PAGE]]
            answer = await self._search("media", {"mq": {"uuid": wanted}}, len(wanted))
            found |= {as_text(item["uuid"]): item for item in rows_of(answer, "items")}
        return found

    async def _search(
        self, what: str, ask: Mapping[str, JsonValue], limit: int, after: str = ""
    ) -> Json:
        body = {
            **ask,
            "limit": limit,
            "sort": [{"uuid": "asc"}],
            "fields_exclude": ["indexData"],
            "no_attribution": what == "media" or limit == 0,
        }
        url = f"{self._base_url}/v2/search/{what}"
        return await self._portal.post(url, body, check=_checked(limit, after))


def _checked(limit: int, after: str) -> Check:
    def check(found: object) -> str | None:
        count = as_count(found.get("itemCount")) if isinstance(found, dict) else -1
        uuids = [as_text(item.get("uuid")) for item in rows_of(found, "items")]
        if count < 0:
            return "sent no page of records"
        if len(uuids) < min(limit, count):
            return f"sent {len(uuids)} of {min(limit, count)} records"
        if any(uuid <= after for uuid in uuids):
            return "sent records that were not asked for"
        return None

    return check


def _withheld(item: Json, uuids: Sequence[str]) -> Iterator[Rejected]:
    for uuid in uuids:
        locator = f"records/{as_text(item.get('uuid'))}/media/{uuid}"
        reason = "iDigBio lists the medium with its record but does not give it"
        yield Rejected(locator, reason, recordset(item), {"uuid": uuid})


def _no_member(name: str) -> str:
    raise RejectedRow(f"the link is not one that can be fetched: {name[:80]}")

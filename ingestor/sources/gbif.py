"""GBIF's occurrence search as a source: every record once, however it shifts while being read."""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from core.errors import RejectedRow
from ingestor.sources.base import Cursor, DatasetInfo, Page, Rejected, Row
from ingestor.sources.gbif_cells import Cell, Path, cells
from ingestor.sources.gbif_datasets import Datasets
from ingestor.sources.gbif_query import GbifQuery
from ingestor.sources.gbif_record import Rendition, occurrence_row
from ingestor.sources.links import fetchable
from ingestor.sources.portal import Json, Portal, as_count, as_text, rows_of

PAGE = 300
"""The most that GBIF gives at once."""
WINDOW = 100_000
"""offset + limit may not exceed it."""
FACET_PAGE = 1000
SWEEPS = 3
"""How often a cell is read before what it still withholds is let go."""


@dataclass(frozen=True)
class _Place:
    """How far the reading is."""

    path: Path | None = None
    """Cell being read."""
    offset: int = 0
    got: int = 0
    """Records of the cell, each counted once."""
    most: int = 0
    """Largest count of the cell since it was begun: if it falls, later records moved forward."""
    read: int = 0
    """Records in all."""

    @classmethod
    def of(cls, cursor: Cursor | None) -> "_Place":
        if not cursor:
            return cls()
        path = tuple((str(f), str(v)) for f, v in json.loads(str(cursor["cell"])))
        numbers = (int(cursor[name]) for name in ("offset", "got", "most", "read"))
        return cls(path, *numbers)

    @property
    def cursor(self) -> Cursor:
        cell = json.dumps(self.path or ())
        numbers = {"offset": self.offset, "got": self.got, "most": self.most, "read": self.read}
        return {"cell": cell, **numbers}


async def open_gbif(
    portal: Portal,
    base_url: str,
    query: GbifQuery,
    *,
    rendition: Rendition = "small",
    page_size: int = PAGE,
    window: int = WINDOW,
) -> "GbifSource":
    """Ask GBIF how many records the query has and return the source of them."""
    source = GbifSource(portal, base_url, query, rendition, page_size, window)
    await source.look()
    return source


class GbifSource:
    """The records of one search."""

    name = "gbif"

    def __init__(
        self,
        portal: Portal,
        base_url: str,
        query: GbifQuery,
        rendition: Rendition,
        page_size: int,
        window: int,
    ) -> None:
        """Use `open_gbif`."""
        self._portal = portal
        self._base_url = base_url
        self._query = query
        self._rendition = rendition
        self._page_size = page_size
        self._window = window
        self._total = 0
        self._datasets = Datasets(portal, base_url)
        self.key = f"{base_url} {query.text}"
        self.label = f"GBIF ({query.text})"
        self.complete = True
        self.notes: Sequence[str] = query.notes

    @property
    def fingerprint(self) -> str:
        """The same while question and rendition are: a cursor names its place, not a page."""
        return hashlib.sha256(f"{self.key} {self._rendition}".encode()).hexdigest()

    async def look(self) -> None:
        """Count the records."""
        self._total = as_count((await self._search((), 0, 0)).get("count"))

    def count(self) -> int | None:
        """Records of the search when it was opened."""
        return self._total

    def locate(self, identifier: str) -> str:
        """Return the link as it is; RejectedRow for what is none."""
        return fetchable(identifier, (), _no_member)

    async def pages(
        self, cursor: Cursor | None = None, *, limit: int | None = None
    ) -> AsyncIterator[Page]:
        """Pages of each cell of the search in turn."""
        place = _Place.of(cursor)
        few = limit is not None and limit <= self._window
        window = self._total if few else self._window
        after = place.path or ()
        async for cell in cells(self._counted, (), self._total, window, after):
            if place.path != cell.path:
                place = _Place(cell.path, read=place.read)
            async for page in self._cell(cell, place, limit):
                yield page
                place = _Place.of(page.cursor)
            if limit is not None and place.read >= limit:
                return

    async def _cell(self, cell: Cell, place: _Place, limit: int | None) -> AsyncIterator[Page]:
        """Pages of a cell; again from its start where pages shifted and records slipped through."""
        seen: set[str] = set()
        count = cell.count
        for _ in range(SWEEPS):
            while True:
                wanted = min(self._page_size, self._window - place.offset)
                if limit is not None:
                    wanted = min(wanted, limit - place.read)
                if wanted <= 0:
                    break
                answer = await self._search(cell.path, place.offset, wanted)
                count = as_count(answer.get("count"))
                page = await self._page(answer, place, seen)
                yield page
                place = _Place.of(page.cursor)
                if place.offset >= count:
                    break
            if limit is not None and place.read >= limit:
                return
            if place.got >= count >= place.most:
                return
            place = replace(place, offset=0, most=0)
        self.complete = False
        self.notes = [
            *self.notes,
            f"GBIF counts {count:,} records of {_shown(cell.path)} but showed {place.got:,}, or"
            " they changed while being read: nothing was withdrawn; run the command again later",
        ]

    async def _page(self, answer: Json, place: _Place, seen: set[str]) -> Page:
        """Return the rows of an answer that were not seen yet; the cursor is the place after it."""
        rows: list[Row] = []
        rejected: list[Rejected] = []
        results = rows_of(answer, "results")
        for occurrence in results:
            row = self._row(occurrence)
            name = row.source_record_id if isinstance(row, Row) else row.locator
            if name in seen:
                continue
            seen.add(name)
            if isinstance(row, Row):
                rows.append(row)
            else:
                rejected.append(row)
        new = len(rows) + len(rejected)
        after = replace(
            place,
            offset=place.offset + len(results),
            got=place.got + new,
            most=max(place.most, as_count(answer.get("count"))),
            read=place.read + new,
        )
        names = {row.dataset_key: row.fields.get("datasetName", "") for row in rows}
        datasets = [await self._datasets.get(key, name) for key, name in names.items()]
        if rejected:
            datasets.append(DatasetInfo("", "GBIF, dataset not named"))
        return Page(rows, rejected, datasets, after.cursor, new)

    def _row(self, occurrence: Json) -> Row | Rejected:
        checklist = self._query.checklist
        try:
            return occurrence_row(occurrence, self._base_url, self._rendition, checklist)
        except KeyError as error:
            given = {name: as_text(value) for name, value in occurrence.items()}
            mark = hashlib.md5(repr(sorted(given.items())).encode()).hexdigest()
            reason = f"the occurrence has no {error.args[0]}"
            return Rejected(f"occurrence#{mark}", reason, "", given)

    async def _search(self, path: Path, offset: int, limit: int, *more: tuple[str, str]) -> Json:
        cut = {name for name, _ in path}  # repeated parameters mean "or": a part replaces the whole
        parameters = [pair for pair in self._query.parameters if pair[0] not in cut]
        parameters += [*path, *more, ("offset", str(offset)), ("limit", str(limit))]
        url = f"{self._base_url}/v1/occurrence/search"

        def check(found: object) -> str | None:
            count = as_count(found.get("count")) if isinstance(found, dict) else -1
            if count < 0 or not isinstance(found, dict) or "results" not in found:
                return "sent no page of records"
            if limit and offset < count and not rows_of(found, "results"):
                return "sent an empty page in the middle"
            return None

        return await self._portal.get(url, parameters, check=check)

    async def _counted(self, path: Path, facet: str) -> tuple[int, dict[str, int]]:
        values: dict[str, int] = {}
        while True:
            answer = await self._search(
                path,
                0,
                0,
                ("facet", facet),
                ("facetLimit", str(FACET_PAGE)),
                ("facetOffset", str(len(values))),
            )
            facets = rows_of(answer, "facets")
            listed = rows_of(facets[0], "counts") if facets else []
            known = len(values)
            values |= {as_text(each.get("name")): as_count(each.get("count")) for each in listed}
            if len(listed) < FACET_PAGE or len(values) == known:
                return as_count(answer.get("count")), values


def _shown(path: Path) -> str:
    return ", ".join(f"{facet}={value}" for facet, value in path) or "the search"


def _no_member(name: str) -> str:
    raise RejectedRow(f"the link is not one that can be fetched: {name[:80]}")

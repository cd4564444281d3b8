"""Darwin Core Archives: zip, tar, directory or one table, read row by row."""

import hashlib
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from pathlib import Path

from core.errors import RejectedRow, UnreadableSource
from ingestor.identity import local_key
from ingestor.sources.base import Cursor, DatasetInfo, MediaRow, Page, Rejected, Row
from ingestor.sources.dwca_container import open_container
from ingestor.sources.dwca_eml import package_id, read_eml
from ingestor.sources.dwca_join import Extensions, associated_media
from ingestor.sources.dwca_meta import describe
from ingestor.sources.dwca_table import TableRow, count_lines, read_table
from ingestor.sources.links import fetchable
from ingestor.sources.rowindex import KeptRow, RowIndex
from ingestor.sources.threads import in_threads

PAGE = 1000


class DwcaSource:
    """One archive; use as a context manager."""

    name = "dwca"
    complete = True

    def __init__(self, path: Path, unpacked: Path, *, page_size: int = PAGE) -> None:
        """Open the archive; UnreadableSource in one line when nothing can be read from it."""
        self.label = path.name
        self._path = path.absolute()
        self._page_size = page_size
        self._container = open_container(path, unpacked)
        self._described = describe(self._container, path.name)
        types = {t.row_type for t in self._described.extensions}
        if self._described.core.row_type == "Event" and "Occurrence" not in types:
            raise UnreadableSource(f"{path.name} lists events without occurrences: no records")
        self._eml = self._metadata()
        self.key = (package_id(self._eml) if self._eml else None) or local_key(self._path)
        self._datasets: dict[str, DatasetInfo] = {}
        self.notes: Sequence[str] = ()

    def __enter__(self) -> "DwcaSource":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def fingerprint(self) -> str:
        """Size and time of the archive, or of a directory's tables."""
        if self._path.is_dir():
            files = {
                f for t in (self._described.core, *self._described.extensions) for f in t.files
            }
            stats = [(self._path / f).stat() for f in sorted(files) if (self._path / f).exists()]
        else:
            stats = [self._path.stat()]
        return "|".join(f"{s.st_size}:{s.st_mtime_ns}" for s in stats)

    def count(self) -> int | None:
        """Rows of the core table, by its lines."""
        return count_lines(self._container, self._described.core)

    def locate(self, identifier: str) -> str:
        """Return a link as it is, a path of the archive as file: or zip: URL; RejectedRow."""
        return fetchable(identifier, self._container.names, self._container.url)

    def pages(
        self, cursor: Cursor | None = None, *, limit: int | None = None
    ) -> AsyncIterator[Page]:
        """Pages of the core's rows, then of the extension rows that belong to none."""
        return in_threads(self._read(cursor or {}, limit))

    def _read(self, cursor: Cursor, limit: int | None) -> Generator[Page, None, None]:
        start = int(cursor.get("row", 0))
        with RowIndex() as index:
            extensions = Extensions(self._container, self._described, index)
            self.notes = extensions.notes
            draft = _Draft(self, extensions, index)
            done = start
            for number, row in enumerate(read_table(self._container, self._described.core), 1):
                if limit is not None and number > limit:
                    break
                draft.add(row, wanted=number > start)
                if number - done >= self._page_size:
                    yield draft.page({"row": number}, number - done)
                    done = number
            if draft.read > done:
                yield draft.page({"row": draft.read}, draft.read - done)
            if limit is None:
                yield from self._orphans(extensions, draft.read, int(cursor.get("orphan", 0)))

    def _orphans(
        self, extensions: Extensions, read: int, after: int
    ) -> Generator[Page, None, None]:
        dataset = self.dataset(self.key, "")
        while found := extensions.orphans(after, self._page_size):
            after = found[-1][0]
            rejected = [Rejected(at, reason, self.key, cells) for _, at, reason, cells in found]
            yield Page([], rejected, [dataset], {"row": read, "orphan": after})

    def dataset(self, key: str, name: str) -> DatasetInfo:
        """Describe the dataset `key`; `name` is what the row calls it."""
        if key not in self._datasets:
            self._datasets[key] = self._describe_dataset(key, name)
        return self._datasets[key]

    def describes(self, key: str) -> bool:
        """Whether the archive carries metadata of a dataset of that key."""
        return f"dataset/{key}.xml" in self._container.names

    def _describe_dataset(self, key: str, name: str) -> DatasetInfo:
        if self.describes(key):
            with self._container.open(f"dataset/{key}.xml") as file:
                return read_eml(file.read(), key, name or key)
        title = self._path.name.split(".")[0]
        whole = read_eml(self._eml, key, title) if self._eml else DatasetInfo(key, title)
        if key == self.key:
            return whole
        if key.startswith(f"{self.key}#"):  # a part of this archive's one publication
            return DatasetInfo(
                key,
                name or key.removeprefix(f"{self.key}#"),
                publisher=whole.publisher,
                licence_raw=whole.licence_raw,
                citation=whole.citation,
                doi=whole.doi,
                url=whole.url,
            )
        return DatasetInfo(key, name or key)

    def _metadata(self) -> bytes:
        name = self._described.metadata
        if name is None or name not in self._container.names:
            return b""
        with self._container.open(name) as file:
            return file.read()


class _Draft:
    """Gathers rows into pages."""

    def __init__(self, source: DwcaSource, extensions: Extensions, index: RowIndex) -> None:
        self._source = source
        self._extensions = extensions
        self._index = index
        self._names = extensions.names
        self._clear()
        self.read = 0

    def _clear(self) -> None:
        self._rows: list[Row] = []
        self._rejected: list[Rejected] = []
        self._datasets: dict[str, DatasetInfo] = {}

    def page(self, cursor: Cursor, read: int) -> Page:
        """Return what was gathered and begin anew."""
        page = Page(self._rows, self._rejected, list(self._datasets.values()), cursor, read)
        self._clear()
        return page

    def add(self, row: TableRow, *, wanted: bool) -> None:
        """Take a row of the core; where not `wanted`, only remember that it exists."""
        self.read += 1
        if row.key:
            self._index.see(row.key)
        if row.problem:
            if wanted:
                self._reject(row.locator, row.problem, row.cells)
            return
        joined = self._extensions.of(row.key) if wanted or self._extensions.occurrences else []
        if self._extensions.occurrences:
            self._add_event(row, joined, wanted)
        else:
            media = self._extensions.media_of(joined) if wanted else []
            self._add_record(row.locator, row.key, row.cells, joined, media, wanted)

    def _add_event(self, event: TableRow, joined: list[KeptRow], wanted: bool) -> None:
        """Take the occurrences of an event, each completed by what the event says."""
        occurrences = [r for r in joined if r.part in self._extensions.occurrences]
        media = self._extensions.media_of(joined)
        for row in occurrences:
            fields = event.cells | row.cells
            name = self._names.get(fields, "occurrenceID")
            mine = [
                m
                for m in media
                if len(occurrences) == 1 or (name and m.fields.get("occurrenceID") == name)
            ]
            media = [m for m in media if m not in mine]
            self._add_record(self._extensions.locator(row), "", fields, [], mine, wanted)
        for left in media if wanted else []:
            self._reject(
                left.locator, "does not say which of the event's records it shows", left.fields
            )

    def _add_record(
        self,
        locator: str,
        key: str,
        cells: Mapping[str, str],
        joined: list[KeptRow],
        media: list[MediaRow],
        wanted: bool,
    ) -> None:
        content = hashlib.md5(repr(sorted(cells.items())).encode()).hexdigest()
        candidates = self._candidates(cells, key)
        try:
            identifier = self._index.claim(candidates, f"{self._source.key}:{locator}", content)
        except RejectedRow as error:
            if wanted:
                reason = error.detail.replace(f"{self._source.key}:", "")
                self._reject(locator, reason, cells)
            return
        if not wanted:
            return
        fields, kept = self._extensions.with_verbatim(cells, joined)
        listed = fields.get("associatedMedia") or self._names.get(fields, "associatedMedia")
        media = media + associated_media(listed, f"{locator}#associatedMedia")
        dataset = self._dataset_of(cells)
        self._rows.append(Row(locator, identifier, dataset, fields, media, kept))

    def _candidates(self, cells: Mapping[str, str], key: str) -> list[str]:
        """Return what can name the record, best first; only gbifID is unique in the world."""
        get = self._names.get
        own = [get(cells, "occurrenceID"), key]
        if catalog := get(cells, "catalogNumber"):
            parts = (get(cells, "institutionCode"), get(cells, "collectionCode"), catalog)
            own.append(":".join(parts))
        gbif = get(cells, "gbifID")
        return ([gbif] if gbif else []) + [f"{self._source.key}:{i}" for i in own if i]

    def _dataset_of(self, cells: Mapping[str, str]) -> str:
        key = self._names.get(cells, "datasetKey")
        name = self._names.get(cells, "datasetName")
        part = self._names.get(cells, "datasetID") or name
        if not key and part:
            # GBIF's early downloads give the key as datasetID.
            known = self._source.describes(part)
            key = part if known else f"{self._source.key}#{part}"
        key = key or self._source.key
        self._datasets[key] = self._source.dataset(key, name)
        return key

    def _reject(self, locator: str, reason: str, cells: Mapping[str, str]) -> None:
        dataset = self._source.dataset(self._source.key, "")
        self._datasets[dataset.key] = dataset
        self._rejected.append(Rejected(locator, reason, dataset.key, cells))

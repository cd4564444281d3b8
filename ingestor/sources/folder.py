"""A directory of images, with a table of Darwin Core columns or without."""

import hashlib
import os
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from pathlib import Path, PurePosixPath

from core.errors import UnreadableSource
from ingestor.identity import local_key
from ingestor.sources.base import Cursor, DatasetInfo, MediaRow, Page, Rejected, Row
from ingestor.sources.folder_table import FolderTable, species_of
from ingestor.sources.links import fetchable
from ingestor.sources.rowindex import RowIndex
from ingestor.sources.threads import in_threads

PAGE = 500
IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".jp2", ".avif"}


class FolderSource:
    """One directory; each image, or each occurrenceID of its table, is a record."""

    name = "folder"
    complete = True

    def __init__(
        self,
        path: Path,
        records: Path | None = None,
        *,
        title: str | None = None,
        page_size: int = PAGE,
    ) -> None:
        """Look at the directory; UnreadableSource when it, or its table, cannot be read.

        `records` is a CSV whose column `file` names an image; a records.csv in the directory is
        taken where none is given.
        """
        if not path.is_dir():
            raise UnreadableSource(f"{path} is not a directory")
        self._root = path.resolve()
        self.key = local_key(self._root)
        self.label = title or self._root.name
        self.notes: Sequence[str] = ()
        self._page_size = page_size
        found = self._root / "records.csv"
        table = records or (found if found.is_file() else None)
        self._table = FolderTable(table, self.key) if table else None

    def __enter__(self) -> "FolderSource":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open."""

    @property
    def fingerprint(self) -> str:
        """Names, sizes and times of the images and the table."""
        digest = hashlib.sha256()
        paths = [self._root / name for name in self._files()]
        for path in [*paths, *([self._table.path] if self._table else [])]:
            stat = path.stat()
            digest.update(f"{path}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def count(self) -> int | None:
        """Rows of the table, or images."""
        return self._table.count() if self._table else sum(1 for _ in self._files())

    def locate(self, identifier: str) -> str:
        """Return the file: URL of an image in the directory, or a link as it is; RejectedRow."""
        return fetchable(identifier, self, lambda name: (self._root / name).as_uri())

    def __contains__(self, name: object) -> bool:
        path = (self._root / str(name)).resolve()
        return path.is_relative_to(self._root) and path.is_file()

    def pages(
        self, cursor: Cursor | None = None, *, limit: int | None = None
    ) -> AsyncIterator[Page]:
        """Pages of records; with a table, then of the files that no row names."""
        if self._table:
            reading = self._read_table(self._table, cursor or {}, limit)
        else:
            reading = self._read_files(cursor or {}, limit)
        return in_threads(reading)

    def _files(self) -> Iterator[str]:
        """Image files in a fixed order, relative to the directory."""
        for where, folders, files in os.walk(self._root):
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            for file in sorted(files):
                if Path(file).suffix.lower() in IMAGES and not file.startswith("."):
                    yield (Path(where) / file).relative_to(self._root).as_posix()

    def _read_files(self, cursor: Cursor, limit: int | None) -> Generator[Page, None, None]:
        """Every image a record of its own."""
        start = int(cursor.get("row", 0))
        rows: list[Row] = []
        number = start
        for number, name in enumerate(self._files(), start=1):
            if limit is not None and number > limit:
                number = limit
                break
            if number > start:
                rows.append(self._record(name))
            if len(rows) == self._page_size:
                yield self._page(rows, [], {"row": number}, len(rows))
                rows = []
        if rows:
            yield self._page(rows, [], {"row": number}, len(rows))

    def _record(self, name: str) -> Row:
        fields = {"file": name, "title": PurePosixPath(name).stem}
        if species := species_of(name):
            fields["scientificName"] = species
        media = MediaRow(name, {"identifier": name, "title": fields["title"]})
        return Row(name, f"{self.key}:{name}", self.key, fields, [media])

    def _read_table(
        self, table: FolderTable, cursor: Cursor, limit: int | None
    ) -> Generator[Page, None, None]:
        start = int(cursor.get("line", 0))
        rows: list[Row] = []
        rejected: list[Rejected] = []
        read, line = 0, start
        with RowIndex() as index:
            table.load(index)
            for found in table.groups(index, limit):
                if found.line <= start:
                    continue
                line = found.line
                read += found.rows
                rows += found.records
                rejected += found.rejected
                if len(rows) + len(rejected) >= self._page_size:
                    yield self._page(rows, rejected, {"line": line}, read)
                    rows, rejected, read = [], [], 0
            if read:
                yield self._page(rows, rejected, {"line": line}, read)
            if limit is None:
                yield from self._unnamed(table, index, line, int(cursor.get("unnamed", 0)))

    def _unnamed(
        self, table: FolderTable, index: RowIndex, line: int, start: int
    ) -> Generator[Page, None, None]:
        """The images that no row names."""
        rejected: list[Rejected] = []
        reason = f"no row of {table.path.name} names this file"
        number = 0
        for number, name in enumerate((f for f in self._files() if not index.has_seen(f)), 1):
            if number > start:
                rejected.append(Rejected(name, reason, self.key, {"file": name}))
            if len(rejected) == self._page_size:
                yield self._page([], rejected, {"line": line, "unnamed": number}, 0)
                rejected = []
        if rejected:
            yield self._page([], rejected, {"line": line, "unnamed": number}, 0)

    def _page(self, rows: list[Row], rejected: list[Rejected], cursor: Cursor, read: int) -> Page:
        keys = dict.fromkeys([r.dataset_key for r in rows] + [r.dataset_key for r in rejected])
        datasets = [DatasetInfo(key, key.removeprefix(f"{self.key}#")) for key in keys]
        named = [d if d.key != self.key else DatasetInfo(d.key, self.label) for d in datasets]
        return Page(rows, rejected, named, cursor, read)

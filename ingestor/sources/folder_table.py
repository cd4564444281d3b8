"""The table that describes a folder of images: rows to records, images of one record together."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.darwincore import term
from core.errors import RejectedRow, UnreadableSource
from ingestor.sources.base import MediaRow, Rejected, Row
from ingestor.sources.dwca_container import DirectoryContainer
from ingestor.sources.dwca_meta import headed_table
from ingestor.sources.dwca_table import count_lines, read_table
from ingestor.sources.rowindex import KeptRow, RowIndex

_FILE_COLUMNS = ("file", "filename", "image", "path")
_BINOMIAL = re.compile(r"[A-Z][a-z]+(-[a-z]+)?( [a-z]+(-[a-z]+)*){1,2}")
_PROBLEM = "\0"


@dataclass(frozen=True, slots=True)
class Group:
    """What rows of one occurrenceID, or one row without any, come to."""

    line: int
    rows: int
    records: Sequence[Row] = ()
    rejected: Sequence[Rejected] = ()


def species_of(file: str) -> str | None:
    """Return the name of the file's folder where it looks like one of a species."""
    folder = PurePosixPath(file).parent.name.replace("_", " ").strip()
    return folder if _BINOMIAL.fullmatch(folder) else None


class FolderTable:
    """A CSV with Darwin Core columns and one that names a file."""

    def __init__(self, path: Path, key: str) -> None:
        """Read the header; UnreadableSource when there is no such file or column."""
        if not path.is_file():
            raise UnreadableSource(f"{path} does not exist")
        self.path = path.resolve()
        self._key = key
        self._container = DirectoryContainer(self.path.parent, {self.path.name})
        self._table = headed_table(self._container, self.path.name)
        names = [name for _, name in self._table.columns]
        self._columns = {term(name): name for name in reversed(names)}
        plain = {re.sub(r"[\s_-]", "", name).lower(): name for name in reversed(names)}
        column = next((plain[c] for c in _FILE_COLUMNS if c in plain), None)
        if column is None:
            raise UnreadableSource(
                f"{self.path.name} has no column named {', '.join(_FILE_COLUMNS[:-1])} or path"
            )
        self._file_column = column

    def count(self) -> int:
        """Rows, by lines."""
        return count_lines(self._container, self._table)

    def load(self, index: RowIndex) -> None:
        """Put every row into `index` under what makes it one record with others."""

        def keyed() -> Iterator[tuple[str, int, dict[str, str]]]:
            for row in read_table(self._container, self._table):
                occurrence = self._get(row.cells, "occurrenceID")
                key = f"id {occurrence}" if occurrence and not row.problem else f"line {row.line}"
                yield key, row.line, row.cells | ({_PROBLEM: row.problem} if row.problem else {})

        index.add(0, keyed())
        index.finish()

    def groups(self, index: RowIndex, limit: int | None) -> Iterator[Group]:
        """Yield records in the order of their first row; tells `index` which files are named."""
        for number, (key, line) in enumerate(index.keys(), start=1):
            if limit is not None and number > limit:
                return
            rows = index.rows(key)
            try:
                yield Group(line, len(rows), records=[self._record(rows, index)])
            except RejectedRow as error:
                cells = {k: v for k, v in rows[0].cells.items() if k != _PROBLEM}
                at = self._locator(rows[0])
                rejected = Rejected(at, error.detail, self._key, cells)
                yield Group(line, len(rows), rejected=[rejected])

    def _record(self, rows: list[KeptRow], index: RowIndex) -> Row:
        first = rows[0]
        if _PROBLEM in first.cells:
            raise RejectedRow(first.cells[_PROBLEM])
        files = [_plain(row.cells.get(self._file_column, "")) for row in rows]
        for file in files:
            index.see(file)
        fields, kept = self._merge(rows)
        file = next((f for f in files if f), "")
        if not self._get(fields, "scientificName") and (species := species_of(file)):
            fields["scientificName"] = species
        content = hashlib.md5(repr(sorted(first.cells.items())).encode()).hexdigest()
        own = [self._get(fields, "occurrenceID"), file]
        candidates = [f"{self._key}:{name}" for name in own if name]
        at = self._locator(first)
        identifier = index.claim(candidates, f"{self._key}:{at}", content)
        code = self._get(fields, "collectionCode")
        dataset = f"{self._key}#{code}" if code else self._key
        media = [self._media(r, f) for r, f in zip(rows, files, strict=True) if f]
        return Row(at, identifier, dataset, fields, media, kept)

    def _merge(self, rows: list[KeptRow]) -> tuple[dict[str, str], dict[str, str]]:
        """Return what the rows say together: the first value counts, others are kept beside."""
        fields: dict[str, str] = {}
        said: dict[str, list[str]] = {}
        for row in rows:
            for name, value in row.cells.items():
                fields.setdefault(name, value)
                if value not in said.setdefault(name, []):
                    said[name].append(value)
        return fields, {name: " | ".join(v) for name, v in said.items() if len(v) > 1}

    def _media(self, row: KeptRow, file: str) -> MediaRow:
        cells = {k: v for k, v in row.cells.items() if k != self._file_column}
        cells.setdefault("title", PurePosixPath(file).stem)
        return MediaRow(self._locator(row), cells | {"identifier": file})

    def _locator(self, row: KeptRow) -> str:
        return f"{self.path.name}:{row.line}"

    def _get(self, cells: dict[str, str], name: str) -> str:
        return cells.get(self._columns.get(name, name), "").strip()


def _plain(file: str) -> str:
    file = file.strip()
    return file if "://" in file or not file else PurePosixPath(file.replace("\\", "/")).as_posix()

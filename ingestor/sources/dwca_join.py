"""The extensions of a Darwin Core Archive, joined to its core by id."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from core.darwincore import term
from ingestor.sources.base import MediaRow
from ingestor.sources.dwca_container import Container
from ingestor.sources.dwca_meta import Descriptor, Table
from ingestor.sources.dwca_table import TableRow, read_table
from ingestor.sources.rowindex import KeptRow, RowIndex

MEDIA = ("Multimedia", "Audiovisual", "Image")
"""In order of preference where two describe the same image."""

_LINKS = re.compile(r"\s*\|\s*|\s*[;,]\s*(?=https?://)")
_PATHS = re.compile(r"\s*[|;]\s*")
_PROBLEM = "\0"


class Names:
    """Finds a term's value in rows whose publisher spells the terms in some way."""

    def __init__(self, *tables: Table) -> None:
        self._given: dict[str, str] = {}
        for table in tables:
            for name in (*(n for _, n in table.columns), *(n for n, _ in table.defaults)):
                self._given.setdefault(term(name), name)

    def knows(self, given: str) -> bool:
        """Whether the tables have that term in any spelling."""
        return term(given) in self._given

    def get(self, fields: Mapping[str, str], name: str) -> str:
        """Return the value without surrounding space, "" where there is none."""
        return fields.get(self._given.get(name, name), "").strip()


class Extensions:
    """All extension rows, kept on disk, and what each of their tables is good for."""

    def __init__(self, container: Container, described: Descriptor, index: RowIndex) -> None:
        core = described.core
        self._index = index
        self._container = container
        self._tables = sorted(described.extensions, key=_rank)
        self.names = Names(core, *(t for t in self._tables if t.row_type == "Occurrence"))
        # GBIF's downloads carry the publisher's own words as a second table of the core's kind.
        self.verbatim = self._parts(lambda t: t.row_type == core.row_type)
        self.occurrences = self._parts(
            lambda t: core.row_type == "Event" and t.row_type == "Occurrence"
        )
        self.media = self._parts(lambda t: t.row_type in MEDIA)
        self._core_names = Names(core)
        self.notes = tuple(self._load())

    def _parts(self, wanted: Callable[[Table], bool]) -> frozenset[int]:
        return frozenset(n for n, (t, _) in enumerate(self._files()) if wanted(t))

    def _files(self) -> list[tuple[Table, str]]:
        return [(table, file) for table in self._tables for file in table.files]

    def _load(self) -> Iterator[str]:
        """Put every row aside; yield a note on each table that is not used."""
        parts = {file: n for n, (_, file) in enumerate(self._files())}
        used = self.verbatim | self.occurrences | self.media
        for table in self._tables:
            counts = dict.fromkeys(table.files, 0)
            for file, rows in groupby(read_table(self._container, table), key=lambda row: row.file):
                counts[file] += self._index.add(parts[file], map(_kept, rows))
            for file, count in counts.items():
                if count and parts[file] not in used:
                    yield f"not used: {file} ({table.row_type}, {count} rows)"
        self._index.finish()

    def of(self, key: str) -> list[KeptRow]:
        """Return the rows that refer to the core's `key`; none where the core has no id."""
        return self._index.rows(key) if key else []

    def locator(self, row: KeptRow) -> str:
        """File and line of an extension's row."""
        return f"{self._files()[row.part][1]}:{row.line}"

    def with_verbatim(
        self, fields: Mapping[str, str], rows: Sequence[KeptRow]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the fields, and what the publisher's own table says otherwise.

        A term without a column in the core is taken from there; where the core has the column
        but leaves it empty, GBIF has refused the value, and so do we.
        """
        merged = dict(fields)
        kept: dict[str, str] = {}
        for row in rows:
            if row.part not in self.verbatim:
                continue
            for name, value in row.cells.items():
                if not self._core_names.knows(name):
                    merged.setdefault(name, value)
                elif merged.get(name) != value:
                    kept.setdefault(f"verbatim:{name}", value)
        return merged, kept

    def media_of(self, rows: Sequence[KeptRow]) -> list[MediaRow]:
        """Return the rows that describe media, in order of preference."""
        return [MediaRow(self.locator(r), r.cells) for r in rows if r.part in self.media]

    def orphans(self, after: int, limit: int) -> list[tuple[int, str, str, dict[str, str]]]:
        """Return (id, locator, reason, cells) of rows that belong to no record."""
        found = []
        for row in self._index.orphans(after, limit):
            cells = dict(row.cells)
            reason = cells.pop(_PROBLEM, None) or "refers to a row that the core does not have"
            found.append((row.id, self.locator(row), reason, cells))
        return found


def _kept(row: TableRow) -> tuple[str, int, dict[str, str]]:
    """Key, line and cells; a row that cannot be read is kept under a key that no record has."""
    if row.problem:
        return _PROBLEM, row.line, row.cells | {_PROBLEM: row.problem}
    return row.key, row.line, row.cells


def associated_media(value: str, locator: str) -> list[MediaRow]:
    """Split dwc:associatedMedia, a list of links or paths."""
    links = (_LINKS if "://" in value else _PATHS).split(value)
    found = [link.strip(" ;,") for link in links]
    return [
        MediaRow(f"{locator}#{n}", {"identifier": link})
        for n, link in enumerate((f for f in found if f), start=1)
    ]


def _rank(table: Table) -> int:
    return MEDIA.index(table.row_type) if table.row_type in MEDIA else len(MEDIA)

"""Rows by key on disk, so that memory does not grow with the archive."""

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from core.errors import RejectedRow

_SCHEMA = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000;
CREATE TABLE kept (id INTEGER PRIMARY KEY, part INT, key TEXT, line INT, cells TEXT);
CREATE TABLE seen (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE claimed (id TEXT PRIMARY KEY, locator TEXT, content TEXT) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A row put aside: the table it comes from, its line and its non-empty cells."""

    id: int
    part: int
    line: int
    cells: dict[str, str]


class RowIndex:
    """Keeps rows by key in a temporary SQLite file; remembers which keys were asked for."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="rows-", dir=directory)
        path = Path(self._directory.name) / "rows.sqlite"
        # Pages are read in worker threads, one at a time.
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(_SCHEMA + "BEGIN")

    def add(self, part: int, rows: Iterable[tuple[str, int, Mapping[str, str]]]) -> int:
        """Keep (key, line, cells) of table number `part`; returns how many."""
        cursor = self._db.executemany(
            "INSERT INTO kept (part, key, line, cells) VALUES (?, ?, ?, ?)",
            ((part, key, line, json.dumps(cells)) for key, line, cells in rows),
        )
        return max(cursor.rowcount, 0)

    def finish(self) -> None:
        """Make `rows` fast; call once, after the last `add`."""
        self._db.execute("CREATE INDEX kept_key ON kept (key, part, line)")

    def rows(self, key: str) -> list[KeptRow]:
        """Rows with that key by table and line."""
        found = self._db.execute(
            "SELECT id, part, line, cells FROM kept WHERE key = ? ORDER BY part, line", (key,)
        )
        return [KeptRow(i, part, line, json.loads(cells)) for i, part, line, cells in found]

    def keys(self) -> Iterator[tuple[str, int]]:
        """Keys in the order in which they first occur, with that line."""
        yield from self._db.cursor().execute(
            "SELECT key, min(line) AS first FROM kept GROUP BY key ORDER BY first"
        )

    def see(self, key: str) -> None:
        """Remember that `key` exists."""
        self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,))

    def has_seen(self, key: str) -> bool:
        """Whether `see` was called with it."""
        return self._db.execute("SELECT 1 FROM seen WHERE key = ?", (key,)).fetchone() is not None

    def orphans(self, after: int, limit: int) -> list[KeptRow]:
        """Rows whose key was never seen, in order of id, from beyond the id `after`."""
        found = self._db.execute(
            "SELECT id, part, line, cells FROM kept WHERE id > ?"
            " AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.key = kept.key) ORDER BY id LIMIT ?",
            (after, limit),
        )
        return [KeptRow(i, part, line, json.loads(cells)) for i, part, line, cells in found]

    def claim(self, candidates: Iterable[str], locator: str, content: str) -> str:
        """Return the first identifier nobody else has; RejectedRow for the same row once more.

        Published identifiers are not always unique. Where every candidate is taken by a row of
        other content, the row's locator tells it apart.
        """
        for candidate in (*candidates, locator):
            taken = self._db.execute(
                "SELECT locator, content FROM claimed WHERE id = ?", (candidate,)
            ).fetchone()
            if taken is None:
                self._db.execute(
                    "INSERT INTO claimed VALUES (?, ?, ?)", (candidate, locator, content)
                )
                return candidate
            if taken[1] == content:
                raise RejectedRow(f"repeats an earlier row: {taken[0]}")
        raise RejectedRow(f"{locator} was read twice")

    def close(self) -> None:
        """Remove the file."""
        self._db.close()
        self._directory.cleanup()

    def __enter__(self) -> "RowIndex":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

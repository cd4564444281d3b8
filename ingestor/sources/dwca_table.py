"""Rows of a delimited table, one at a time, each with its line number."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingestor.sources.dwca_container import Container
from ingestor.sources.dwca_meta import Table

LONGEST_CELL = 1 << 20
"""Characters; a stray quotation mark can swallow no more than this."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: `problem` says why it cannot be used."""

    file: str
    line: int
    """Number of the row's last line, from 1, header included."""
    key: str
    cells: dict[str, str]
    """Non-empty values by name of the term, defaults filled in."""
    problem: str | None

    @property
    def locator(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"


def count_lines(container: Container, table: Table) -> int:
    """Return about how many rows the table has."""
    total = 0
    for name in table.files:
        lines, last = 0, b"\n"
        with container.open(name) as file:
            while block := file.read(1 << 20):
                lines, last = lines + block.count(b"\n"), block[-1:]
        total += max(lines + (last != b"\n") - table.header_lines, 0)
    return total


def read_table(container: Container, table: Table) -> Iterator[TableRow]:
    """Yield every row of the table's files; a bad row is one with a problem, never an end."""
    csv.field_size_limit(LONGEST_CELL)
    for name in table.files:
        with container.open(name) as file:
            # Bytes that do not decode become surrogates, so that only their row is lost.
            text = io.TextIOWrapper(
                file, encoding=table.encoding, errors="surrogateescape", newline=table.newline
            )
            yield from _rows(name, text, table)


def _rows(name: str, text: Iterable[str], table: Table) -> Iterator[TableRow]:
    expected = max((i for i, _ in table.columns), default=0) + 1
    for number, (line, cells, problem) in enumerate(_split(text, table)):
        if number < table.header_lines:
            expected = max(len(cells), 1)
            continue
        if not any(cells) and problem is None:
            continue
        problem = problem or _shape_problem(cells, expected)
        named = _named(cells, table)
        if problem is None and not _decoded(cells):
            problem = f"is not in the encoding the archive declares ({table.encoding})"
            named = {key: _visible(value) for key, value in named.items()}
        key = cells[table.key] if table.key is not None and table.key < len(cells) else ""
        yield TableRow(name, line, _visible(key).strip(), named, problem)


def _split(text: Iterable[str], table: Table) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield (line number, cells, problem)."""
    if not table.quote:
        for number, line in enumerate(text, start=1):
            yield number, line.rstrip("\r\n").split(table.delimiter), None
        return
    reader = csv.reader(text, delimiter=table.delimiter, quotechar=table.quote)
    while True:
        try:
            cells = next(reader)
            yield reader.line_num, cells, None
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, [], f"cannot be split into cells: {error}"


def _shape_problem(cells: list[str], expected: int) -> str | None:
    """Say what is wrong with a row that a stray delimiter or line break has shifted.

    Missing cells at the end are common and harmless, unless most are missing.
    """
    if len(cells) > expected and any(cell.strip() for cell in cells[expected:]):
        return f"has {len(cells)} cells where {expected} are expected"
    if 2 * len(cells) < expected:
        return f"has {len(cells)} cells where {expected} are expected: is a line broken in two?"
    return None


def _named(cells: list[str], table: Table) -> dict[str, str]:
    named = {
        name: cells[index]
        for index, name in table.columns
        if index < len(cells) and cells[index] and not cells[index].isspace()
    }
    for name, value in table.defaults:
        named.setdefault(name, value)
    return named


def _decoded(cells: list[str]) -> bool:
    whole = "".join(cells)
    try:
        whole.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in whole


def _visible(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

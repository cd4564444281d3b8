"""The descriptor of a Darwin Core Archive (meta.xml), or a guess where there is none.

Source: Darwin Core Text Guide, https://dwc.tdwg.org/text/
"""

import codecs
import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from xml.etree import ElementTree

from core.darwincore import term
from core.errors import UnreadableSource
from ingestor.sources.dwca_container import Container

_ESCAPES = {r"\t": "\t", r"\n": "\n", r"\r": "\r", r"\r\n": "\r\n", r"\\": "\\"}
_TABLES = {".txt", ".csv", ".tsv", ".tab"}
_NO_TABLES = {"citations.txt", "rights.txt", "readme.txt"}
_ROW_TYPES = {"occurrence": "Occurrence", "verbatim": "Occurrence", "multimedia": "Multimedia"}
_ENCLOSED = re.compile(r'"(?:[^"]|"")*"')
_KEY_TERMS = ("gbifID", "occurrenceID", "eventID", "taxonID", "id")


@dataclass(frozen=True, slots=True)
class Table:
    """One data file or several of the same form, described by term and not by position."""

    files: tuple[str, ...]
    row_type: str
    """Occurrence, Multimedia, Audiovisual (Audubon Core), Image, …"""
    encoding: str
    delimiter: str
    quote: str
    """Empty where values are not enclosed."""
    newline: str
    header_lines: int
    key: int | None
    """Column of the core's id, or of an extension's reference to it."""
    columns: tuple[tuple[int, str], ...]
    """Position and name of the term."""
    defaults: tuple[tuple[str, str], ...]
    """Values for empty cells, and for terms that have no column."""

    def position(self, name: str) -> int | None:
        """Return the column of that term, whatever its spelling, if it has one."""
        return next((i for i, given in self.columns if term(given) == name), None)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What an archive says of itself."""

    core: Table
    extensions: tuple[Table, ...]
    metadata: str | None
    """Name of the file that describes the dataset."""


def describe(container: Container, label: str) -> Descriptor:
    """Read meta.xml, or work out what a file without one holds; UnreadableSource."""
    descriptor = next((n for n in container.names if n.lower() == "meta.xml"), None)
    found = _declared(container, descriptor) if descriptor else _guessed(container, label)
    for table in (found.core, *found.extensions):
        for file in table.files:
            if file not in container.names:
                raise UnreadableSource(f"{label}: meta.xml names {file}, which is not there")
    return found


def _declared(container: Container, name: str) -> Descriptor:
    try:
        with container.open(name) as file:
            root = ElementTree.parse(file).getroot()
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise UnreadableSource(f"meta.xml is not well-formed XML: {error}") from error
    core = root.find("{*}core")
    if core is None:
        raise UnreadableSource("meta.xml describes no core table")
    table = _table(core, container)
    if not table.files:
        raise UnreadableSource("meta.xml names no file for the core table")
    others = (_table(e, container) for e in root.findall("{*}extension"))
    extensions = tuple(t for t in others if t.files)
    key_term = _shared_key(table, extensions)
    metadata = (root.get("metadata") or "").strip() or _default_metadata(container)
    return Descriptor(
        _with_key(table, key_term), tuple(_with_key(t, key_term) for t in extensions), metadata
    )


def _table(element: ElementTree.Element, container: Container) -> Table:
    key = element.find("{*}id")
    if key is None:
        key = element.find("{*}coreid")
    fields = [f for f in element.findall("{*}field") if (f.get("term") or "").strip()]
    names = _names((f.get("term") or "").strip() for f in fields)
    named = list(zip(names, fields, strict=True))
    files = tuple((e.text or "").strip() for e in element.findall("{*}files/{*}location"))
    return Table(
        files=files,
        row_type=_row_type((element.get("rowType") or "").strip()),
        encoding=_encoding(element.get("encoding")),
        delimiter=_delimiter(element.get("fieldsTerminatedBy"), container, files),
        quote=_character(element.get("fieldsEnclosedBy"), '"'),
        newline="\r" if _character(element.get("linesTerminatedBy"), "\n") == "\r" else "\n",
        header_lines=_number(element.get("ignoreHeaderLines")) or 0,
        key=None if key is None else _number(key.get("index")),
        columns=tuple(
            (index, name) for name, f in named if (index := _number(f.get("index"))) is not None
        ),
        defaults=tuple((name, value) for name, f in named if (value := f.get("default"))),
    )


def _row_type(uri: str) -> str:
    # Audubon Core calls its rows Multimedia, as GBIF's own extension does.
    return "Audiovisual" if "/ac/terms/" in uri else uri.rstrip("/").rpartition("/")[2]


def _delimiter(value: str | None, container: Container, files: tuple[str, ...]) -> str:
    found = _character(value, "")
    # A literal tab in an XML attribute reaches us as a space; and those who leave the attribute
    # out seldom mean the comma that the standard then prescribes.
    if found.strip(" ") or not files or files[0] not in container.names:
        return found[:1] or ","
    with container.open(files[0]) as file:
        line = file.readline(1 << 20)
    return max(",\t;|", key=lambda mark: line.count(mark.encode()))


def _character(value: str | None, default: str) -> str:
    if value is None:
        return default
    return _ESCAPES.get(value, value)


def _number(value: str | None) -> int | None:
    try:
        return int(value) if value else None
    except ValueError as error:
        raise UnreadableSource(f"meta.xml: {value!r} is not a number") from error


def _encoding(value: str | None) -> str:
    try:
        name = codecs.lookup(value or "utf-8").name
    except LookupError as error:
        raise UnreadableSource(f"meta.xml names an unknown encoding: {value}") from error
    return "utf-8-sig" if name == "utf-8" else name


def _names(given: Iterable[str]) -> list[str]:
    """Return short names; where two terms would share one, the later keeps its full name."""
    names: list[str] = []
    for full in given:
        short = term(full)
        names.append(short if short and short not in names else full)
    return names


def _shared_key(core: Table, extensions: tuple[Table, ...]) -> str | None:
    """Return the term that can stand in where <id> or <coreid> is missing."""
    tables = (core, *extensions)
    if all(t.key is not None for t in tables):
        return None
    return next((k for k in _KEY_TERMS if all(t.position(k) is not None for t in tables)), None)


def _with_key(table: Table, name: str | None) -> Table:
    if table.key is not None or name is None:
        return table
    values = {field: getattr(table, field) for field in Table.__slots__}
    return Table(**(values | {"key": table.position(name)}))


def _default_metadata(container: Container) -> str | None:
    return next((n for n in container.names if n.lower() in {"eml.xml", "metadata.xml"}), None)


def _guessed(container: Container, label: str) -> Descriptor:
    tables = {
        PurePosixPath(n).stem.lower(): n
        for n in sorted(container.names)
        if "/" not in n
        and PurePosixPath(n).suffix.lower() in _TABLES
        and n.lower() not in _NO_TABLES
    }
    if not tables:
        raise UnreadableSource(f"{label} holds neither meta.xml nor a table (.txt, .csv, .tsv)")
    if "occurrence" not in tables and len(tables) > 1:
        several = ", ".join(sorted(tables.values())[:5])
        raise UnreadableSource(f"{label} holds no meta.xml and several tables ({several})")
    core = "occurrence" if "occurrence" in tables else next(iter(tables))
    others = [stem for stem in tables if stem != core and stem in _ROW_TYPES]
    described = headed_table(container, tables[core])
    extensions = tuple(headed_table(container, tables[s], _ROW_TYPES[s]) for s in others)
    key_term = _shared_key(described, extensions)
    if others and key_term is None:
        raise UnreadableSource(f"{label}: no column joins {', '.join(others)} to {tables[core]}")
    return Descriptor(
        _with_key(described, key_term),
        tuple(_with_key(t, key_term) for t in extensions),
        _default_metadata(container),
    )


def headed_table(container: Container, name: str, row_type: str = "Occurrence") -> Table:
    """Describe a table by its header line; UnreadableSource when it is empty."""
    with container.open(name) as file:
        start = file.read(1 << 20)
    encoding = _sniff_encoding(start)
    lines = start.decode(encoding, "replace").lstrip("\ufeff").split("\n")
    header = lines[0].rstrip("\r")
    if not header.strip():
        raise UnreadableSource(f"{name} is empty")
    delimiter = max("\t,;|", key=header.count)
    quoted = delimiter != "\t" or _is_quoted(lines)
    cells = next(csv.reader([header], delimiter=delimiter)) if quoted else header.split(delimiter)
    names = [cell.strip() for cell in cells]
    return Table(
        files=(name,),
        row_type=row_type,
        encoding=encoding,
        delimiter=delimiter,
        quote='"' if quoted else "",
        newline="\n",
        header_lines=1,
        key=None,
        columns=tuple((i, n) for i, n in enumerate(names) if n and n not in names[:i]),
        defaults=(),
    )


def _is_quoted(lines: list[str]) -> bool:
    """Whether every cell of a tab-separated table that begins with a quotation mark is enclosed.

    GBIF's simple downloads enclose only where they must; others have loose quotation marks.
    """
    whole = (line.rstrip("\r") for line in (lines[:-1] if len(lines) > 1 else lines))
    begun = [cell for line in whole for cell in line.split("\t") if cell.startswith('"')]
    return bool(begun) and all(_ENCLOSED.fullmatch(cell) for cell in begun)


def _sniff_encoding(start: bytes) -> str:
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if start.startswith(mark):
            return encoding
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8-sig"

"""Every record and licence statement of the real data, as rows of text."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.darwincore import term
from tests.paths import SHARED_DATA

Row = dict[str, str]


def occurrence_rows() -> Iterator[tuple[str, Row]]:
    """(where it is from, row) of all tables and API answers that describe occurrences."""
    for path in sorted((SHARED_DATA / "records").rglob("*.json")):
        for item in _items(json.loads(path.read_text("utf-8"))):
            yield path.name, item
    tables = [SHARED_DATA / "images" / "records.csv"]
    tables += sorted((SHARED_DATA / "records").rglob("*.csv"))
    tables += sorted((SHARED_DATA / "records" / "dwca").rglob("occurrence.txt"))
    for path in tables:
        for row in rows_of(path.read_bytes()):
            yield str(path.relative_to(SHARED_DATA)), row
    for path in sorted((SHARED_DATA / "records" / "dwca").rglob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if Path(name).name in {"occurrence.txt", "verbatim.txt", "occurrence.csv"}:
                    for row in rows_of(archive.read(name)):
                        yield f"{path.name}!{name}", row


def multimedia_rows() -> Iterator[Row]:
    """Rows of all multimedia tables, and the media of the API answers."""
    for path in sorted((SHARED_DATA / "records" / "dwca").rglob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if Path(name).name in {"multimedia.txt", "media.txt", "image.txt"}:
                    yield from rows_of(archive.read(name))
    for path in sorted((SHARED_DATA / "records").glob("gbif_api*/**/*.json")):
        answer = json.loads(path.read_text("utf-8"))
        for result in answer.get("results", []) if isinstance(answer, dict) else []:
            for medium in result.get("media", []):
                yield _text(medium)


def licence_statements() -> Iterator[str]:
    """Every value of a licence or rights term anywhere in the real data."""
    wanted = {"license", "rights", "WebStatement", "UsageTerms", "license_code", "license_url"}
    for path in sorted(SHARED_DATA.rglob("*.json")):
        yield from _values(json.loads(path.read_text("utf-8")), wanted)
    for path in sorted(SHARED_DATA.rglob("*.csv")):
        for row in rows_of(path.read_bytes()):
            yield from _values(row, wanted)
    for row in multimedia_rows():
        yield from _values(row, wanted)
    for _, row in occurrence_rows():
        yield from _values(row, wanted)


def rows_of(data: bytes) -> list[Row]:
    text = data.decode("utf-8", errors="replace")
    tabs = text.count("\t") > text.count(",")
    quoting = csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL
    csv.field_size_limit(10**9)
    table = csv.DictReader(io.StringIO(text), delimiter="\t" if tabs else ",", quoting=quoting)
    return [{k: v for k, v in row.items() if k is not None and v is not None} for row in table]


def _items(answer: Any) -> Iterator[Row]:
    """The occurrences of a GBIF or iDigBio answer, flattened."""
    if isinstance(answer, list):
        for each in answer:
            yield from _items(each)
    elif isinstance(answer, dict) and isinstance(answer.get("results"), list):
        yield from (_text(result) for result in answer["results"] if isinstance(result, dict))
    elif isinstance(answer, dict) and isinstance(answer.get("items"), list):
        yield from (_text(item.get("data", {})) for item in answer["items"])
    elif isinstance(answer, dict) and "basisOfRecord" in answer:
        yield _text(answer)


def _text(values: dict[str, Any]) -> Row:
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in values.items()
        if value is not None and not isinstance(value, dict | list)
    }


def _values(value: Any, wanted: set[str]) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _values(each, wanted)
    elif isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, str) and each.strip() and term(key) in wanted:
                yield each
            else:
                yield from _values(each, wanted)

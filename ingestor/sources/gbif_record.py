"""One occurrence as GBIF's search gives it to a row: nothing left out, media joined by address."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import unquote

from core.darwincore.terms import cells as cells_by_term
from core.darwincore.terms import term
from ingestor.sources.base import MediaRow, Row
from ingestor.sources.iiif_image import smaller, with_link
from ingestor.sources.portal import Json, JsonValue, as_text, rows_of

Rendition = Literal["small", "cache", "original"]
"""small: IIIF images at 1024 pixels, others as published; cache: GBIF's copies, 1200 pixels."""

_RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
_ADDRESSES = {"identifier", "accessURI", "goodQualityAccessURI", "bestQualityAccessURI"}
_CACHED = 1200
"""Pixels: the most that GBIF's image cache gives."""


def occurrence_row(occurrence: Json, base_url: str, rendition: Rendition, checklist: str) -> Row:
    """Return the row of an occurrence; KeyError when it lacks its key or dataset.

    Values that are lists or objects are kept as JSON beside the terms. With a `checklist` the
    taxon is what that checklist says, the published terms stay in the verbatim row.
    """
    key = as_text(occurrence["key"])
    fields = _taxon(occurrence, checklist)
    kept: dict[str, str] = {}
    for name, value in occurrence.items():
        (kept if isinstance(value, dict | list) else fields)[name] = as_text(value)
    media = [
        MediaRow(
            f"occurrence/{key}/media/{_name_of(cells, place)}",
            with_link(cells, identifier_of(cells)),
            _fetch_url(cells, key, base_url, rendition),
        )
        for place, cells in enumerate(_media(occurrence))
    ]
    dataset = as_text(occurrence["datasetKey"])
    return Row(f"occurrence/{key}", key, dataset, fields, media, kept)


def _taxon(occurrence: Json, checklist: str) -> dict[str, str]:
    """Return the terms, prefixed, that say which checklist's taxon it is."""
    given = occurrence.get("classifications")
    classifications = given if isinstance(given, dict) else {}
    if checklist in classifications:
        return _classified(checklist, _as_object(classifications[checklist]))
    key = as_text(occurrence.get("taxonKey"))
    for name, classification in classifications.items():
        usage = _as_object(_as_object(classification).get("usage"))
        if key and as_text(usage.get("key")) == key:
            return {"gbif:checklistKey": name}
    return {}


def _classified(checklist: str, classification: Json) -> dict[str, str]:
    usage = _as_object(classification.get("usage"))
    ranks = {
        as_text(each.get("rank")).lower(): as_text(each.get("name"))
        for each in rows_of(classification, "classification")
    }
    named = {
        "gbif:checklistKey": checklist,
        "gbif:taxonKey": as_text(usage.get("key")),
        "gbif:scientificName": as_text(usage.get("name")),
        "gbif:scientificNameAuthorship": as_text(usage.get("authorship")),
        "gbif:taxonRank": as_text(usage.get("rank")),
        **{f"gbif:{rank}": ranks.get(rank, "") for rank in _RANKS},
    }
    return {name: value for name, value in named.items() if value}


def _media(occurrence: Json) -> Iterator[dict[str, str]]:
    """Media of this very occurrence, each completed by the published row with its address.

    GBIF lists them in another order than the publisher, and leaves some out.
    """
    media = [_cells(medium) for medium in rows_of(occurrence, "media")]
    left = list(_extension(occurrence))
    for cells in media:
        row = next((each for each in left if _same(cells, each)), None)
        if row is not None:
            left.remove(row)
            known = {term(name) for name in cells} | _ADDRESSES
            cells |= {name: value for name, value in row.items() if term(name) not in known}
        yield cells
    listed = {link for cells in media for link in _links(cells) | _pages(cells)}
    yield from (row for row in left if _links(row) - listed)


def _same(medium: Mapping[str, str], row: Mapping[str, str]) -> bool:
    """Whether the publisher's row is of the medium: by address, or by page where it has none."""
    if links := _links(medium):
        return bool(links & _links(row))
    return bool(_pages(medium) & (_links(row) or _pages(row)))


def _extension(occurrence: Json) -> Iterator[dict[str, str]]:
    for name, rows in _as_object(occurrence.get("extensions")).items():
        if name.endswith(("/Multimedia", "/Image")) and isinstance(rows, list):
            yield from (_cells(row) for row in rows if isinstance(row, dict))


def _cells(row: Json) -> dict[str, str]:
    return {name: as_text(value) for name, value in row.items() if value not in (None, "")}


def _links(cells: Mapping[str, str]) -> set[str]:
    return {_plain(value) for name, value in cells.items() if term(name) in _ADDRESSES}


def _pages(cells: Mapping[str, str]) -> set[str]:
    return {_plain(value) for name, value in cells.items() if term(name) == "references"}


def _plain(address: str) -> str:
    """The address in one spelling: GBIF escapes it and adds its scheme."""
    return re.sub(r"^https?://", "", unquote(address).strip().rstrip("/").casefold())


def _name_of(cells: Mapping[str, str], place: int) -> str:
    identifier = identifier_of(cells)
    return hashlib.md5(identifier.encode()).hexdigest() if identifier else f"#{place}"


def identifier_of(cells: Mapping[str, str]) -> str:
    """Return the address of a medium, "" where it has none."""
    by_term = cells_by_term(cells)
    return by_term.get("accessURI") or by_term.get("identifier") or ""


def _fetch_url(
    cells: Mapping[str, str], key: str, base_url: str, rendition: Rendition
) -> str | None:
    identifier = identifier_of(cells)
    if not identifier or rendition == "original":
        return None
    if rendition == "cache":
        mark = hashlib.md5(identifier.encode()).hexdigest()
        return f"{base_url}/v1/image/cache/{_CACHED}x/occurrence/{key}/media/{mark}"
    return smaller(identifier)


def _as_object(value: JsonValue | None) -> Json:
    return value if isinstance(value, dict) else {}

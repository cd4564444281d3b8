"""Specimens like a record's, in four senses of the word, each a search of its own."""

from collections.abc import Iterator
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.images import service as pictures
from backend.records import queries, service
from backend.records.schemas import Similar, SimilarHit, SimilarRow
from backend.search import queries as search_queries
from backend.versions import service as version_service
from core import filter_text, vectors
from core.darwincore import countries
from core.errors import NotFound
from core.query_vectors import QueryVector
from core.versions import Version

Row = RowMapping
Conditions = dict[str, list[str]]
NEARBY = 0.5
"""Degrees around a place: 55 km to the north and south."""
EACH = 4
"""Images looked at for each record shown: a specimen often has several."""


async def similar(
    services: Services, conn: AsyncConnection, record_id: UUID, name: str | None, limit: int
) -> Similar:
    """Rows of at most `limit` other records, the nearest first."""
    row = service.current(await queries.by_id(conn, record_id))
    version = await version_service.searchable(conn, name)
    shown = Similar(embed_version=version_service.ref(version), rows=[])
    try:
        query = await vectors.record_vector(conn, version, record_id)
    except NotFound:
        return shown  # no picture of it was embedded
    for kind, label, conditions in senses(row):
        hits = await _hits(services, conn, version, query, conditions, record_id, limit)
        asked = {"like_record": [str(record_id)], **conditions}
        if name:
            asked["embed_version"] = [name]
        search = urlencode(asked, doseq=True)
        shown.rows.append(SimilarRow(kind=kind, label=label, search=search, hits=hits))
    return shown


def senses(row: Row) -> Iterator[tuple[str, str, Conditions]]:
    """Kind, what it means for this record, and the filters that say so; what it says only."""
    yield "alike", "Looks alike", {}
    if row["record_genus"]:
        yield "genus", f"Looks alike in {row['record_genus']}", {
            "taxon": [f"genus:{row['record_genus']}"]
        }  # fmt: skip
    decade, place = _decade(row), _place(row)
    if decade is not None and place:
        where, conditions = place
        dates = {"date": [f"{decade:04},{decade + 9:04}"]}
        yield "place_decade", f"{where}, {decade}s", conditions | dates
    if row["record_recorded_by"]:
        collector = row["record_recorded_by"]
        guarded = "\\" + collector if collector[:1] in ("-", "\\") else collector
        yield "collector", f"Collected by {collector}", {"text": [guarded]}


def _decade(row: Row) -> int | None:
    start, end = row["record_event_start"], row["record_event_end"]
    if start is None or end is None or start.year // 10 != end.year // 10:
        return None
    return int(start.year // 10 * 10)


def _place(row: Row) -> tuple[str, Conditions] | None:
    latitude, longitude = row["record_decimal_latitude"], row["record_decimal_longitude"]
    if latitude is not None and longitude is not None:
        west, east = (_turned(longitude + by) for by in (-NEARBY, NEARBY))
        south, north = max(-90.0, latitude - NEARBY), min(90.0, latitude + NEARBY)
        box = ",".join(f"{value:.4f}" for value in (west, south, east, north))
        return "Nearby", {"bbox": [box]}
    if country := row["record_country_code"] or row["record_country"]:
        return countries.NAMES.get(country, country), {"country": [country]}
    return None


def _turned(longitude: float) -> float:
    return (longitude + 180) % 360 - 180


async def _hits(
    services: Services,
    conn: AsyncConnection,
    version: Version,
    query: QueryVector,
    conditions: Conditions,
    record_id: UUID,
    limit: int,
) -> list[SimilarHit]:
    """The nearest image of each other record."""
    filters = filter_text.read({**conditions, "record": [f"-{record_id}"]})
    nearest = await vectors.nearest(
        conn, version, query, limit * EACH, filters, modality="image", memory=services.memory
    )
    found = await search_queries.found(conn, [hit.image_id for hit in nearest.hits])
    hits: dict[UUID, SimilarHit] = {}
    for hit in nearest.hits:
        entry = found.get(hit.image_id)
        if entry and entry.records:
            own = entry.records[0]
            hits.setdefault(
                own["record_id"],
                SimilarHit(
                    score=hit.score,
                    image=pictures.describe(entry.image),
                    record=service.summary(own),
                ),
            )
    return list(hits.values())[:limit]

"""GET /api/v1/records/{id}, /similar and /citation."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from backend.deps import Reading, Served
from backend.images import queries as image_queries
from backend.records import citing, queries, service
from backend.records import similar as likeness
from backend.records.schemas import RecordDetail, Similar
from backend.versions.schemas import AskedVersion

router = APIRouter(prefix="/api/v1/records", tags=["records"])

Format = Literal["text", "bibtex", "ris"]
_TYPES: dict[Format, str] = {
    "text": "text/plain",
    "bibtex": "application/x-bibtex",
    "ris": "application/x-research-info-systems",
}
_CITED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The citation",
        "content": {kind: {"schema": {"type": "string"}} for kind in _TYPES.values()},
    }
}


@router.get("/{id}")
async def record(id: UUID, conn: Reading) -> RecordDetail:
    """Everything known of one record: interpreted values, values as published, all images."""
    row = await queries.by_id(conn, id)
    pictures = await image_queries.of_record(conn, id)
    return service.detail(row, pictures, await queries.same_specimen(conn, id))


@router.get("/{id}/similar")
async def similar(
    id: UUID,
    services: Served,
    conn: Reading,
    embed_version: AskedVersion | None = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 8,
) -> Similar:
    """Other records that look alike; in the genus; from there and then; of the same collector."""
    return await likeness.similar(services, conn, id, embed_version, limit)


@router.get("/{id}/citation", response_class=Response, responses=_CITED)
async def record_citation(
    id: UUID, conn: Reading, format: Format = "text", image: UUID | None = None
) -> Response:
    """How to cite the record, or the picture `image` of it, as seen today."""
    rows = await image_queries.of_record(conn, id)
    cited = citing.cite(await queries.by_id(conn, id), rows, image, datetime.now(UTC).date())
    written = {"text": lambda: f"{cited}\n", "bibtex": cited.bibtex, "ris": cited.ris}[format]()
    return Response(written, media_type=f"{_TYPES[format]}; charset=utf-8")

"""GET /api/v1/records/{id}."""

from uuid import UUID

from fastapi import APIRouter

from backend.deps import Reading
from backend.images import queries as image_queries
from backend.records import queries, service
from backend.records.schemas import RecordDetail

router = APIRouter(prefix="/api/v1/records", tags=["records"])


@router.get("/{id}")
async def record(id: UUID, conn: Reading) -> RecordDetail:
    """Everything known of one record: interpreted values, values as published, all images."""
    row = await queries.by_id(conn, id)
    pictures = await image_queries.of_record(conn, id)
    return service.detail(row, pictures, await queries.same_specimen(conn, id))

"""POST /api/v1/embed."""

from fastapi import APIRouter

from backend.deps import Served, Timed
from backend.embed import service
from backend.embed.schemas import Embedded, EmbedRequest

router = APIRouter(prefix="/api/v1/embed", tags=["search"])


@router.post("")
async def embed(asked: EmbedRequest, services: Served, timing: Timed) -> Embedded:
    """Vectors of words or of an uploaded picture, made by a version's own model."""
    return await service.embed(services, asked, timing)

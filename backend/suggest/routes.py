"""GET /api/v1/suggest."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.deps import Reading, Served
from backend.suggest import service
from backend.suggest.schemas import Suggestions, SuggestParams

router = APIRouter(prefix="/api/v1", tags=["suggest"])


@router.get("/suggest")
async def suggest(
    params: Annotated[SuggestParams, Query()], services: Served, conn: Reading
) -> Suggestions:
    """What may be meant by what is typed: names, places, collections, and words."""
    return await service.suggest(services, conn, params)

"""GET /api/v1/compare."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.compare import service
from backend.compare.schemas import CompareParams, Comparison
from backend.deps import Served

router = APIRouter(prefix="/api/v1/compare", tags=["compare"])


@router.get("")
async def compare(params: Annotated[CompareParams, Query()], services: Served) -> Comparison:
    """The same query in two to four embed versions: hits, times, overlaps, changes of rank."""
    return await service.compare(services, params)

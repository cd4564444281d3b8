"""GET /api/v1/images."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.browse import service
from backend.browse.schemas import BrowseParams, BrowseResponse
from backend.deps import Reading, Served

router = APIRouter(prefix="/api/v1", tags=["browse"])


@router.get("/images")
async def browse(
    params: Annotated[BrowseParams, Query()], services: Served, conn: Reading
) -> BrowseResponse:
    """Images that pass the filters, a page at a time, where there is nothing to rank them by."""
    return await service.page(services, conn, params)

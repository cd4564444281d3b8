"""GET /api/v1/facets."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.deps import Reading, Served
from backend.facets import service
from backend.facets.schemas import FacetParams, Facets

router = APIRouter(prefix="/api/v1", tags=["facets"])


@router.get("/facets")
async def facets(
    params: Annotated[FacetParams, Query()], services: Served, conn: Reading
) -> Facets:
    """How many images each value of a facet would find, beside all else that is chosen."""
    return await service.count(services, conn, params)

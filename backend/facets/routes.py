"""GET /api/v1/facets, /timeline and /map."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.deps import Reading, Served
from backend.facets import service
from backend.facets.schemas import Counted, FacetParams, Facets, Map, MapParams, Timeline

router = APIRouter(prefix="/api/v1", tags=["facets"])


@router.get("/facets")
async def facets(
    params: Annotated[FacetParams, Query()], services: Served, conn: Reading
) -> Facets:
    """How many images each value of a facet would find, beside all else that is chosen."""
    return await service.count(services, conn, params)


@router.get("/timeline")
async def timeline(
    params: Annotated[Counted, Query()], services: Served, conn: Reading
) -> Timeline:
    """Images by year and by month."""
    return await service.timeline(services, conn, params)


@router.get("/map")
async def places(params: Annotated[MapParams, Query()], services: Served, conn: Reading) -> Map:
    """Images by place: a grid whose cells do not move when the map does."""
    return await service.places(services, conn, params)

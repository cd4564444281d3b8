"""GET /api/v1/atlas/{version} and what lies on it."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from backend.atlas import scores, service
from backend.atlas.schemas import (
    Atlas,
    ColourParams,
    Colours,
    Images,
    Labels,
    MaskParams,
    Numbers,
    Passing,
    Points,
    Positions,
    Scores,
)
from backend.deps import Reading, Served, Timed
from backend.search.schemas import SearchParams, SearchRequest
from backend.versions.schemas import AskedVersion

router = APIRouter(prefix="/api/v1/atlas", tags=["atlas"])

_POINTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The points", "content": {"application/octet-stream": {}}}
}
_PNG: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture", "content": {"image/png": {}}}
}
_FOR_A_MINUTE = {"Cache-Control": "public, max-age=60"}


@router.get("/{version}")
async def atlas(version: AskedVersion, services: Served, conn: Reading) -> Atlas:
    """How the map of an embed version was made, and how many points it has."""
    return await service.describe(services, conn, version)


@router.get("/{version}/points", response_class=Response, responses=_POINTS)
async def atlas_points(version: AskedVersion, services: Served, conn: Reading) -> Response:
    """All points by number: x of each, then y of each, as little-endian uint16.

    0 to 65534 stand for the bounds of the map; 65535 for an image that is not shown.
    """
    _, chart = await service.drawn(services, conn, version)
    data = await asyncio.to_thread(service.points, chart)
    headers = _FOR_A_MINUTE | {"X-Atlas-Revision": service.revision(chart)}
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.get("/{version}/labels")
async def atlas_labels(version: AskedVersion, services: Served, conn: Reading) -> Labels:
    """Names of taxa where they prevail, for three levels of zoom."""
    _, chart = await service.drawn(services, conn, version)
    return Labels.model_validate({"levels": chart.atlas.labels})


@router.get("/{version}/colours")
async def atlas_colours(
    version: AskedVersion,
    params: Annotated[ColourParams, Query()],
    services: Served,
    conn: Reading,
) -> Colours:
    """What each point is coloured by: the commonest values, other values, or none."""
    _, chart = await service.drawn(services, conn, version)
    return await service.colours(conn, chart, params.by)


@router.get("/{version}/mask")
async def atlas_mask(
    version: AskedVersion,
    params: Annotated[MaskParams, Query()],
    services: Served,
    conn: Reading,
) -> Passing:
    """Which points pass the filters."""
    found, chart = await service.drawn(services, conn, version)
    return await service.passing(services, conn, found, chart, params)


@router.get("/{version}/scores")
async def atlas_scores(
    version: AskedVersion,
    params: Annotated[SearchParams, Query()],
    services: Served,
    timing: Timed,
) -> Scores:
    """How like a query every point is, by the share of points that are nearer to it."""
    asked = SearchRequest(**params.model_dump() | {"embed_version": version, "fuse": []})
    return await scores.scores(services, asked, timing)


@router.get("/{version}/images")
async def atlas_images(
    version: AskedVersion,
    number: Annotated[Numbers, Query()],
    services: Served,
    conn: Reading,
) -> Points:
    """What the points of these numbers show."""
    found, _ = await service.drawn(services, conn, version)
    return Points(points=await service.numbered(conn, found, number))


@router.get("/{version}/positions")
async def atlas_positions(
    version: AskedVersion,
    image: Annotated[Images, Query()],
    services: Served,
    conn: Reading,
) -> Positions:
    """Where these images lie."""
    found, _ = await service.drawn(services, conn, version)
    return Positions(positions=await service.positions(conn, found, image))


@router.get("/{version}/density", response_class=Response, responses=_PNG)
async def atlas_density(version: AskedVersion, services: Served, conn: Reading) -> Response:
    """A picture of how many images lie where, for pages that cannot draw points."""
    _, chart = await service.drawn(services, conn, version)
    data = await asyncio.to_thread(service.density, chart)
    return Response(data, media_type="image/png", headers=_FOR_A_MINUTE)

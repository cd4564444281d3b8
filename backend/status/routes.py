"""GET /api/v1/status, /api/v1/hosts and /api/v1/coverage."""

from fastapi import APIRouter, Request

from backend.deps import Reading
from backend.status import service
from backend.status.schemas import Coverage, Hosts, Status

router = APIRouter(prefix="/api/v1", tags=["status"])


@router.get("/status")
async def status(request: Request, conn: Reading) -> Status:
    """How far images are on their way: fetched, valid, here, embedded, indexed, on the atlas."""
    return await service.board(request.app).status.get(conn)


@router.get("/hosts")
async def hosts(request: Request, conn: Reading) -> Hosts:
    """Hosts that images come from: pace, breaker, trouble; and why images are missing."""
    return await service.board(request.app).hosts.get(conn)


@router.get("/coverage")
async def coverage(request: Request, conn: Reading) -> Coverage:
    """Datasets by embed versions: how many images each has, and how many are embedded."""
    return await service.board(request.app).coverage.get(conn)

"""GET /api/v1/summary."""

from fastapi import APIRouter

from backend.deps import Reading, Served
from backend.summary import service
from backend.summary.schemas import Summary

router = APIRouter(prefix="/api/v1/summary", tags=["summary"])


@router.get("")
async def summary(services: Served, conn: Reading) -> Summary:
    """What is in the museum, and some pictures to start from."""
    return await service.summary(services, conn)

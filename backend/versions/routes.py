"""GET /api/v1/versions, POST /api/v1/versions/{name}/default."""

from fastapi import APIRouter, Depends

from backend.deps import Reading, Served, Writing, operator
from backend.versions import service
from backend.versions.schemas import AskedVersion, Versions

router = APIRouter(prefix="/api/v1/versions", tags=["versions"])


@router.get("")
async def versions(services: Served, conn: Reading) -> Versions:
    """All embed versions with their coverage."""
    return await service.everything(conn, services)


@router.post("/{name}/default", dependencies=[Depends(operator)])
async def make_default(services: Served, name: AskedVersion, conn: Writing) -> Versions:
    """Make a version the one that answers when a request names none. Needs the operator's token."""
    return await service.make_default(conn, services, name)

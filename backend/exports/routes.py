"""POST /api/v1/exports, GET /api/v1/receipts/{id}, GET /api/v1/cite."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse

from backend.deps import Reading, Served, Timed
from backend.exports import service
from backend.exports.schemas import Cited, ExportRequest, Receipt, SetParams

router = APIRouter(prefix="/api/v1", tags=["exports"])

_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {"application/octet-stream": {}}}
}


def _address(request: Request) -> str:
    return str(request.base_url).rstrip("/")


@router.get("/cite")
async def cite(
    params: Annotated[SetParams, Query()], request: Request, services: Served, timing: Timed
) -> Cited:
    """What a set of images comes to, whom to cite, and what their licences allow."""
    return await service.cite(services, params, _address(request), timing)


@router.post("/exports", status_code=202)
async def export(
    asked: ExportRequest, request: Request, services: Served, timing: Timed
) -> Receipt:
    """Have a set of images written to a file; the receipt says how far that is."""
    made = await service.order(services, asked, _address(request), timing)
    async with services.reading() as conn:
        return await service.receipt(services, conn, made)


@router.get("/receipts/{id}")
async def receipt(id: UUID, services: Served, conn: Reading) -> Receipt:
    """What was exported, when, with what, and how to cite it. Permanent."""
    return await service.receipt(services, conn, id)


@router.get("/receipts/{id}/file", response_class=FileResponse, responses=_FILE)
async def receipt_file(id: UUID, services: Served, conn: Reading) -> FileResponse:
    """The file of a receipt, as long as it is kept."""
    path = await service.file(services, conn, id)
    return FileResponse(path, filename=path.name)

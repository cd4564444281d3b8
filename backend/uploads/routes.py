"""POST /api/v1/uploads, GET /api/v1/uploads/{id}."""

from typing import Annotated

from fastapi import APIRouter, Path, Response, UploadFile

from backend.deps import Reading, Served, Writing
from backend.uploads import service
from backend.uploads.schemas import Upload

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])


@router.post("", status_code=201)
async def upload(image: UploadFile, services: Served, conn: Writing) -> Upload:
    """Keep a picture for a while, to search with it by its id."""
    return await service.keep(conn, await image.read(), services.settings)


@router.get(
    "/{id}",
    response_class=Response,
    responses={200: {"description": "The picture", "content": {"image/webp": {}}}},
)
async def uploaded(id: Annotated[str, Path(pattern="^[0-9a-f]{64}$")], conn: Reading) -> Response:
    """The stored copy of a picture: WebP without loss, at most 2048 pixels wide and high."""
    found = await service.get(conn, id)
    headers = {"Cache-Control": "private, max-age=3600", "ETag": f'"{id}"'}
    return Response(found["content"], media_type="image/webp", headers=headers)

"""GET /api/v1/images/{id}/thumbnail, /file and /credited."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header
from fastapi.responses import FileResponse, Response

from backend.deps import Reading, Served, Services
from backend.images import queries, service

router = APIRouter(prefix="/api/v1/images", tags=["images"])

_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture", "content": {"image/*": {}}}
}
_KINDS = {
    "jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "zip": "application/zip",
}  # fmt: skip
_FOR_EVER = "public, max-age=31536000, immutable"

Known = Annotated[str, Header(alias="If-None-Match", include_in_schema=False)]


@router.get("/{id}/thumbnail", response_class=FileResponse, responses=_PICTURE)
async def thumbnail(
    id: UUID, services: Served, conn: Reading, v: str = "", known: Known = ""
) -> Response:
    """A copy at most 512 pixels wide and high; `v` is the picture's tag, for caching."""
    return await _send(services, await queries.by_id(conn, id), "thumbnail", v, known)


@router.get("/{id}/file", response_class=FileResponse, responses=_PICTURE)
async def file(
    id: UUID, services: Served, conn: Reading, v: str = "", known: Known = ""
) -> Response:
    """The picture as published; `v` is its tag, for caching."""
    return await _send(services, await queries.by_id(conn, id), "file", v, known)


@router.get("/{id}/credited", response_class=Response, responses=_PICTURE)
async def credited(id: UUID, services: Served, conn: Reading) -> Response:
    """The picture as published with its credit written into the file, to be kept."""
    row = await queries.by_id(conn, id)
    data, name = await asyncio.to_thread(service.credited, row, services.store)
    return Response(
        data,
        media_type=_KINDS[name.rpartition(".")[2]],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _send(
    services: Services, row: service.Row | None, part: service.Part, asked: str, known: str
) -> Response:
    path, media_type = await asyncio.to_thread(service.stored, row, part, services.store)
    assert row is not None
    tag = service.etag(row)
    quoted = f'"{tag}-{part}"'
    headers = {
        "ETag": quoted,
        "Cache-Control": _FOR_EVER if asked == tag else "public, max-age=60",
    }
    if quoted in known:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type=media_type, headers=headers)

"""GET and POST /api/v1/identify."""

from typing import Annotated, Any, get_origin

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import FormData
from starlette.datastructures import UploadFile as FormFile

from backend.bodies import json_of, validated
from backend.deps import Served
from backend.identify import service
from backend.identify.photos import File
from backend.identify.schemas import (
    MOST_PHOTOS,
    IdentifyForm,
    IdentifyParams,
    IdentifyResponse,
)
from core.errors import BadRequest

router = APIRouter(prefix="/api/v1/identify", tags=["identify"])

_BODIES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
            for kind, model in (
                ("application/json", IdentifyParams),
                ("multipart/form-data", IdentifyForm),
            )
        },
    }
}
_LISTS = {
    name for name, f in IdentifyParams.model_fields.items() if get_origin(f.annotation) is list
}
_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}


@router.get("", response_model=IdentifyResponse, responses=_CSV)
async def identify(
    params: Annotated[IdentifyParams, Query()], services: Served
) -> Response | IdentifyResponse:
    """Name uploaded photos, images or records by rank, as far as the evidence goes.

    503 `getting-ready` while what is needed once for a version is prepared: ask again.
    """
    return await _answer(services, params, [])


@router.post("", response_model=IdentifyResponse, responses=_CSV, openapi_extra=_BODIES)
async def identify_with(request: Request, services: Served) -> Response | IdentifyResponse:
    """The same with photos in the request (form, `photo`), or as JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return await _answer(services, validated(IdentifyParams, await json_of(request)), [])
    if kind not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise BadRequest("Send a form (multipart/form-data) or JSON (application/json)")
    async with request.form(max_files=MOST_PHOTOS, max_fields=2000) as form:
        files = [
            File(each.filename or "photo", await each.read())
            for each in form.getlist("photo")
            if isinstance(each, FormFile)
        ]
        asked = validated(IdentifyParams, _fields(form))
    return await _answer(services, asked, files)


async def _answer(
    services: Served, asked: IdentifyParams, files: list[File]
) -> Response | IdentifyResponse:
    answer = await service.identify(services, asked, files)
    if asked.format == "json":
        return answer
    headers = {"Content-Disposition": 'attachment; filename="identified.csv"'}
    content = service.as_csv(answer, asked)
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


def _fields(form: FormData) -> dict[str, Any]:
    return {
        name: form.getlist(name) if name in _LISTS else form[name]
        for name in form
        if name != "photo"
    }

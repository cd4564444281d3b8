"""GET and POST /api/v1/search, and POST /api/search for clients of the predecessor."""

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from starlette.datastructures import UploadFile as FormFile

from backend.bodies import json_of, validated
from backend.deps import Served, Timed
from backend.filters import MULTIPLE as FILTERS
from backend.search import seed, service, why
from backend.search.schemas import (
    SearchForm,
    SearchParams,
    SearchRequest,
    SearchResponse,
    SeedResponse,
    Why,
    WhyParams,
)
from core.errors import BadRequest

MULTIPLE = (*FILTERS, "less", "less_like", "fuse")
router = APIRouter(tags=["search"])

_BODIES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
            for kind, model in (
                ("application/json", SearchRequest),
                ("multipart/form-data", SearchForm),
            )
        },
    }
}


@router.get("/api/v1/search")
async def search(
    params: Annotated[SearchParams, Query()], services: Served, timing: Timed
) -> SearchResponse:
    """The images nearest to words, to an uploaded picture, to an image of the museum, or to both.

    The address is the whole query: the same address gives the same answer.
    """
    asked = SearchRequest(**params.model_dump())
    return service.response(asked, await service.search(services, asked, None, timing), timing)


@router.get("/api/v1/search/why")
async def search_why(params: Annotated[WhyParams, Query()], services: Served, timing: Timed) -> Why:
    """What speaks for one image of an answer: parts of the query, words, what records share."""
    return await why.why(services, params, timing)


@router.post("/api/v1/search", openapi_extra=_BODIES)
async def search_with(request: Request, services: Served, timing: Timed) -> SearchResponse:
    """The same with a picture in the request (form) or a vector of one's own (JSON)."""
    asked, file = await _read(request)
    return service.response(asked, await service.search(services, asked, file, timing), timing)


async def _read(request: Request) -> tuple[SearchRequest, bytes | None]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return validated(SearchRequest, await json_of(request)), None
    if kind not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise BadRequest("Send a form (multipart/form-data) or JSON (application/json)")
    async with request.form(max_files=1, max_fields=100) as form:
        fields: dict[str, Any] = {
            name: form.getlist(name) if name in MULTIPLE else form[name] for name in form
        }
        if any(len(form.getlist(name)) > 1 for name in form if name not in MULTIPLE):
            raise BadRequest("A field is given twice; send a picture or the id of an uploaded one")
        picture = fields.get("image")
        file = await picture.read() if isinstance(picture, FormFile) else None
        if isinstance(picture, FormFile):
            del fields["image"]
        return validated(SearchRequest, fields), file or None


@router.post("/api/search")
async def seed_search(
    services: Served,
    timing: Timed,
    search_param: Annotated[str | None, Form()] = None,
    image: Annotated[UploadFile | None, File()] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 30,
    embed_version: Annotated[str | None, Query()] = None,
) -> SeedResponse:
    """The predecessor's form: words, a picture, or both, which then count alike."""
    asked = validated(
        SearchRequest, {"q": search_param, "limit": limit, "embed_version": embed_version}
    )
    file = await image.read() if image else None
    outcome = await service.search(services, asked, file, timing)
    return seed.response(search_param, image.filename if image else None, outcome)

"""Every error as application/problem+json (RFC 9457) with a stable type and a request id."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from backend.schemas import Shown
from core.errors import BadRequest, BioCosmosError, NotFound, TooLarge
from core.logs import request_id

log = logging.getLogger(__name__)


class Problem(Shown):
    """What went wrong and what to do about it."""

    type: str = Field(examples=["/problems/unknown-version"])
    """Stable name of the kind of problem; safe to compare with."""
    title: str
    status: int
    detail: str
    """One sentence about this very case."""
    request_id: str | None
    """Also in the header X-Request-ID; names the request in the log."""


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
}
"""Merged into every operation, in place of FastAPI's own description of errors."""


def respond(error: BioCosmosError) -> JSONResponse:
    """The response for one of our errors; faults of ours are logged and not explained."""
    ours = type(error).status == 500
    if ours:
        log.error("%s", error, exc_info=error)
    return _response(error.status, error.slug, error.title, error.title if ours else error.detail)


def _response(status: int, slug: str, title: str, detail: str, headers: Any = None) -> JSONResponse:
    problem = Problem(
        type=f"/problems/{slug}",
        title=title,
        status=status,
        detail=detail,
        request_id=request_id.get(),
    )
    return JSONResponse(
        problem.model_dump(), status, headers, media_type="application/problem+json"
    )


async def _ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BioCosmosError)
    return respond(error)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return respond(BadRequest(sentence(error.errors()[0])))


def sentence(error: Any) -> str:
    """One sentence from the first of pydantic's errors."""
    where = ".".join(str(part) for part in error["loc"] if part not in ("body", "query", "path"))
    what = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    what = what[:1].lower() + what[1:]
    return f"The parameter {where!r} is not usable: {what}" if where else f"Not usable: {what}"


_BY_STATUS = {400: BadRequest, 404: NotFound, 413: TooLarge}


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, BioCosmosError):  # raised while FastAPI was reading the body
        return respond(error.__cause__)
    phrase = HTTPStatus(error.status_code).phrase
    known = _BY_STATUS.get(error.status_code)
    slug = known.slug if known else phrase.lower().replace(" ", "-")
    title = known.title if known else phrase
    detail = title if error.detail in ("", phrase) else error.detail
    return _response(error.status_code, slug, title, detail, error.headers)


def install(app: FastAPI) -> None:
    """Answer every error of `app` as a problem; what nobody expected is caught in middleware."""
    app.add_exception_handler(BioCosmosError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)

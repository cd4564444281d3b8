"""Bodies that may come as a form or as JSON: read, and checked as FastAPI checks its own."""

import json
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from core.errors import BadRequest

M = TypeVar("M", bound=BaseModel)


async def json_of(request: Request) -> Any:
    """The body as JSON; BadRequest when it is none."""
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON") from error


def validated(model: type[M], fields: Any) -> M:
    """`fields` as a `model`; what is wrong with them is told as with any other request."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error

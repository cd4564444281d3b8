"""Who may leave judgements and query sets: a setting, and so many a minute from one address."""

from typing import Annotated

from fastapi import Header, Request

from backend.deps import Served, operator
from core.errors import Forbidden, TooManyRequests


def may_write(
    request: Request, services: Served, authorization: Annotated[str, Header()] = ""
) -> None:
    """Refuse what the setting does not allow, and what comes too fast."""
    settings = services.settings
    if settings.feedback == "off":
        raise Forbidden("Judgements and query sets are not taken here")
    if settings.feedback == "operator":
        operator(services, authorization)
        return
    address = request.client.host if request.client else ""
    if not services.rate.take(address, settings.feedback_per_minute):
        raise TooManyRequests(
            f"At most {settings.feedback_per_minute} a minute are taken from one address"
        )

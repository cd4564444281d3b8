"""What happens to every request at the edge: id, size limit, timing, headers, log, last resort."""

import logging
import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend import problems
from backend.metrics import Metrics
from backend.timing import Timing
from core.errors import BioCosmosError, TooLarge
from core.logs import bound, request_id

log = logging.getLogger("backend.access")

FORM_BYTES = 64 * 1024
"""Room for the other fields of a form that carries a picture."""

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

SECURITY_HEADERS = {
    # Style *attributes* are allowed because score bars get their length from one.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:;"
    " style-src-attr 'unsafe-inline'; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Edge:
    """Outermost middleware: nothing leaves without an id, and no exception leaves at all."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, max_upload_bytes: int) -> None:
        self._app = app
        self._metrics = metrics
        self._limit = max_upload_bytes + FORM_BYTES
        self._too_large = f"At most {max_upload_bytes:,} bytes are taken; send a smaller picture"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with bound(request=_request_id(Headers(scope=scope))):
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        timing = Timing()
        scope.setdefault("state", {})["timing"] = timing
        answer = _Answer(send, timing)
        try:
            await self._guarded(scope, receive, answer)
        except Exception as error:
            if answer.status:  # too late for another response
                log.exception("failed while answering")
                raise
            ours = error if isinstance(error, BioCosmosError) else _unexpected(error)
            await problems.respond(ours)(scope, receive, answer)
        finally:
            self._account(scope, answer.status, timing)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._limit:
            await _drain(receive, 4 * self._limit)
            raise TooLarge(self._too_large)
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise TooLarge(self._too_large)
            return message

        await self._app(scope, counted, send)

    def _account(self, scope: Scope, status: int, timing: Timing) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = getattr(scope.get("route"), "path", "page")
        seconds = timing.total_ms() / 1000
        self._metrics.answered(method, route, status, seconds)
        log.info("%s %s %d %.0f ms", method, scope["path"], status, seconds * 1000)


class _Answer:
    """`send` that notes the status and adds the headers every response carries."""

    def __init__(self, send: Send, timing: Timing) -> None:
        self._send = send
        self._timing = timing
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = request_id.get() or ""
            headers["Server-Timing"] = self._timing.header()
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given) else uuid.uuid4().hex


def _unexpected(error: Exception) -> BioCosmosError:
    wrapped = BioCosmosError()
    wrapped.__cause__ = error
    return wrapped


async def _drain(receive: Receive, limit: int) -> None:
    """Read what is still being sent, within reason: a browser shows the answer only after that."""
    while limit > 0:
        message = await receive()
        limit -= len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return

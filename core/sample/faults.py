"""How the sample museum's server misbehaves when it is told to."""

import asyncio
import datetime
import email.utils
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Literal

from aiohttp import web

from core.sample.files import HTML

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

Fault = Literal[
    "429", "503", "420", "500", "404", "403", "hang", "slow", "truncate", "html", "denied",
    "pending", "type", "bomb", "loop", "maze", "elsewhere", "disconnect", "reset", "garble",
]  # fmt: skip
"""Statuses as such; and

- hang: no answer; slow: a byte every 50 ms; truncate: a third of what was promised
- html: a page in place of the picture; denied: one that says we are blocked
- pending: a drawing that stands for a picture still to be made
- type: the picture, called text; bomb: gzip of 200 MB of nothing
- loop: a redirect to itself; maze: to ever new addresses; elsewhere: to the same path of `to`
- disconnect: hangs up without an answer; reset: the same, rudely; garble: half the body as if whole
"""

RETRY_AFTER_S = 1
DENIED = "<html><head><title>Access denied</title></head><body>Your IP is blocked.</body></html>"
PENDING = (
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="600" height="400">'
    "<text>Preview Pending</text></svg>"
)
BOMB_BYTES = 200_000_000
_STATUSES = ("429", "503", "420", "500")


@dataclass
class Rule:
    """Misbehave on the paths matching `pattern` (fnmatch), `times` times (None: always)."""

    pattern: str
    fault: Fault
    times: int | None = None
    retry_after: int | None = RETRY_AFTER_S
    dated: bool = False
    """Whether Retry-After is a date."""
    after: int = 0
    """Requests that are answered well before."""
    to: str = ""
    """Base address of another server, for `elsewhere`."""

    @property
    def headers(self) -> dict[str, str]:
        """What says how long to wait."""
        if self.retry_after is None:
            return {}
        if not self.dated:
            return {"Retry-After": str(self.retry_after)}
        at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.retry_after)
        return {"Retry-After": email.utils.format_datetime(at, usegmt=True)}

    def strikes(self) -> bool:
        """Whether it holds for the request at hand; counts."""
        if self.after:
            self.after -= 1
            return False
        if self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True


async def misbehave(
    rule: Rule, request: web.Request, handler: Handler, stopping: asyncio.Event
) -> web.StreamResponse:
    """Answer a request as the rule says."""
    if rule.fault in _STATUSES:
        return web.Response(status=int(rule.fault), headers=rule.headers, text="slow down")
    if rule.fault in _PLAIN:
        return _PLAIN[rule.fault](rule, request)
    if rule.fault in ("truncate", "garble", "type", "slow"):
        whole = await handler(request)
        body = whole.body if isinstance(whole, web.Response) else b""
        data = body if isinstance(body, bytes) else b""
        if rule.fault == "garble":
            return web.Response(body=data[: len(data) // 2], content_type=whole.content_type)
        if rule.fault == "type":
            return web.Response(body=data, content_type="text/plain")
        return await _in_part(rule, request, data, whole.content_type, stopping)
    if rule.fault == "hang":
        await stopping.wait()
    _hang_up(request, rudely=rule.fault == "reset")
    return web.Response()


async def _in_part(
    rule: Rule, request: web.Request, data: bytes, kind: str, stopping: asyncio.Event
) -> web.StreamResponse:
    """Promise the whole body; then drip, or send a third of it and hang up."""
    response = web.StreamResponse(headers={"Content-Length": str(len(data))})
    response.content_type = kind
    await response.prepare(request)
    if rule.fault == "slow":
        with suppress(ConnectionResetError):  # the other side has had enough
            for byte in data:
                await response.write(bytes([byte]))
                await asyncio.sleep(0.05)
                if stopping.is_set():
                    break
    else:
        await response.write(data[: len(data) // 3])
        _hang_up(request, rudely=False)
    return response


def _hang_up(request: web.Request, *, rudely: bool) -> None:
    if request.transport is None:
        return
    if rudely:  # leaving nothing to linger sends RST instead of FIN
        request.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    request.transport.close()


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(BOMB_BYTES), 1)


def _moved(where: str) -> web.Response:
    return web.Response(status=302, headers={"Location": where})


def _maze(_: Rule, request: web.Request) -> web.Response:
    return _moved(f"{request.path}?room={int(request.query.get('room', 0)) + 1}")


def _packed(_: Rule, __: web.Request) -> web.Response:
    headers = {"Content-Encoding": "gzip"}
    return web.Response(body=_bomb(), headers=headers, content_type="image/jpeg")


_PLAIN: dict[str, Callable[[Rule, web.Request], web.Response]] = {
    "403": lambda *_: web.Response(status=403),
    "404": lambda *_: web.Response(status=404),
    "html": lambda *_: web.Response(text=HTML, content_type="text/html"),
    "denied": lambda *_: web.Response(text=DENIED, content_type="text/html"),
    "pending": lambda *_: web.Response(text=PENDING, content_type="image/svg+xml"),
    "bomb": _packed,
    "loop": lambda _, request: _moved(request.path_qs),
    "maze": _maze,
    "elsewhere": lambda rule, request: _moved(rule.to + request.path_qs),
}

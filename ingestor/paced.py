"""HTTP in which no request leaves before its turn, nor the next one before it left."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any

import aiohttp

from ingestor.hosts import Hosts, Turn

_leave: ContextVar[tuple[Hosts, Turn]] = ContextVar("leave")
"""For the request that the task at hand sends."""


class _Request(aiohttp.ClientRequest):
    """Waits, once connected, until it is time, and tells when it is on its way.

    aiohttp's own signal, `on_request_headers_sent`, comes before the headers are sent.
    """

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        hosts, turn = _leave.get()
        await hosts.ready(turn)
        answer = await super().send(conn)
        await asyncio.sleep(0)  # a body is sent by a task of its own
        await hosts.sent(turn)
        return answer


class Paced:
    """A client that sends by the leave of `hosts`; use as an async context manager."""

    def __init__(
        self,
        hosts: Hosts,
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
        *,
        unpack: bool,
    ) -> None:
        """`unpack`: whether packed answers are unpacked on arrival."""
        self._hosts = hosts
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # `Hosts` counts them
            headers=headers,
            timeout=timeout,
            request_class=_Request,
            auto_decompress=unpack,
        )
        # aiohttp sends a request a second time where the host closes an idle connection; nobody
        # gave leave for that one.
        self._session._retry_connection = False

    async def __aenter__(self) -> "Paced":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    @asynccontextmanager
    async def ask(
        self, turn: Turn, method: str, url: str, **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request in its turn, and yield the answer; a redirect is an answer.

        Raises what aiohttp raises, and FetchError (pending) where the turn was missed and the host
        is to be left in peace.
        """
        token = _leave.set((self._hosts, turn))
        try:
            async with self._session.request(
                method, url, allow_redirects=False, **options
            ) as answer:
                yield answer
        finally:
            _leave.reset(token)

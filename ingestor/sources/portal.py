"""Asks a portal for JSON, patiently: one request at a time, as its host allows all processes."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace, TracebackType
from urllib.parse import urljoin, urlsplit

import aiohttp
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import FetchError, InvalidSetting, PortalError, UnreadableSource
from core.settings import Settings
from ingestor.fetch import MOVED, REDIRECTS, is_loopback, session
from ingestor.hosts import Hosts, Turn, name_of
from ingestor.manners import Manners
from ingestor.sources.portal_answers import Again, Check, check_status, decoded, store

Json = dict[str, "JsonValue"]
JsonValue = str | int | float | bool | None | Json | list["JsonValue"]
Parameters = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Patience:
    """How often and how long a portal that cannot answer is asked again; seconds."""

    attempts: int = 6
    base: float = 1.0
    """Back-off doubles from here; each wait is drawn evenly from 0 to it (full jitter)."""
    longest: float = 900.0
    """The longest wait that is granted, whoever asks for it."""
    calm: float = 60.0
    """How long to wait after a 420 that names no time."""
    timeout: float = 120.0


class Portal:
    """One portal; use as an async context manager.

    Every request takes its turn, and one of the connections, in `Hosts`, as those for images do.
    """

    def __init__(
        self,
        settings: Settings,
        engine: AsyncEngine,
        *,
        rate: float = 1.0,
        patience: Patience | None = None,
    ) -> None:
        """Ask a host at most `rate` requests a second."""
        self._settings = settings
        self._patience = patience or Patience()
        manners = Manners(base=self._patience.base, longest=self._patience.longest)
        self._hosts = Hosts(engine, rate, manners)
        self._one = asyncio.Lock()

    async def __aenter__(self) -> "Portal":
        await self._hosts.__aenter__()
        traced = aiohttp.TraceConfig()
        traced.on_request_headers_sent.append(self._sent)
        self._session = session(self._settings, traced)
        # Otherwise a connection that breaks is tried again at once, unpaced and uncounted.
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()
        await self._hosts.__aexit__(kind, error, trace)

    async def get(
        self, url: str, parameters: Parameters = (), *, check: Check | None = None
    ) -> Json:
        """Return the JSON object at `url`.

        `check` says what is wrong with an answer that is not to be believed: it is asked for
        again, like a busy portal, a broken connection or broken JSON. PortalError when it stays
        so, UnreadableSource when the portal refuses the question.
        """
        request = _Request("GET", url, {"params": list(parameters)}, check)
        return _object(await self._ask(request), url)

    async def post(self, url: str, body: object, *, check: Check | None = None) -> Json:
        """Ask with a JSON body; otherwise as `get`."""
        return _object(await self._ask(_Request("POST", url, {"json": body}, check)), url)

    async def submit(self, url: str, body: object, user: str, password: str) -> str:
        """Post a JSON body with a name and password (RFC 7617); returns the answer's text."""
        both = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {both}"}
        options = {"json": body, "headers": headers}
        return str(await self._ask(_Request("POST", url, options, plain=True)))

    async def save(self, url: str, target: Path) -> None:
        """Bring a file home, whole or not at all."""
        await self._ask(_Request("GET", url, target=target))

    async def _ask(self, request: "_Request") -> object:
        if not is_loopback(request.url) and not self._settings.contact:
            raise InvalidSetting(
                "portals want to know who asks: set BIOCOSMOS_CONTACT to an e-mail address or URL,"
                " which is sent with every request"
            )
        async with self._one:
            for _ in range(self._patience.attempts):
                try:
                    return await self._follow(request)
                except Again as trouble:
                    last = trouble
        raise PortalError(
            f"{_host(request.url)} {last.reason}, {self._patience.attempts} times; run the same"
            " command later and it goes on from here"
        ) from last

    async def _follow(self, request: "_Request") -> object:
        """Ask, and go where we are sent: a turn and a connection for every step."""
        for _ in range(REDIRECTS + 1):
            async with self._leave(request.url) as turn:
                found = await self._exchange(turn, request)
            if not isinstance(found, _Moved):
                return found
            to = urljoin(request.url, found.location)
            if request.method != "GET" or (is_loopback(to) and not is_loopback(request.url)):
                raise UnreadableSource(f"{request.url} redirects to {to[:200]}: not followed")
            request = replace(request, url=to, options={})  # the parameters are in it
        raise UnreadableSource(f"{request.url} redirects without end")

    @asynccontextmanager
    async def _leave(self, url: str) -> AsyncIterator[Turn]:
        """Hold a connection to the host and wait for a turn; PortalError where that takes long."""
        name = name_of(url)
        if name is None:
            raise UnreadableSource(f"{url} is not a usable URL")
        most = await self._hosts.connections(name)
        end = time.monotonic() + self._patience.longest
        while True:
            try:
                async with self._hosts.slots.hold(name, most):
                    turn = await self._turn(name, url, end)
                    await asyncio.sleep(self._hosts.early(turn))
                    yield turn
                    return
            except FetchError as busy:  # the others hold all of them
                if time.monotonic() > end:
                    raise PortalError(f"{_host(url)}: {busy.detail}") from busy

    async def _turn(self, name: str, url: str, end: float) -> Turn:
        while True:
            async with self._hosts.engine.begin() as connection:
                taken = await self._hosts.take(connection, name)
            if isinstance(taken, Turn):
                return taken
            if time.monotonic() + taken > end:
                trouble = await self._hosts.trouble(name)
                raise PortalError(
                    f"{_host(url)} {trouble or 'is busy'} and asks for {taken / 60:.0f} minutes of"
                    " peace; run the same command after that and it goes on from here"
                )
            await asyncio.sleep(taken)

    async def _exchange(self, turn: Turn, request: "_Request") -> object:
        """Send one request, and remember what the answer says of the host."""
        try:
            found = await self._send(turn, request)
            if isinstance(found, str) and not request.plain:
                found = decoded(found, request.check)
        except Again as trouble:
            wait = self._patience.calm if trouble.calm else trouble.seconds
            await self._hosts.failed(turn, "trouble", trouble.reason, wait)
            raise
        except UnreadableSource:
            await self._hosts.succeeded(turn)
            raise
        await self._hosts.succeeded(turn)
        return found

    async def _send(self, turn: Turn, request: "_Request") -> object:
        seconds = None if request.target else self._patience.timeout
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=15, sock_read=60)
        try:
            async with self._session.request(
                request.method,
                request.url,
                timeout=timeout,
                allow_redirects=False,
                trace_request_ctx=turn,
                **request.options,  # type: ignore[arg-type]
            ) as answer:
                if answer.status in MOVED:
                    return _Moved(answer.headers.get("Location", ""))
                await check_status(answer)
                if request.target:
                    await store(answer, request.target)
                    return None
                return await answer.text()
        except aiohttp.InvalidURL as error:
            raise UnreadableSource(f"{request.url} is not a usable URL") from error
        except TimeoutError as error:
            raise Again("did not answer in time") from error
        except (aiohttp.ClientError, OSError, UnicodeDecodeError) as error:
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise Again(f"broke the connection off ({said})") from error

    async def _sent(self, _: object, traced: SimpleNamespace, __: object) -> None:
        await self._hosts.sent(traced.trace_request_ctx)


@dataclass(frozen=True)
class _Request:
    """One question to a portal."""

    method: str
    url: str
    options: Mapping[str, object] = field(default_factory=dict)
    """What aiohttp is to send with it."""
    check: Check | None = None
    plain: bool = False
    """Whether the answer is text."""
    target: Path | None = None
    """Where the answer is stored."""


@dataclass(frozen=True)
class _Moved:
    """The answer is a redirect."""

    location: str


def _object(found: object, url: str) -> Json:
    if not isinstance(found, dict):
        raise UnreadableSource(f"{url} answered with something that is no JSON object")
    return found


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def rows_of(found: object, key: str) -> list[Json]:
    """Return the objects listed under `key` of an answer; what is none is left out."""
    listed = found.get(key) if isinstance(found, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def as_text(value: JsonValue) -> str:
    """Return a value as the text of a cell: strings as they are, the rest as JSON; "" for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def as_count(value: JsonValue) -> int:
    """Return a number of things; -1 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else -1

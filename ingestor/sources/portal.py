"""Asks a portal for JSON, patiently: one request at a time, as its host allows all processes."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from urllib.parse import urljoin, urlsplit

import aiohttp
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import FetchError, InvalidSetting, PortalError, UnreadableSource
from core.settings import Settings
from ingestor.fetch import (
    MOVED,
    REDIRECTS,
    Marks,
    is_loopback,
    marks_of,
    user_agent,
)
from ingestor.hosts import Hosts, Turn, name_of
from ingestor.manners import Manners
from ingestor.paced import Paced
from ingestor.robots import FORBIDDEN, Robots
from ingestor.sources.portal_answers import (
    Again,
    Check,
    Moved,
    Refused,
    Request,
    check_status,
    decoded,
    store,
)

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
        self._robots = Robots(engine, self._ask_robots)
        self._one = asyncio.Lock()

    async def __aenter__(self) -> "Portal":
        await self._hosts.__aenter__()
        self._web = Paced(
            self._hosts,
            {"User-Agent": user_agent(self._settings.contact)},
            aiohttp.ClientTimeout(sock_connect=15, sock_read=60),
            unpack=True,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._web.__aexit__(kind, error, trace)
        await self._hosts.__aexit__(kind, error, trace)

    async def get(
        self, url: str, parameters: Parameters = (), *, check: Check | None = None
    ) -> Json:
        """Return the JSON object at `url`.

        `check` says what is wrong with an answer that is not to be believed: it is asked for
        again, like a busy portal, a broken connection or broken JSON. PortalError when it stays
        so, UnreadableSource when the portal refuses the question.
        """
        request = Request("GET", url, {"params": list(parameters)}, check)
        return _object(await self._ask(request), url)

    async def post(self, url: str, body: object, *, check: Check | None = None) -> Json:
        """Ask with a JSON body; otherwise as `get`."""
        return _object(await self._ask(Request("POST", url, {"json": body}, check)), url)

    async def submit(self, url: str, body: object, user: str, password: str) -> str:
        """Post a JSON body with a name and password (RFC 7617); returns the answer's text."""
        both = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {both}"}
        options = {"json": body, "headers": headers}
        return str(await self._ask(Request("POST", url, options, plain=True)))

    async def save(
        self,
        url: str,
        target: Path,
        *,
        unless: Mapping[str, str] | None = None,
        robots: bool = False,
    ) -> Marks | None:
        """Bring a file home, whole or not at all; returns its marks.

        None, and nothing is stored, where it is still as `unless` says (RFC 9110, 13.1). `robots`:
        the link is somebody's, so that robots.txt holds for it.
        """
        options = {"headers": unless}
        marks = await self._ask(Request("GET", url, options, target=target, robots=robots))
        return marks if isinstance(marks, tuple) else None

    async def _ask(self, request: Request) -> object:
        if not is_loopback(request.url) and not self._settings.contact:
            raise InvalidSetting(
                "hosts want to know who asks: set BIOCOSMOS_CONTACT to an e-mail address or URL,"
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

    async def _follow(self, request: Request) -> object:
        """Ask, and go where we are sent: a turn and a connection for every step."""
        for _ in range(REDIRECTS + 1):
            if request.robots:
                await self._check_robots(request.url)
            async with self._leave(request.url) as turn:
                found = await self._exchange(turn, request)
            if not isinstance(found, Moved):
                return found
            to = urljoin(request.url, found.location)
            if request.method != "GET" or (is_loopback(to) and not is_loopback(request.url)):
                raise UnreadableSource(f"{request.url} redirects to {to[:200]}: not followed")
            headers = request.options.get("headers") if request.target else None
            request = replace(request, url=to, options={"headers": headers})  # parameters are in it
        raise UnreadableSource(f"{request.url} redirects without end")

    async def _check_robots(self, url: str) -> None:
        try:
            await self._robots.check(url, None)
        except FetchError as forbidden:
            raise UnreadableSource(f"{url}: {forbidden.detail}") from forbidden

    async def _ask_robots(self, url: str, _: Turn | None) -> str:
        """Return the text of a robots.txt; what cannot be had allows everything."""
        try:
            return str(await self._follow(Request("GET", url, plain=True)))
        except Refused as error:
            return FORBIDDEN if error.answered in (401, 403) else ""
        except (Again, UnreadableSource):
            return ""

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
                    yield await self._turn(name, url, end)
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

    async def _exchange(self, turn: Turn, request: Request) -> object:
        """Send one request, and remember what the answer says of the host."""
        try:
            found = await self._send(turn, request)
            if isinstance(found, str) and not request.plain:
                found = decoded(found, request.check)
        except Again as trouble:
            wait = self._patience.calm if trouble.calm else trouble.seconds
            if trouble.asked:
                await self._hosts.failed(turn, "trouble", trouble.reason, wait)
            raise
        except UnreadableSource:
            await self._hosts.succeeded(turn)
            raise
        await self._hosts.succeeded(turn)
        return found

    async def _send(self, turn: Turn, request: Request) -> object:
        seconds = None if request.target else self._patience.timeout
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=15, sock_read=60)
        try:
            async with self._web.ask(
                turn, request.method, request.url, timeout=timeout, **request.options
            ) as answer:
                if answer.status in MOVED:
                    return Moved(answer.headers.get("Location", ""))
                if answer.status == 304 and request.target:
                    return None
                await check_status(answer)
                if request.target:
                    await store(answer, request.target)
                    return marks_of(answer)
                return await answer.text()
        except FetchError as missed:
            raise Again(missed.detail, asked=False) from missed
        except aiohttp.InvalidURL as error:
            raise UnreadableSource(f"{request.url} is not a usable URL") from error
        except TimeoutError as error:
            raise Again("did not answer in time") from error
        except (aiohttp.ClientError, OSError, UnicodeDecodeError) as error:
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise Again(f"broke the connection off ({said})") from error


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

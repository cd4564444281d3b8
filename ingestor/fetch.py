"""Gets the bytes of an image from another host: one request a turn, redirects included."""

import importlib.metadata
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urldefrag, urljoin, urlsplit

import aiohttp

from core.errors import FetchError, InvalidSetting
from core.settings import Settings
from ingestor import answers
from ingestor.answers import retry_after
from ingestor.hosts import Hosts, Turn, name_of
from ingestor.paced import Paced
from ingestor.robots import AGENT, FORBIDDEN, Robots

__all__ = [
    "MOVED",
    "REDIRECTS",
    "Fetcher",
    "is_loopback",
    "require_contact",
    "retry_after",
]

REDIRECTS = 5
MOVED = {301, 302, 303, 307, 308}
_ROBOTS_BYTES = 5_000_000

Marks = tuple[str | None, str | None]
"""ETag and Last-Modified of an answer."""
UNMARKED: Marks = (None, None)

Read = Callable[[aiohttp.ClientResponse], Awaitable[bytes]]
"""Returns what is wanted of an answer; FetchError says why there is none."""


class Fetched(bytes):
    """The bytes of an answer, and what it was marked with."""

    marks: Marks

    def __new__(cls, data: bytes, marks: Marks = UNMARKED) -> "Fetched":
        """Return the bytes with their marks."""
        made = super().__new__(cls, data)
        made.marks = marks
        return made


def conditions(marks: Marks) -> dict[str, str]:
    """Return the headers that ask only for what differs from what was marked so."""
    names = ("If-None-Match", "If-Modified-Since")
    return {name: mark for name, mark in zip(names, marks, strict=True) if mark}


def marks_of(answer: aiohttp.ClientResponse) -> Marks:
    """Return what an answer is marked with."""
    return answer.headers.get("ETag"), answer.headers.get("Last-Modified")


def is_loopback(url: str) -> bool:
    """Whether the URL leads to this very machine."""
    host = (urlsplit(url).hostname or "").lower()
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def user_agent(contact: str | None) -> str:
    """Return how we present ourselves: BioCosmos/<version> (+contact)."""
    try:
        version = importlib.metadata.version("biocosmos")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        version = "0"
    return f"{AGENT}/{version}" + (f" (+{contact})" if contact else "")


def require_contact(settings: Settings) -> None:
    """Raise InvalidSetting where nobody could reach us about our requests."""
    if not settings.contact:
        raise InvalidSetting(
            "images lie on other hosts: set BIOCOSMOS_CONTACT to an e-mail address or URL, which"
            " is sent with every request, or leave them with --no-images"
        )


class Fetcher:
    """Fetches bytes by the leave of `hosts`; use as an async context manager."""

    def __init__(self, settings: Settings, hosts: Hosts) -> None:
        self._settings = settings
        self._hosts = hosts
        self._robots = Robots(hosts.engine, self._ask_robots)

    async def __aenter__(self) -> "Fetcher":
        manners = self._hosts.manners
        self._web = Paced(
            self._hosts,
            # pictures are packed already; `answers` unpacks within bounds what is packed unasked
            {"User-Agent": user_agent(self._settings.contact), "Accept-Encoding": "identity"},
            aiohttp.ClientTimeout(
                total=manners.total, sock_connect=manners.connect, sock_read=manners.read
            ),
            unpack=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._web.__aexit__(kind, error, trace)

    async def fetch(self, url: str, turn: Turn | None = None, marks: Marks = UNMARKED) -> Fetched:
        """Return the bytes at a link; `turn`, where given, is in hand, and a slot of its host.

        With `marks` only what has changed since (RFC 9110, 13.1). FetchError carries the image
        state that follows: retry, gone, blocked or invalid; same where nothing has changed; or
        pending where the host is to be left in peace and was not asked at all.
        """
        if not is_loopback(url):
            require_contact(self._settings)
        held = turn.name if turn else None
        found = await self._follow(
            url, turn, held, self._read_image, robots=True, headers=conditions(marks)
        )
        return found if isinstance(found, Fetched) else Fetched(found)

    async def _follow(
        self,
        url: str,
        turn: Turn | None,
        held: str | None,
        read: Read,
        *,
        robots: bool,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Ask, and go where the hosts send us: a turn for every step, a slot of every host.

        `held`: the host of which a slot is held already.
        """
        seen = {url}
        for _ in range(REDIRECTS + 1):
            name = name_of(url)
            if name is None:
                raise FetchError("the link is not a usable URL", state="invalid")
            async with self._slot(name, held):
                if robots and await self._robots.check(url, turn):
                    turn = None  # robots.txt took it
                turn = turn or await self._hosts.turn(name)
                found = await self._exchange(url, turn, read, headers)
            if isinstance(found, bytes):
                return found
            turn, url = None, self._target(url, found.location)
            if url in seen:
                raise FetchError("redirects in a circle", state="invalid")
            seen.add(url)
        raise FetchError(f"more than {REDIRECTS} redirects", state="invalid")

    @asynccontextmanager
    async def _slot(self, name: str, held: str | None) -> AsyncIterator[None]:
        if name == held:
            yield
            return
        most = await self._hosts.connections(name)
        async with self._hosts.slots.hold(name, most):
            yield

    async def _exchange(
        self, url: str, turn: Turn, read: Read, headers: Mapping[str, str] | None
    ) -> "bytes | _Moved":
        """Send one request, and remember what the answer says of the host."""
        try:
            found = await self._send(url, turn, read, headers)
        except FetchError as error:
            if error.host == "fine":
                await self._hosts.succeeded(turn)
            elif error.host != "unasked":
                await self._hosts.failed(turn, error.host, error.detail, error.retry_after)
            raise
        await self._hosts.succeeded(turn)
        return found

    async def _send(
        self, url: str, turn: Turn, read: Read, headers: Mapping[str, str] | None
    ) -> "bytes | _Moved":
        try:
            async with self._web.ask(turn, "GET", url, headers=headers) as answer:
                if answer.status in MOVED:
                    return _Moved(answer.headers.get("Location", ""))
                return await read(answer)
        except aiohttp.InvalidURL as error:
            raise FetchError("the link is not a usable URL", state="invalid") from error
        except TimeoutError as error:
            raise FetchError("the host did not answer in time", state="retry") from error
        except aiohttp.ClientPayloadError as error:
            raise FetchError(
                "the answer broke off", state="retry", tries=4, then="invalid"
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise FetchError(f"the connection failed: {reason}", state="retry") from error

    def _target(self, url: str, location: str) -> str:
        """Return where a redirect leads; FetchError where we do not follow."""
        if not location:
            raise FetchError("redirects to nowhere", state="invalid")
        target = urldefrag(urljoin(url, location)).url
        if name_of(target) is None:
            raise FetchError("redirects to what is no web address", state="invalid")
        if is_loopback(target) and not is_loopback(url):
            raise FetchError("redirects to this machine", state="invalid")
        if not (is_loopback(target) or self._settings.contact):
            raise FetchError("redirects elsewhere; BIOCOSMOS_CONTACT is not set", state="blocked")
        return target

    async def _read_image(self, answer: aiohttp.ClientResponse) -> bytes:
        answers.check_status(answer)
        answers.check_rights(answer, AGENT)
        marks = marks_of(answer)
        try:
            data = await answers.body(answer, self._settings.max_image_bytes)
            answers.check_content(data, self._hosts.manners.placeholder)
        except FetchError as error:
            error.marks = marks
            raise
        return Fetched(data, marks)

    async def _ask_robots(self, url: str, turn: Turn | None) -> str:
        """Return the text of a robots.txt; what cannot be had allows everything.

        A slot of its host is held: it is on the way to an image there.
        """
        try:
            data = await self._follow(url, turn, name_of(url), _read_robots, robots=False)
        except FetchError as error:
            if error.state == "pending":
                raise
            return FORBIDDEN if error.state == "blocked" else ""
        return data.decode("utf-8", "replace")


@dataclass(frozen=True)
class _Moved:
    """The answer is a redirect."""

    location: str


async def _read_robots(answer: aiohttp.ClientResponse) -> bytes:
    if answer.status in (401, 403):
        raise FetchError("the host keeps its robots.txt to itself", state="blocked")
    answers.check_status(answer)
    return await answers.body(answer, _ROBOTS_BYTES)

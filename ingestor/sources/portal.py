"""Asks a portal for JSON: one request at a time, at a steady pace, patiently."""

import asyncio
import base64
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp

from core.errors import InvalidSetting, PortalError, UnreadableSource
from core.settings import Settings
from ingestor.fetch import REDIRECTS, is_loopback, retry_after, session

Json = dict[str, "JsonValue"]
JsonValue = str | int | float | bool | None | Json | list["JsonValue"]
Parameters = Sequence[tuple[str, str]]
Check = Callable[[object], str | None]
"""What is wrong with an answer, or None."""

_CALM = 420
"""GBIF's "Enhance Your Calm": too many downloads at once."""
_LATER = {408, _CALM, 425, 429}


@dataclass(frozen=True)
class Patience:
    """How often and how long a portal that cannot answer is asked again; seconds."""

    attempts: int = 6
    base: float = 1.0
    """Back-off doubles from here; each wait is drawn evenly from 0 to it (full jitter)."""
    longest: float = 900.0
    """Also the longest wait that is granted when the portal names one."""
    calm: float = 60.0
    """How long to wait after a 420 that names no time."""
    timeout: float = 120.0


class Portal:
    """One portal; use as an async context manager. All its addresses share one pace."""

    def __init__(
        self, settings: Settings, *, rate: float = 1.0, patience: Patience | None = None
    ) -> None:
        """Ask at most `rate` requests a second."""
        self._settings = settings
        self._pause = 1.0 / rate
        self._patience = patience or Patience()
        self._turn = asyncio.Lock()
        self._next = 0.0

    async def __aenter__(self) -> "Portal":
        self._session = session(self._settings)
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

    async def get(
        self, url: str, parameters: Parameters = (), *, check: Check | None = None
    ) -> Json:
        """Return the JSON object at `url`.

        `check` says what is wrong with an answer that is not to be believed: it is asked for
        again, like a busy portal, a broken connection or broken JSON. PortalError when it stays
        so, UnreadableSource when the portal refuses the question.
        """
        return _object(await self._ask("GET", url, check, params=list(parameters)), url)

    async def post(self, url: str, body: object, *, check: Check | None = None) -> Json:
        """Ask with a JSON body; otherwise as `get`."""
        return _object(await self._ask("POST", url, check, json=body), url)

    async def submit(self, url: str, body: object, user: str, password: str) -> str:
        """Post a JSON body with a name and password (RFC 7617); returns the answer's text."""
        both = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {both}"}
        return str(await self._ask("POST", url, None, plain=True, json=body, headers=headers))

    async def save(self, url: str, target: Path) -> None:
        """Bring a file home, whole or not at all."""
        await self._ask("GET", url, None, target=target)

    async def _ask(
        self,
        method: str,
        url: str,
        check: Check | None,
        *,
        plain: bool = False,
        target: Path | None = None,
        **options: object,
    ) -> object:
        if not is_loopback(url) and not self._settings.contact:
            raise InvalidSetting(
                "portals want to know who asks: set BIOCOSMOS_CONTACT to an e-mail address or URL,"
                " which is sent with every request"
            )
        async with self._turn:
            for attempt in range(1, self._patience.attempts + 1):
                try:
                    return await self._once(method, url, check, plain, target, options)
                except _Again as trouble:
                    if attempt == self._patience.attempts:
                        raise PortalError(
                            f"{_host(url)} {trouble.reason}, {attempt} times; run the same command"
                            " later and it goes on from here"
                        ) from trouble
                    await asyncio.sleep(self._wait(trouble, attempt, url))
        raise AssertionError  # the last attempt returns or raises

    def _wait(self, trouble: "_Again", attempt: int, url: str) -> float:
        longest = self._patience.longest
        if trouble.seconds is None and trouble.calm:
            return self._patience.calm
        if trouble.seconds is None:
            return random.uniform(0, min(longest, self._patience.base * 2 ** (attempt - 1)))
        if trouble.seconds > longest:
            raise PortalError(
                f"{_host(url)} {trouble.reason} and asks for {trouble.seconds / 60:.0f} minutes of"
                " peace; run the same command after that and it goes on from here"
            ) from trouble
        return trouble.seconds

    async def _once(
        self,
        method: str,
        url: str,
        check: Check | None,
        plain: bool,
        target: Path | None,
        options: Mapping[str, object],
    ) -> object:
        await asyncio.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self._pause
        seconds = None if target else self._patience.timeout
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=15, sock_read=60)
        try:
            async with self._session.request(
                method,
                url,
                timeout=timeout,
                max_redirects=REDIRECTS,
                **options,  # type: ignore[arg-type]
            ) as answer:
                await _status(answer)
                if target:
                    await _store(answer, target)
                    return None
                text = await answer.text()
        except aiohttp.TooManyRedirects as error:
            raise UnreadableSource(f"{url} redirects without end") from error
        except aiohttp.InvalidURL as error:
            raise UnreadableSource(f"{url} is not a usable URL") from error
        except TimeoutError as error:
            raise _Again("did not answer in time") from error
        except (aiohttp.ClientError, OSError, UnicodeDecodeError) as error:
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise _Again(f"broke the connection off ({said})") from error
        return text if plain else _decoded(text, check)


class _Again(Exception):
    """It may go better another time."""

    def __init__(self, reason: str, seconds: float | None = None, *, calm: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.calm = calm
        self.seconds = seconds
        """How long to wait, where the portal said so."""


async def _status(answer: aiohttp.ClientResponse) -> None:
    status = answer.status
    if 200 <= status < 300:
        return
    if status in _LATER or status >= 500:
        seconds = retry_after(answer.headers.get("Retry-After"), answer.headers.get("Date"))
        said = f"answered {status} {answer.reason or ''}".strip()
        raise _Again(said, seconds, calm=status == _CALM)
    said = " ".join((await answer.text(errors="replace")).split())[:200]
    raise UnreadableSource(f"{answer.url} answered {status} {answer.reason or ''}: {said}")


async def _store(answer: aiohttp.ClientResponse, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with part.open("wb") as file:
        async for block in answer.content.iter_chunked(1 << 20):
            file.write(block)
    part.replace(target)


def _decoded(text: str, check: Check | None) -> object:
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise _Again("sent what is no JSON") from error
    if check and (wrong := check(found)):
        raise _Again(wrong)
    return found


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

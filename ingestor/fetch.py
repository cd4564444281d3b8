"""Gets the bytes of an image from a file, an archive or another host, politely."""

import asyncio
import datetime
import email.utils
import importlib.metadata
import ipaddress
import threading
import time
import zipfile
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

import aiohttp

from core.errors import FetchError, InvalidSetting
from core.settings import Settings

CONNECTIONS = 2
"""At once to one host."""
PATIENCE = 20.0
"""Seconds we wait for a host that asked us to; for longer the image is put off."""
REDIRECTS = 5
_TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=15, sock_read=30)
_BLOCKED = {401, 402, 403, 407, 451}
_GONE = {404, 410}
_LATER = {408, 425, 429}
_HIGHEST_WAIT = 86400.0


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
    return f"BioCosmos/{version}" + (f" (+{contact})" if contact else "")


def require_contact(settings: Settings) -> None:
    """Raise InvalidSetting where nobody could reach us about our requests."""
    if not settings.contact:
        raise InvalidSetting(
            "images lie on other hosts: set BIOCOSMOS_CONTACT to an e-mail address or URL, which"
            " is sent with every request, or leave them with --no-images"
        )


def session(settings: Settings) -> aiohttp.ClientSession:
    """Return an HTTP session that presents us."""
    headers = {"User-Agent": user_agent(settings.contact)}
    return aiohttp.ClientSession(headers=headers, timeout=_TIMEOUT)


class Fetcher:
    """Fetches bytes; use as an async context manager. One host gets `rate` requests a second."""

    def __init__(self, settings: Settings, rate: float) -> None:
        self._settings = settings
        self._rate = rate
        self._hosts: dict[str, _Host] = {}
        self._archives = _Archives()

    async def __aenter__(self) -> "Fetcher":
        self._session = session(self._settings)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()
        self._archives.close()

    async def fetch(self, url: str) -> bytes:
        """Return the bytes at a file:, zip: or http(s): URL.

        FetchError carries the image state that follows: retry, gone, blocked or invalid, or
        pending where the host is to be left in peace and was not asked at all.
        """
        most = self._settings.max_image_bytes
        if url.startswith("file:"):
            return await asyncio.to_thread(_read_file, url, most)
        if url.startswith("zip:"):
            return await asyncio.to_thread(self._archives.read, url, most)
        if not is_loopback(url):
            require_contact(self._settings)
        key = urlsplit(url).netloc.lower()
        host = self._hosts.setdefault(key, _Host(self._rate))
        async with host.slots:
            await host.turn()
            try:
                return await self._get(url, most)
            except FetchError as error:
                if error.retry_after:
                    host.leave_in_peace(error.retry_after)
                raise

    async def _get(self, url: str, most: int) -> bytes:
        try:
            async with self._session.get(url, max_redirects=REDIRECTS) as answer:
                _check(answer)
                return await _body(answer, most)
        except aiohttp.TooManyRedirects as error:
            raise FetchError(f"more than {REDIRECTS} redirects", state="invalid") from error
        except aiohttp.InvalidURL as error:
            raise FetchError("the link is not a usable URL", state="invalid") from error
        except TimeoutError as error:
            raise FetchError("the host did not answer in time", state="retry") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise FetchError(f"the connection failed: {reason}", state="retry") from error


class _Host:
    """Politeness towards one host."""

    def __init__(self, rate: float) -> None:
        self.slots = asyncio.Semaphore(CONNECTIONS)
        self._pause = 1.0 / rate
        self._next = 0.0
        self._quiet_until = 0.0

    async def turn(self) -> None:
        """Wait until the host may be asked again."""
        now = time.monotonic()
        wait = self._quiet_until - now
        if wait > PATIENCE:
            raise FetchError("the host asked us to wait", state="pending", retry_after=wait)
        at = max(now, self._next, self._quiet_until)
        self._next = at + self._pause
        await asyncio.sleep(at - now)

    def leave_in_peace(self, seconds: float) -> None:
        """Ask nothing for so long."""
        self._quiet_until = max(self._quiet_until, time.monotonic() + seconds)


def _check(answer: aiohttp.ClientResponse) -> None:
    """Raise FetchError unless the host gave what was asked for."""
    status = answer.status
    if status == 200:
        return
    said = f"the host answered {status} {answer.reason or ''}".strip()
    if status in _GONE:
        raise FetchError(said, state="gone")
    if status in _BLOCKED:
        raise FetchError(said, state="blocked")
    if status in _LATER or status >= 500:
        wait = retry_after(answer.headers.get("Retry-After"))
        raise FetchError(said, state="retry", retry_after=wait)
    raise FetchError(said, state="invalid")


def retry_after(header: str | None) -> float | None:
    """Return the seconds that Retry-After (seconds or an HTTP date, RFC 9110 10.2.3) asks for."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            at = email.utils.parsedate_to_datetime(header)
        except ValueError:
            return None
        if at.tzinfo is None:
            at = at.replace(tzinfo=datetime.UTC)
        seconds = (at - datetime.datetime.now(datetime.UTC)).total_seconds()
    return min(max(seconds, 0.0), _HIGHEST_WAIT) if seconds == seconds else None


async def _body(answer: aiohttp.ClientResponse, most: int) -> bytes:
    data = bytearray()
    async for block in answer.content.iter_chunked(1 << 16):
        data += block
        if len(data) > most:
            raise FetchError(f"larger than the {most:,} bytes allowed", state="invalid")
    if not data:
        raise FetchError("the host sent nothing", state="invalid")
    return bytes(data)


def _read_file(url: str, most: int) -> bytes:
    path = Path(unquote(urlsplit(url).path))
    try:
        if path.stat().st_size > most:
            raise FetchError(f"larger than the {most:,} bytes allowed", state="invalid")
        return path.read_bytes()
    except OSError as error:
        raise FetchError(f"the file cannot be read: {error.strerror}", state="gone") from error


class _Archives:
    """Zip files kept open; reading a member is safe in threads."""

    def __init__(self) -> None:
        self._open: dict[str, zipfile.ZipFile] = {}
        self._lock = threading.Lock()

    def read(self, url: str, most: int) -> bytes:
        """Return the bytes of zip:///path/archive.zip!/member; FetchError."""
        path, _, member = unquote(url.removeprefix("zip://")).partition("!/")
        try:
            with self._lock:
                if path not in self._open:
                    self._open[path] = zipfile.ZipFile(path)
            with self._open[path].open(member) as file:
                data = file.read(most + 1)
        except KeyError as error:
            raise FetchError("the archive no longer holds the file", state="gone") from error
        except (FileNotFoundError, PermissionError) as error:
            raise FetchError("the archive is no longer there", state="gone") from error
        except (OSError, RuntimeError, NotImplementedError, EOFError) as error:
            raise FetchError(f"cannot be unpacked: {error}", state="invalid") from error
        except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError) as error:
            raise FetchError(f"cannot be unpacked: {error}", state="invalid") from error
        if len(data) > most:
            raise FetchError(f"larger than the {most:,} bytes allowed", state="invalid")
        return data

    def close(self) -> None:
        """Close them all."""
        for archive in self._open.values():
            archive.close()

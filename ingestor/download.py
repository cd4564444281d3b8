"""An archive named by a URL, brought home first."""

import filecmp
import hashlib
import json
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import aiohttp

from core.errors import UnreadableSource
from core.settings import Settings
from ingestor.fetch import REDIRECTS, is_loopback, require_contact, session

_MARKS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
"""What an answer is marked with, and how it is asked about."""


async def download(url: str, settings: Settings) -> Path:
    """Return the path of the archive under home/archives.

    At every call the host is asked whether it has changed (RFC 9110, 13.1); where it has not, by
    what the host says or byte for byte, the file stays as it is, with its time.
    UnreadableSource when it cannot be had, InvalidSetting when no contact is set.
    """
    if not is_loopback(url):
        require_contact(settings)
    folder = settings.home / "archives"
    folder.mkdir(parents=True, exist_ok=True)
    mark = hashlib.sha256(url.encode()).hexdigest()[:12]
    name = PurePosixPath(unquote(urlsplit(url).path)).name or "archive"
    target = folder / f"{mark}-{name}"
    part = target.with_name(f"{target.name}.part")
    marks = target.with_name(f"{target.name}.marks")
    known = json.loads(marks.read_text()) if marks.exists() and target.exists() else {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=60)
    try:
        async with (
            session(settings) as client,
            client.get(url, timeout=timeout, max_redirects=REDIRECTS, headers=known) as answer,
        ):
            if answer.status == 304 and known:
                return target
            if answer.status != 200:
                raise UnreadableSource(f"{url} answered {answer.status} {answer.reason}")
            with part.open("wb") as file:
                async for block in answer.content.iter_chunked(1 << 20):
                    file.write(block)
            given = {ask: answer.headers.get(name) for name, ask in _MARKS.items()}
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UnreadableSource(f"{url} cannot be downloaded: {error}") from error
    if target.exists() and filecmp.cmp(part, target, shallow=False):
        part.unlink()
    else:
        marks.unlink(missing_ok=True)  # until the file is there, they are not its marks
        part.replace(target)
    marks.write_text(json.dumps({name: mark for name, mark in given.items() if mark}))
    return target

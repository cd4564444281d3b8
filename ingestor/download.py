"""An archive named by a URL, brought home first."""

import hashlib
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import aiohttp

from core.errors import UnreadableSource
from core.settings import Settings
from ingestor.fetch import REDIRECTS, is_loopback, require_contact, session


async def download(url: str, settings: Settings) -> Path:
    """Return the path of the archive under home/archives; fetched anew at every call.

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
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=60)
    try:
        async with (
            session(settings) as client,
            client.get(url, timeout=timeout, max_redirects=REDIRECTS) as answer,
        ):
            if answer.status != 200:
                raise UnreadableSource(f"{url} answered {answer.status} {answer.reason}")
            with part.open("wb") as file:
                async for block in answer.content.iter_chunked(1 << 20):
                    file.write(block)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UnreadableSource(f"{url} cannot be downloaded: {error}") from error
    part.replace(target)
    return target

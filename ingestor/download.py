"""An archive named by a URL, brought home first."""

import filecmp
import hashlib
import json
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from sqlalchemy.ext.asyncio import AsyncEngine

from core.settings import Settings
from ingestor.fetch import conditions
from ingestor.sources.portal import Patience, Portal


async def download(
    url: str,
    settings: Settings,
    engine: AsyncEngine,
    *,
    rate: float = 1.0,
    patience: Patience | None = None,
) -> Path:
    """Return the path of the archive under home/archives.

    At every call the host is asked whether it has changed; where it has not, by what the host says
    or byte for byte, the file stays as it is, with its time. The host is asked as for images: in
    its turn, and not where its robots.txt forbids it. UnreadableSource when the archive cannot be
    had, PortalError when not now, InvalidSetting when no contact is set.
    """
    folder = settings.home / "archives"
    folder.mkdir(parents=True, exist_ok=True)
    mark = hashlib.sha256(url.encode()).hexdigest()[:12]
    name = PurePosixPath(unquote(urlsplit(url).path)).name or "archive"
    target = folder / f"{mark}-{name}"
    new = target.with_name(f"{target.name}.new")
    marks = target.with_name(f"{target.name}.marks")
    known = json.loads(marks.read_text()) if marks.exists() and target.exists() else None
    async with Portal(settings, engine, rate=rate, patience=patience) as portal:
        given = await portal.save(url, new, unless=known, robots=True)
    if given is None:
        return target
    if target.exists() and filecmp.cmp(new, target, shallow=False):
        new.unlink()
    else:
        marks.unlink(missing_ok=True)  # until the file is there, they are not its marks
        new.replace(target)
    marks.write_text(json.dumps(conditions(given)))
    return target

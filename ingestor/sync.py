"""Brings what changed at the sources since they were last read."""

import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from core.errors import BioCosmosError, Unavailable
from core.jobs import args
from core.jobs.args import Dwca, Folder, Iiif, Sync
from ingestor import registered, sync_images
from ingestor.requests import Request, opened
from ingestor.run import ingest
from ingestor.work import Work, fetch

WHOLE_DAYS = 30
"""After so long a source is read as a whole again: only that shows what was withdrawn."""
OVERLAP = datetime.timedelta(days=1)
"""Portals date their changes by the day, and not all by the same clock."""


async def sync(work: Work, asked: Sync) -> None:
    """Read what changed at every source that is asked for, look at dead links again, and fetch.

    A source that cannot be read does not keep the others waiting; Unavailable where none could.
    """
    async with work.engine.connect() as connection:
        rows = await registered.due(connection, kind=asked.source, dataset=asked.dataset)
    if not rows:
        work.tell.note("no source has been read to its end yet: bin/ingest reads the first")
    failed = 0
    for row in rows:
        try:
            await _one(work, row, whole=asked.whole)
        except BioCosmosError as error:
            failed += 1
            work.tell.warn(f"{row.label}: {error.detail}")
    await sync_images.look_again(work)
    await sync_images.follow_licences(work)
    if asked.images:
        local = bool(rows) and all(row.source == "folder" for row in rows)
        await fetch(work, None if local else asked.rate)
    if failed and failed == len(rows):
        raise Unavailable("none of the sources could be read; the events say why")


async def _one(work: Work, row: Row[Any], *, whole: bool) -> None:
    request: Request = args.parse("ingest", row.request)
    since = None if whole else _since(request, row)
    async with opened(request, work.engine, work.settings, work.tell.note, since=since) as source:
        if not whole and isinstance(request, Folder | Dwca):
            if source.fingerprint == row.fingerprint:
                work.tell.note(f"{row.label}: nothing changed")
                async with work.engine.begin() as connection:
                    await registered.unchanged(connection, row)
                return
            if isinstance(request, Folder):
                await sync_images.changed_files(work, Path(request.path), row.read_at)
        with work.tell.stage("records") as progress:
            receipt = await ingest(work.engine, source, progress=progress)
        work.tell.read(receipt)
        async with work.engine.begin() as connection:
            await registered.remember(connection, source, request, whole=receipt.complete)


def _since(request: Request, row: Row[Any]) -> str | None:
    """Return the day after which changes are asked for; None where all has to be read."""
    if isinstance(request, Folder | Dwca | Iiif) or row.whole_at is None:
        return None
    now = datetime.datetime.now(datetime.UTC)
    if now - row.whole_at >= datetime.timedelta(days=WHOLE_DAYS):
        return None
    return str((row.read_at - OVERLAP).astimezone(datetime.UTC).date())

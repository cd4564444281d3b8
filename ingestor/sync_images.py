"""Images that a sync looks at again: dead links, changed files, licences that were opened."""

import asyncio
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from sqlalchemy import Row, text

from core import licences
from core.storage import Store
from ingestor.copies import publish
from ingestor.work import Work

DEAD_DAYS = 30
"""How long a link that could not be had is left in peace."""
_BATCH = 1000
_AGAIN = text(
    "UPDATE image SET state = 'retry', retry_at = now(), attempts = 0 WHERE host IS NOT NULL"
    " AND state IN ('gone', 'blocked', 'invalid') AND same_as IS NULL"
    f" AND updated_at < now() - interval '{DEAD_DAYS} days'"
    " AND EXISTS (SELECT FROM record_image JOIN record ON record.id = record_id"
    "  WHERE image_id = image.id AND withdrawn_at IS NULL)"
)
_FILES = text(
    "SELECT id, fetch_url FROM image WHERE state = 'ok' AND host IS NULL"
    " AND starts_with(fetch_url, :root) AND updated_at < :now ORDER BY id"
)
_FORGET = (
    "DELETE FROM embedding WHERE image_id = ANY(:ids)",
    "DELETE FROM projection WHERE image_id = ANY(:ids)",
    "UPDATE image SET state = 'pending', attempts = 0, retry_at = NULL WHERE id = ANY(:ids)",
)
_COPIES = text(
    "SELECT id, sha256, licence FROM image WHERE state = 'ok' AND host IS NOT NULL"
    " AND sha256 IS NOT NULL AND id > :after ORDER BY id LIMIT :most"
)
_AFRESH = text(
    "UPDATE image SET state = 'pending', attempts = 0, retry_at = NULL WHERE id = ANY(:ids)"
)


async def look_again(work: Work) -> None:
    """Make links due again that were dead a month ago."""
    async with work.engine.begin() as connection:
        found = (await connection.execute(_AGAIN)).rowcount
    if found:
        work.tell.note(f"looking again at {found:,} links that could not be had a month ago")
    work.tell.job.counts["links looked at again"] += found


async def changed_files(work: Work, root: Path, since: datetime.datetime) -> None:
    """Make pictures due again whose file changed since; their vectors are of another picture."""
    async with work.engine.connect() as connection:
        asked = {"root": root.resolve().as_uri(), "now": datetime.datetime.now(datetime.UTC)}
        rows = (await connection.execute(_FILES, asked)).all()
    changed = await asyncio.to_thread(_changed, rows, since.timestamp())
    if changed:
        async with work.engine.begin() as connection:
            for each in _FORGET:
                await connection.execute(text(each), {"ids": changed})
        work.tell.note(f"{len(changed):,} pictures were replaced")


def _changed(rows: Sequence[Row[Any]], since: float) -> list[UUID]:
    found = []
    for row in rows:
        path = Path(unquote(urlsplit(row.fetch_url).path))
        try:
            if path.stat().st_mtime >= since:
                found.append(row.id)
        except OSError:  # reading the folder will tell
            continue
    return found


async def follow_licences(work: Work) -> None:
    """Show copies whose licence was opened since they were fetched for embedding only.

    The working copy becomes the copy; where it is no more, the image is fetched again.
    """
    store = Store(work.settings.home)
    after, opened = UUID(int=0), 0
    while True:
        async with work.engine.connect() as connection:
            asked = {"after": after, "most": _BATCH}
            rows = (await connection.execute(_COPIES, asked)).all()
        if not rows:
            break
        after = rows[-1].id
        gone = []
        for row in rows:
            if licences.describe(row.licence).allows_copy and not store.has(row.sha256):
                opened += 1
                if not await asyncio.to_thread(publish, store, row.sha256, work.settings):
                    gone.append(row.id)
        if gone:
            async with work.engine.begin() as connection:
                await connection.execute(_AFRESH, {"ids": gone})
    if opened:
        work.tell.note(f"{opened:,} images may be shown now")
    work.tell.job.counts["licences opened"] += opened

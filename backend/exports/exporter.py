"""Makes the files that receipts wait for, one after the other, beside all else the server does."""

import asyncio
import logging
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncEngine

from core.db import receipts
from core.db.engine import autocommit, create_engine
from core.errors import BioCosmosError
from core.exports import making
from core.jobs.running import tracked
from core.settings import Settings

LOG = logging.getLogger(__name__)
LOOK = 60.0
"""Seconds between looks at what other servers left, and at files that are no longer kept."""
BEAT = 0.5
"""Seconds between two notes of how far a file is."""


class Exporter:
    """Belongs to one event loop. A file that broke off is begun anew by whoever looks next."""

    def __init__(self, settings: Settings, database_url: str) -> None:
        self.folder: Path = settings.home / "exports"
        self._settings = settings
        self._url = database_url
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """Say that there is something to do."""
        self._wanted.set()

    async def run(self) -> None:
        """Make files until cancelled."""
        engine = create_engine(self._url, pool_size=4)
        try:
            while True:
                self._wanted.clear()
                try:
                    await self._once(engine)
                except Exception:
                    LOG.exception("exports stand still for %d s", LOOK)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), LOOK)
        finally:
            await engine.dispose()

    async def _once(self, engine: AsyncEngine) -> None:
        async with engine.connect() as conn:
            unfinished = await receipts.unfinished(conn)
            expired = await receipts.expired(conn, self._settings.export_days)
        for each in expired:
            await asyncio.to_thread(shutil.rmtree, self.folder / str(each), ignore_errors=True)
            async with engine.begin() as conn:
                await receipts.change(conn, each, file_removed_at=func.now())
        for each in unfinished:
            async with autocommit(engine) as conn:
                if not await receipts.take(conn, each):
                    continue  # another server makes it
                try:
                    await self._make(engine, each)
                finally:
                    await receipts.release(conn, each)

    async def _make(self, engine: AsyncEngine, receipt_id: UUID) -> None:
        async with engine.begin() as conn:
            row = await receipts.get(conn, receipt_id)
            if row is None or row["state"] not in ("waiting", "running"):
                return
            await receipts.change(conn, receipt_id, state="running", done=0, total=0)
        label = f"Export as {row['options']['format']}"
        try:
            async with tracked(engine, "export", label, {"receipt": str(receipt_id)}) as job:
                beat = asyncio.create_task(self._beat(engine, receipt_id, job))
                try:
                    made = await making.make(
                        engine,
                        self.folder,
                        receipt_id,
                        most=self._settings.export_images,
                        tell=job.tell,
                    )
                finally:
                    beat.cancel()
            done = {"state": "done", "error": None, "finished_at": func.now(), "done": job.done}
            values = made | done | {"total": job.done}
        except BioCosmosError as error:
            values = {"state": "failed", "error": error.detail, "finished_at": func.now()}
        except Exception:
            LOG.exception("export %s failed", receipt_id)
            said = "Something went wrong on our side; the log says what"
            values = {"state": "failed", "error": said, "finished_at": func.now()}
        async with engine.begin() as conn:
            await receipts.change(conn, receipt_id, **values)

    async def _beat(self, engine: AsyncEngine, receipt_id: UUID, job: object) -> None:
        """Note in the receipt how far its file is."""
        while True:
            await asyncio.sleep(BEAT)
            done, total = getattr(job, "done", 0), getattr(job, "total", None) or 0
            async with engine.begin() as conn:
                await receipts.change(conn, receipt_id, done=done, total=total)

"""Reads a source to its end, page by page; can be stopped at any moment and run again."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.db.engine import translate_errors
from ingestor import jobs, records
from ingestor.interpret import Batch, Columns, interpret
from ingestor.jobs import IngestJob
from ingestor.receipt import Receipt, make_receipt
from ingestor.sources.base import Page, Rejected, Source

_TAXA = 20_000
"""Taxa that a run remembers to have written."""
_UNSTORABLE = {"22", "54"}
"""Classes of SQLSTATE: the data are at fault, or a limit such as that of an index."""

Progress = Callable[[int, int | None], None]
"""Told (rows dealt with, rows in all if known) after every page."""


async def ingest(
    engine: AsyncEngine,
    source: Source,
    *,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Receipt:
    """Bring the source's records and image links into the database.

    A page is one transaction, together with the place where the next run would go on. With
    `limit` only so many rows of the source are read, and nothing is withdrawn.
    """
    with translate_errors():
        async with jobs.only_one(engine, source):
            total = await asyncio.to_thread(source.count)
            total = limit if limit is not None and (total is None or limit < total) else total
            async with engine.begin() as connection:
                job = await jobs.start(connection, source, total, limit)
            try:
                await _read(engine, source, job, limit, total, progress)
                complete = limit is None and source.complete
                await _finish(engine, job, complete=complete)
            except BaseException as error:
                await asyncio.shield(_break_off(engine, job, error))
                raise
    return make_receipt(source.label, job.counts, complete=complete, notes=source.notes)


async def _read(
    engine: AsyncEngine,
    source: Source,
    job: IngestJob,
    limit: int | None,
    total: int | None,
    progress: Progress | None,
) -> None:
    """Write one page while the next one is read and interpreted."""
    known = _Known()
    writing: asyncio.Task[None] | None = None

    async def write(page: Page, batch: Batch) -> None:
        await _write(engine, source, page, batch, job, known)
        if progress:
            progress(job.done, total)

    try:
        async for page in source.pages(job.cursor, limit=limit):
            batch = await asyncio.to_thread(interpret, page, source)
            if writing:
                await writing
            writing = asyncio.create_task(write(page, batch))
    except Exception:  # the source fails; what it gave before is kept
        if writing:
            await writing
        raise
    else:
        if writing:
            await writing
    finally:
        if writing and not writing.done():
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)


@dataclass
class _Known:
    """What a run has written already and need not write with every page."""

    datasets: set[UUID] = field(default_factory=set)
    taxa: dict[tuple[object, object], int] = field(default_factory=dict)
    """Key to hash of the columns."""

    def new_taxa(self, batch: Batch) -> dict[tuple[object, object], Columns]:
        """Return the taxa of the batch that are new or differ."""
        return {k: v for k, v in batch.taxa.items() if self.taxa.get(k) != hash(str(v))}

    def add(self, batch: Batch) -> None:
        """Remember what is committed."""
        self.datasets.update(batch.datasets)
        if len(self.taxa) > _TAXA:
            self.taxa.clear()
        self.taxa |= {key: hash(str(row)) for key, row in batch.taxa.items()}


async def _write(
    engine: AsyncEngine, source: Source, page: Page, batch: Batch, job: IngestJob, known: _Known
) -> None:
    datasets = [row for own, row in batch.datasets.items() if own not in known.datasets]
    batch.taxa = known.new_taxa(batch)
    async with engine.begin() as connection:
        await records.write_datasets(connection, datasets)
        counts = await _write_rows(connection, source, page, batch, job.id)
        after = IngestJob(job.id, page.cursor, job.done + page.read, job.counts + counts)
        await jobs.advance(connection, after)
    # Only what is committed counts: a failed write leaves the job where it was.
    job.cursor, job.done, job.counts = after.cursor, after.done, after.counts
    known.add(batch)


async def _write_rows(
    connection: AsyncConnection, source: Source, page: Page, batch: Batch, job: UUID
) -> Counter[str]:
    """Write a page; where the database cannot hold a row, all but that row."""
    try:
        async with connection.begin_nested():
            return await records.write_batch(connection, batch, job)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "")[:2] not in _UNSTORABLE or not page.rows:
            raise
        if len(page.rows) > 1:
            half = len(page.rows) // 2
            parts = [
                replace(page, rows=page.rows[:half]),
                replace(page, rows=page.rows[half:], rejected=[]),
            ]
        else:
            parts = [replace(page, rows=[], rejected=[*page.rejected, _unstorable(page, error)])]
    counts: Counter[str] = Counter()
    for part in parts:
        counts += await _write_rows(connection, source, part, interpret(part, source), job)
    return counts


def _unstorable(page: Page, error: DBAPIError) -> Rejected:
    row = page.rows[0]
    said = str(error.orig).splitlines()[0]
    reason = f"the database cannot hold the row: {said}"
    return Rejected(row.locator, reason, row.dataset_key, row.fields)


async def _finish(engine: AsyncEngine, job: IngestJob, *, complete: bool) -> None:
    async with engine.begin() as connection:
        if complete:
            withdrawn = await records.withdraw_unseen(connection, job.id)
            await records.forget_old_rejections(connection, job.id)
            job.counts["withdrawn"] = withdrawn
        await jobs.finish(connection, job, "done")


async def _break_off(engine: AsyncEngine, job: IngestJob, error: BaseException) -> None:
    state = "failed" if isinstance(error, Exception) else "cancelled"
    try:
        async with engine.begin() as connection:
            await jobs.finish(connection, job, state, f"{type(error).__name__}: {error}"[:500])
    except Exception:  # the database itself is gone; the job stays "running" and is resumed
        return

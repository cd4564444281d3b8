"""Rows of `job`: what runs, how far it is, and where the next run goes on."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.db import tables
from core.db.engine import autocommit
from core.errors import Conflict
from core.jobs import running
from ingestor.sources.base import Cursor, Source


@dataclass
class IngestJob:
    """One run over a source, perhaps in several goes."""

    id: UUID
    cursor: Cursor | None = None
    done: int = 0
    """Rows of the source dealt with."""
    counts: Counter[str] = field(default_factory=Counter)


@asynccontextmanager
async def only_one(engine: AsyncEngine, source: Source) -> AsyncIterator[None]:
    """Hold the source while it is read; Conflict when another process holds it."""
    name = {"name": f"ingest {source.name} {source.key}"}
    async with autocommit(engine) as connection:
        lock = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
        if not (await connection.execute(lock, name)).scalar_one():
            raise Conflict(f"{source.label} is being ingested by another process; wait for it")
        try:
            yield
        finally:
            unlock = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")
            await connection.execute(unlock, name)


async def start(
    connection: AsyncConnection, source: Source, total: int | None, limit: int | None
) -> IngestJob:
    """Go on with the last run over the source if it broke off, else begin a new one.

    A cursor is good only for the very same content and limit.
    """
    job = tables.job
    wanted = {"source": source.name, "key": source.key}
    args = wanted | {"fingerprint": source.fingerprint, "limit": limit}
    last = (
        await connection.execute(
            select(job)
            .where(job.c.kind == "ingest", job.c.args.contains(wanted))
            .order_by(job.c.started_at.desc())
            .limit(1)
        )
    ).one_or_none()
    if last and last.state != "done":
        if last.args == args and last.cursor:
            await connection.execute(
                update(job)
                .where(job.c.id == last.id)
                .values(state="running", error=None, finished_at=None, parent_id=_outer())
            )
            return IngestJob(last.id, last.cursor, last.done, Counter(last.counts))
        if last.state == "running":
            await connection.execute(
                update(job).where(job.c.id == last.id).values(state="failed", error="broke off")
            )
    new = uuid4()
    values = {"id": new, "kind": "ingest", "label": source.label, "args": args, "total": total}
    await connection.execute(insert(job).values(values | {"parent_id": _outer()}))
    return IngestJob(new)


def _outer() -> UUID | None:
    """The job that the reading is a part of, where a worker or a command does it."""
    outer = running.current()
    return outer.id if outer else None


async def advance(connection: AsyncConnection, run: IngestJob) -> None:
    """Store how far it is; in the transaction that wrote the page."""
    await _update(connection, run, cursor=run.cursor, done=run.done, counts=dict(run.counts))


async def finish(
    connection: AsyncConnection, run: IngestJob, state: str, error: str | None = None
) -> None:
    """Store that it is over: done, failed or cancelled."""
    await _update(
        connection,
        run,
        state=state,
        error=error,
        counts=dict(run.counts),
        finished_at=func.now(),
    )


async def _update(connection: AsyncConnection, run: IngestJob, **values: object) -> None:
    job = tables.job
    changed: Mapping[str, object] = {**values, "updated_at": func.now()}
    await connection.execute(update(job).where(job.c.id == run.id).values(changed))

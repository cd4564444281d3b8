"""A job while it runs: its progress, its words, its heartbeat, and the wish that it ends."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import logs
from core.db.engine import autocommit
from core.db.tables import job, job_event
from core.errors import BioCosmosError, Conflict, JobCancelled, Unavailable
from core.jobs.job import EVENTS, Job, heard
from core.jobs.queue import ATTEMPTS, LOCK

LOG = logging.getLogger(__name__)
BEAT = 2.0
"""Seconds between signs of life; also how soon progress is seen and a cancelled job ends."""

STOPPED = "stopped"

_TRY = text(f"SELECT pg_try_advisory_lock({LOCK})")
_UNLOCK = text(f"SELECT pg_advisory_unlock({LOCK})")
_LISTENING = ("tcp_keepalives_idle = 20", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 3")
"""A machine that vanished is noticed, and its locks are freed, within a minute."""
_TAIL = text(
    "DELETE FROM job_event WHERE job_id = :id AND job_event.id <= (SELECT id FROM job_event"
    f" WHERE job_id = :id ORDER BY id DESC OFFSET {EVENTS} LIMIT 1)"
)
_current: ContextVar["Job | None"] = ContextVar("job", default=None)


def current() -> Job | None:
    """The job that is being run here."""
    return _current.get()


class PutBack(Exception):
    """The job goes back into the queue, for so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:.0f} s")
        self.seconds = seconds


@asynccontextmanager
async def tracked(
    engine: AsyncEngine, kind: str, label: str, args: Mapping[str, Any]
) -> AsyncIterator[Job]:
    """Show work that is done here and now as a job; inside of a job it is a part of that one."""
    outer = current()
    if outer is not None:
        yield outer
        return
    own = uuid4()
    values = {"id": own, "kind": kind, "label": label, "args": dict(args)}
    async with engine.begin() as connection:
        await connection.execute(insert(job).values(values))
    async with running(engine, own) as started:
        assert started is not None
        yield started


@asynccontextmanager
async def running(engine: AsyncEngine, own: UUID) -> AsyncIterator[Job | None]:
    """Run a job in this block; None where there is nothing left to do.

    However the block ends, the row says so: done, failed, cancelled, or, where another attempt
    is worth it, queued again (PutBack is raised). Conflict where another process runs it.
    """
    async with autocommit(engine) as connection:
        if not await connection.scalar(_TRY, {"id": own}):
            raise Conflict("The job is being run by another worker")
        try:
            started = await _begin(connection, own)
            if started is None:
                yield None
                return
            token = _current.set(started)
            with logs.bound(job=str(own)), heard(started):
                try:
                    async with _pulse(connection, started):
                        yield started
                    await _end(engine, started, state="done", error=None)
                except BaseException as error:
                    await asyncio.shield(_broken(engine, started, error))
                    raise
                finally:
                    _current.reset(token)
        finally:
            with suppress(Exception):  # a connection that is gone has let go already
                await asyncio.shield(connection.execute(_UNLOCK, {"id": own}))


async def _begin(connection: AsyncConnection, own: UUID) -> Job | None:
    for each in _LISTENING:
        await connection.execute(text(f"SET {each}"))
    begun = (
        update(job)
        .where(job.c.id == own, job.c.state.in_(("queued", "running")))
        .values(
            state="running",
            attempts=job.c.attempts + 1,
            started_at=text("CASE WHEN attempts = 0 THEN now() ELSE started_at END"),
            worker=f"{socket.gethostname()}:{os.getpid()}",
            heartbeat_at=func.now(),
            updated_at=func.now(),
            error=None,
        )
        .returning(*job.c)
    )
    row = (await connection.execute(begun)).one_or_none()
    return None if row is None else Job(row)


@asynccontextmanager
async def _pulse(connection: AsyncConnection, started: Job) -> AsyncIterator[None]:
    """Give signs of life; the block is cancelled when the job is, or when nobody hears them."""
    task = asyncio.current_task()
    assert task is not None

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT)
            try:
                wanted = await _sign(connection, started)
            except Exception as error:
                LOG.warning("the job lost its database: %s", error)
                started.lost = True
            else:
                started.cancelled = wanted
            if started.lost or started.cancelled:
                task.cancel()
                return

    beating = asyncio.create_task(beat())
    try:
        yield
    except asyncio.CancelledError:
        if started.cancelled or started.lost:
            task.uncancel()
            if started.cancelled:
                raise JobCancelled from None
            raise Unavailable("The database went away while the job ran") from None
        raise
    finally:
        beating.cancel()
        await asyncio.wait([beating])


async def _sign(connection: AsyncConnection, started: Job) -> bool:
    """Store progress and events; returns whether the job is to end."""
    if events := started.take_events():
        await connection.execute(insert(job_event), events)
        await connection.execute(_TAIL, {"id": started.id})
    signed = (
        update(job)
        .where(job.c.id == started.id)
        .values(
            heartbeat_at=func.now(),
            updated_at=func.now(),
            done=started.done,
            total=started.total,
            message=started.message,
        )
        .returning(job.c.cancel_requested)
    )
    return bool(await connection.scalar(signed))


async def _broken(engine: AsyncEngine, started: Job, error: BaseException) -> None:
    """Say how it ended; raises PutBack where it is worth another attempt."""
    said = error.detail if isinstance(error, BioCosmosError) else f"{type(error).__name__}: {error}"
    again: float | None = None
    if started.cancelled or isinstance(error, JobCancelled):
        state, said = "cancelled", ""
    elif isinstance(error, (asyncio.CancelledError, KeyboardInterrupt)):
        state, said, again = "cancelled", STOPPED, 0.0
    else:
        state = "failed"
        if isinstance(error, Unavailable) and started.attempt < ATTEMPTS:
            again = min(900.0, 15.0 * 2**started.attempt)
        if not isinstance(error, BioCosmosError):
            LOG.error("the job failed", exc_info=error)
    if again is not None and started.queued:
        state = "queued"
        started.say(f"{said}; queued again", "warning")
    elif state == "failed":
        started.say(said, "error")
    with suppress(Exception):  # the database itself is gone: `recover` takes the job up later
        await _end(engine, started, state=state, error=said or None)
    if state == "queued":
        raise PutBack(again or 0.0) from error


async def _end(engine: AsyncEngine, started: Job, *, state: str, error: str | None) -> None:
    over = state != "queued"
    values: dict[str, object] = {
        "state": state,
        "error": error if over else None,
        "done": started.done,
        "total": started.total,
        "message": started.message,
        "updated_at": func.now(),
        "finished_at": func.now() if over else None,
    }
    if state == "done":
        values["counts"] = dict(started.counts) | started.result
    if not over:  # being interrupted is no failure
        interrupted = error == STOPPED
        values["attempts"] = job.c.attempts - 1 if interrupted else job.c.attempts
    async with engine.begin() as connection:
        if events := started.take_events():
            await connection.execute(insert(job_event), events)
            await connection.execute(_TAIL, {"id": started.id})
        await connection.execute(update(job).where(job.c.id == started.id).values(**values))

"""The queue: asking for work, asking for its end, and taking up what dead workers left.

Rows of `job` are what people see; procrastinate hands them to workers. Both are written in the same
transaction, so that neither is ever without the other.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.db.engine import translate_errors
from core.db.tables import job, job_event
from core.errors import Conflict, InvalidSetting, NotFound

KINDS = ("ingest", "download", "embed", "index", "project", "export", "sync", "train")
"""What can be asked for; each kind is a queue of its own."""

ATTEMPTS = 5
"""How often a job is begun, at most."""
STALE = 20.0
"""Seconds without a sign of life after which a worker may be dead."""
SILENT = 6.0
"""The same of a job that runs: then its lock tells for certain."""

LOCK = "hashtextextended('job ' || CAST(:id AS text), 0)"
"""The advisory lock that is held while a job runs: nobody has it once its worker is dead."""
_DEFER = text(
    "SELECT (procrastinate.procrastinate_defer_jobs_v1(ARRAY[ROW(:kind, :kind, 0, :lock, NULL,"
    " CAST(:args AS jsonb), now() + CAST(:delay AS float) * interval '1 second')"
    "::procrastinate.procrastinate_job_to_defer_v1]))[1]"
)
_FREE = text(f"SELECT pg_try_advisory_xact_lock({LOCK})")
_LEFT = text(
    "SELECT job.* FROM job"
    " LEFT JOIN procrastinate.procrastinate_jobs AS waiting ON waiting.id = job.queue_id"
    " LEFT JOIN procrastinate.procrastinate_workers AS own ON own.id = waiting.worker_id"
    " WHERE CASE WHEN job.state = 'running' AND job.worker IS NOT NULL"
    " THEN job.heartbeat_at < now() - least(:stale, :silent) * interval '1 second'"
    " ELSE waiting.status = 'doing'"
    " AND coalesce(own.last_heartbeat, '-infinity') < now() - :stale * interval '1 second' END"
)
_REMOVE = text("DELETE FROM procrastinate.procrastinate_jobs WHERE id = :queue")


async def enqueue(
    connection: AsyncConnection,
    kind: str,
    args: Mapping[str, Any],
    *,
    label: str,
    delay: float = 0.0,
) -> UUID:
    """Ask for work, `delay` seconds from now; returns the id of its row of `job`.

    Where the very same already waits, that is what is returned; while the same runs, the new one
    waits. InvalidSetting for an unknown kind.
    """
    _check(kind)
    name = _name(kind, args)
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 1))")
    await connection.execute(lock, {"name": name})
    waiting = select(job.c.id).where(
        job.c.state == "queued", job.c.kind == kind, job.c.args == dict(args)
    )
    found = await connection.scalar(waiting)
    if found is not None:
        return UUID(str(found))
    made = uuid4()
    values = {"id": made, "kind": kind, "label": label, "args": dict(args), "state": "queued"}
    await connection.execute(insert(job).values(values))
    await _defer(connection, made, kind, args, delay)
    return made


def _name(kind: str, args: Mapping[str, Any]) -> str:
    """What only one worker does at a time."""
    same = hashlib.sha256(json.dumps(args, sort_keys=True, default=str).encode()).hexdigest()
    return f"{kind} {same[:32]}"


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise InvalidSetting(f"{kind!r} is no kind of job; use one of {', '.join(KINDS)}")


async def _defer(
    connection: AsyncConnection, own: UUID, kind: str, args: Mapping[str, Any], delay: float = 0.0
) -> None:
    lock = _name(kind, args)
    asked = {"kind": kind, "lock": lock, "args": json.dumps({"job": str(own)}), "delay": delay}
    queue = await connection.scalar(_DEFER, asked)
    await connection.execute(update(job).where(job.c.id == own).values(queue_id=queue))


async def cancel(connection: AsyncConnection, own: UUID) -> None:
    """Ask that a job ends: at once where it waits, within seconds where it runs.

    NotFound; Conflict where it has ended already.
    """
    row = await _row(connection, own)
    if row.state == "queued":
        await connection.execute(
            update(job)
            .where(job.c.id == own)
            .values(state="cancelled", finished_at=text("now()"), queue_id=None)
        )
        await connection.execute(_REMOVE, {"queue": row.queue_id})
    elif row.state == "running" and row.worker is not None:
        await connection.execute(update(job).where(job.c.id == own).values(cancel_requested=True))
    else:
        raise Conflict(f"The job has ended already: it is {row.state}")
    await note(connection, own, "warning", "asked to stop")


async def retry(connection: AsyncConnection, own: UUID) -> None:
    """Queue a job again that failed or was cancelled, wherever it ran. NotFound, Conflict."""
    row = await _row(connection, own)
    if row.state not in ("failed", "cancelled"):
        raise Conflict(f"Only what failed or was cancelled can be retried; the job is {row.state}")
    if row.kind not in KINDS or row.parent_id is not None:
        raise Conflict("It is a part of another job; retry that one")
    await connection.execute(
        update(job)
        .where(job.c.id == own)
        .values(state="queued", attempts=0, cancel_requested=False, error=None, finished_at=None)
    )
    await _defer(connection, own, row.kind, row.args)
    await note(connection, own, "info", "queued again")


async def earlier(engine: AsyncEngine, own: UUID, kinds: Sequence[str]) -> bool:
    """Whether a job of these kinds that was asked for before this one is still to end."""
    asked = text(
        "SELECT EXISTS (SELECT FROM job AS other, job AS this WHERE this.id = :own"
        " AND other.queue_id IS NOT NULL AND other.kind = ANY(:kinds)"
        " AND other.created_at < this.created_at AND other.state IN ('queued', 'running'))"
    )
    async with engine.connect() as connection:
        return bool(await connection.scalar(asked, {"own": own, "kinds": list(kinds)}))


async def _row(connection: AsyncConnection, own: UUID) -> Any:
    row = (await connection.execute(select(job).where(job.c.id == own).with_for_update())).first()
    if row is None:
        raise NotFound("There is no such job")
    return row


async def note(connection: AsyncConnection, own: UUID, level: str, message: str) -> None:
    """Add an event (info, warning, error) to a job."""
    values = {"job_id": own, "level": level, "message": message}
    await connection.execute(insert(job_event).values(values))


async def recover(engine: AsyncEngine, *, stale: float = STALE) -> Sequence[UUID]:
    """Take up what workers left that died: back into the queue, or failed; returns what it was.

    A worker is dead when it gave no sign of life for `stale` seconds and its lock is free.
    """
    with translate_errors():
        async with engine.begin() as connection:
            left = (await connection.execute(_LEFT, {"stale": stale, "silent": SILENT})).all()
            return [row.id for row in left if await _take_up(connection, row)]


async def _take_up(connection: AsyncConnection, row: Any) -> bool:
    if not await connection.scalar(_FREE, {"id": row.id}):
        return False  # slow, but alive
    if row.queue_id is not None:
        await connection.execute(_REMOVE, {"queue": row.queue_id})
    if row.state not in ("queued", "running"):  # its result was stored, only that was not said
        return False
    ending: dict[str, object] = {"finished_at": text("now()"), "queue_id": None}
    if row.queue_id is None:
        ending |= {"state": "failed", "error": "broke off; run the same command to go on"}
    elif row.cancel_requested:
        ending |= {"state": "cancelled"}
    elif row.attempts >= ATTEMPTS:
        ending |= {"state": "failed", "error": f"its workers died, {row.attempts} times"}
    else:
        ending = {"state": "queued"}
        await note(connection, row.id, "warning", "its worker died; queued again")
    await connection.execute(update(job).where(job.c.id == row.id).values(**ending))
    if ending["state"] == "queued":
        await _defer(connection, row.id, row.kind, row.args)
    return True

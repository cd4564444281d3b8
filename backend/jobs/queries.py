"""SQL over jobs."""

import datetime
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Label, Row, Select, func, literal_column, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.tables import job, job_event

SAMPLES = 3
TROUBLES = 10
_OPEN = job.c.state.in_(("queued", "running"))
_SINCE: Label[float] = literal_column("extract(epoch FROM now() - heartbeat_at)").label(
    "heartbeat_seconds"
)
_REJECTED = text(
    "SELECT regexp_replace(split_part(reason, ': ', 1), '[0-9][0-9,.]*', '…', 'g') AS reason,"
    f" count(*) AS count, (array_agg(locator ORDER BY locator))[1:{SAMPLES}] AS samples"
    " FROM rejection WHERE job_id = ANY(:ids) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT :most"
)
_MISSING = text(
    "SELECT state, host, regexp_replace(split_part(reason, ': ', 1), '[0-9][0-9,.]*', '…', 'g')"
    f" AS reason, count(*) AS count, (array_agg(fetch_url ORDER BY id))[1:{SAMPLES}] AS samples"
    " FROM image WHERE state IN ('retry', 'gone', 'blocked', 'invalid') AND reason IS NOT NULL"
    " AND updated_at BETWEEN :begun AND :ended GROUP BY 1, 2, 3 ORDER BY 4 DESC, 3 LIMIT :most"
)


async def listed(
    conn: AsyncConnection,
    states: Sequence[str],
    kinds: Sequence[str],
    limit: int,
    after: tuple[bool, datetime.datetime, UUID] | None,
) -> Sequence[Row[Any]]:
    """Jobs that are no part of others: those that are open first, then the latest."""
    query: Select[Any] = select(*job.c, _SINCE, _OPEN.label("open")).where(
        job.c.parent_id.is_(None)
    )
    if states:
        query = query.where(job.c.state.in_(states))
    if kinds:
        query = query.where(job.c.kind.in_(kinds))
    order = tuple_(_OPEN, job.c.created_at, job.c.id)
    if after is not None:
        query = query.where(order < tuple_(*after))
    query = query.order_by(_OPEN.desc(), job.c.created_at.desc(), job.c.id.desc())
    rows: Sequence[Row[Any]] = (await conn.execute(query.limit(limit))).all()
    return rows


async def states(conn: AsyncConnection) -> dict[str, int]:
    """How many jobs there are in each state."""
    query = select(job.c.state, func.count()).where(job.c.parent_id.is_(None)).group_by(job.c.state)
    return {state: count for state, count in await conn.execute(query)}


async def one(conn: AsyncConnection, own: UUID) -> Row[Any] | None:
    """A job."""
    query: Select[Any] = select(*job.c, _SINCE).where(job.c.id == own)
    row: Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row


async def events(conn: AsyncConnection, own: UUID) -> Sequence[Row[Any]]:
    """What a job said, oldest first."""
    query = select(job_event).where(job_event.c.job_id == own).order_by(job_event.c.id)
    return (await conn.execute(query)).all()


async def rejected(conn: AsyncConnection, own: UUID) -> Sequence[Row[Any]]:
    """Why rows were not kept by a job or a part of it."""
    parts = select(job.c.id).where((job.c.id == own) | (job.c.parent_id == own))
    ids = list(await conn.scalars(parts))
    return (await conn.execute(_REJECTED, {"ids": ids, "most": TROUBLES})).all()


async def missing(
    conn: AsyncConnection, begun: datetime.datetime, ended: datetime.datetime
) -> Sequence[Row[Any]]:
    """Why images that were looked at between two moments could not be had."""
    asked = {"begun": begun, "ended": ended, "most": TROUBLES}
    return (await conn.execute(_MISSING, asked)).all()

"""Jobs for people: without what is nobody's business, with what went wrong in words."""

import base64
import datetime
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.jobs import queries
from backend.jobs.schemas import Asked, Event, Job, JobDetail, Jobs, Trouble
from core.errors import BadRequest, NotFound
from core.jobs import args, queue

_FOLDERS = re.compile(r"(?<![\w:/.])/(?:[^/\s'\"]+/)+")
_FETCHES = {"ingest", "download", "sync"}


def public(value: Any) -> Any:
    """The same without the folders of this machine."""
    if isinstance(value, str):
        return Path(value).name if value.startswith("/") else _FOLDERS.sub("…/", value)
    if isinstance(value, dict):
        return {name: public(each) for name, each in value.items()}
    if isinstance(value, list):
        return [public(each) for each in value]
    return value


def _columns(row: Row[Any]) -> dict[str, Any]:
    columns = dict(row._mapping)
    running = row.state == "running" and row.worker is not None
    return columns | {
        "error": None if row.error is None else _FOLDERS.sub("…/", row.error),
        "message": None if row.message is None else _FOLDERS.sub("…/", row.message),
        "started_at": None if row.state == "queued" else row.started_at,
        "heartbeat_seconds": row.heartbeat_seconds if running else None,
    }


async def listed(
    conn: AsyncConnection,
    states: Sequence[str],
    kinds: Sequence[str],
    limit: int,
    cursor: str | None,
) -> Jobs:
    """A page of jobs."""
    rows = await queries.listed(conn, states, kinds, limit + 1, _after(cursor))
    shown = rows[:limit]
    more = _cursor(shown[-1]) if len(rows) > limit else None
    return Jobs(
        jobs=[Job.model_validate(_columns(row)) for row in shown],
        states=cast("dict[Any, int]", await queries.states(conn)),
        next_cursor=more,
    )


def _cursor(row: Row[Any]) -> str:
    place = json.dumps([row.open, row.created_at.isoformat(), str(row.id)])
    return base64.urlsafe_b64encode(place.encode()).decode()


def _after(cursor: str | None) -> tuple[bool, datetime.datetime, UUID] | None:
    if cursor is None:
        return None
    try:
        still, at, own = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return bool(still), datetime.datetime.fromisoformat(at), UUID(own)
    except (ValueError, TypeError) as error:
        raise BadRequest("cursor is none that was given out") from error


async def detail(conn: AsyncConnection, own: UUID) -> JobDetail:
    """A job with its events and the reasons of what it could not keep; NotFound."""
    row = await queries.one(conn, own)
    if row is None:
        raise NotFound("There is no such job")
    said = [
        Event(at=each.at, level=each.level, message=_FOLDERS.sub("…/", each.message))
        for each in await queries.events(conn, own)
    ]
    columns = _columns(row) | {"args": public(row.args), "counts": public(row.counts)}
    troubles = await _troubles(conn, row)
    return JobDetail.model_validate(columns | {"events": said, "troubles": troubles})


async def _troubles(conn: AsyncConnection, row: Row[Any]) -> list[Trouble]:
    if row.state == "queued":
        return []
    found = [
        Trouble(
            reason=each.reason,
            what="record",
            state=None,
            host=None,
            count=each.count,
            samples=public(list(each.samples)),
        )
        for each in await queries.rejected(conn, row.id)
    ]
    if row.kind in _FETCHES:
        ended = row.finished_at or datetime.datetime.now(datetime.UTC)
        found += [
            Trouble(
                reason=each.reason,
                what="image",
                state=each.state,
                host=each.host,
                count=each.count,
                samples=[_sample(link) for link in each.samples],
            )
            for each in await queries.missing(conn, row.started_at, ended)
        ]
    return sorted(found, key=lambda each: -each.count)[: queries.TROUBLES]


def _sample(link: str) -> str:
    return link if link.startswith(("http://", "https://")) else Path(link).name


async def ask(conn: AsyncConnection, asked: Asked) -> JobDetail:
    """Queue a job; InvalidSetting says what is wrong with its arguments."""
    typed = args.parse(asked.kind, asked.args)
    label = args.label(asked.kind, typed)
    own = await queue.enqueue(conn, asked.kind, args.dump(typed), label=label)
    return await detail(conn, own)


async def retry(conn: AsyncConnection, own: UUID) -> JobDetail:
    """Queue a job again; NotFound, Conflict."""
    await queue.retry(conn, own)
    return await detail(conn, own)


async def cancel(conn: AsyncConnection, own: UUID) -> JobDetail:
    """Ask a job to end; NotFound, Conflict."""
    await queue.cancel(conn, own)
    return await detail(conn, own)

"""Rows of `source`: what was read, how to open it again, and when it was last read to its end."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.tables import job, source
from core.jobs import args
from ingestor.requests import Request
from ingestor.sources.base import Source


async def remember(
    connection: AsyncConnection,
    read: Source,
    request: Request,
    *,
    whole: bool,
) -> None:
    """Store that a source was read to its end; `whole`: all there is, not only what is new."""
    begun = (
        select(job.c.started_at)
        .where(job.c.kind == "ingest", job.c.args.contains({"source": read.name, "key": read.key}))
        .order_by(job.c.started_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    values: dict[str, Any] = {
        "source": read.name,
        "key": read.key,
        "label": request.label,
        "request": args.dump(request),
        "fingerprint": read.fingerprint if whole else None,
        "read_at": func.coalesce(begun, func.now()),
        "whole_at": func.coalesce(begun, func.now()) if whole else None,
    }
    added = insert(source).values(values)
    kept: dict[str, Any] = {
        name: func.coalesce(literal_column(f"excluded.{name}"), source.c[name])
        for name in ("fingerprint", "whole_at")
    }
    fresh: dict[str, Any] = {name: added.excluded[name] for name in ("label", "request", "read_at")}
    await connection.execute(
        added.on_conflict_do_update(index_elements=["source", "key"], set_=fresh | kept)
    )


async def due(
    connection: AsyncConnection, *, kind: str | None = None, dataset: str | None = None
) -> Sequence[Row[Any]]:
    """Return the sources that a sync is asked for, the longest unread first.

    `dataset`: part of a source's name or address.
    """
    wanted = select(source).order_by(source.c.read_at)
    if kind is not None:
        wanted = wanted.where(source.c.source == kind)
    if dataset is not None:
        named = text(
            "position(lower(:dataset) IN lower(source.label || ' ' || source.key"
            " || ' ' || source.request::text)) > 0"
        )
        wanted = wanted.where(named.bindparams(dataset=dataset))
    return (await connection.execute(wanted)).all()


async def unchanged(connection: AsyncConnection, row: Row[Any]) -> None:
    """Store that a source was looked at and is what it was."""
    same = (source.c.source == row.source, source.c.key == row.key)
    await connection.execute(
        update(source).where(*same).values(read_at=func.now(), whole_at=func.now())
    )

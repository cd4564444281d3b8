"""Rows of `receipt`: what was exported, when, and how it is to be cited. They are never deleted."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.tables import receipt, receipt_image

LOCK = "hashtextextended('receipt ' || CAST(:id AS text), 0)"
"""Held by who makes the file."""


async def create(conn: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Add a receipt that waits for its file."""
    await conn.execute(insert(receipt).values(dict(values)))


async def list_images(
    conn: AsyncConnection, receipt_id: UUID, found: Sequence[tuple[UUID, float | None]]
) -> None:
    """Keep which images a receipt is of, best first, with their scores."""
    rows = [
        {"receipt_id": receipt_id, "position": at, "image_id": image_id, "score": score}
        for at, (image_id, score) in enumerate(found, start=1)
    ]
    if rows:
        await conn.execute(insert(receipt_image), rows)


async def get(conn: AsyncConnection, receipt_id: UUID) -> RowMapping | None:
    """One receipt."""
    rows = await conn.execute(select(receipt).where(receipt.c.id == receipt_id))
    return rows.mappings().one_or_none()


async def change(conn: AsyncConnection, receipt_id: UUID, **values: Any) -> None:
    """Set columns of a receipt."""
    await conn.execute(update(receipt).where(receipt.c.id == receipt_id).values(**values))


async def unfinished(conn: AsyncConnection) -> list[UUID]:
    """Receipts whose file is still to be made, the oldest first."""
    query = (
        select(receipt.c.id)
        .where(receipt.c.state.in_(("waiting", "running")))
        .order_by(receipt.c.at, receipt.c.id)
    )
    return list(await conn.scalars(query))


async def waiting(conn: AsyncConnection) -> int:
    """How many files are still to be made."""
    query = select(func.count()).where(receipt.c.state.in_(("waiting", "running")))
    return int(await conn.scalar(query) or 0)


async def expired(conn: AsyncConnection, days: float) -> list[UUID]:
    """Receipts whose file has been kept for `days`."""
    query = select(receipt.c.id).where(
        receipt.c.file_name.is_not(None),
        receipt.c.file_removed_at.is_(None),
        receipt.c.finished_at < func.now() - text("CAST(:days AS float8) * interval '1 day'"),
    )
    return list(await conn.scalars(query, {"days": days}))


async def take(conn: AsyncConnection, receipt_id: UUID) -> bool:
    """Be the one that makes the file, until `conn` is closed or `release` is called."""
    lock = text(f"SELECT pg_try_advisory_lock({LOCK})")
    return bool(await conn.scalar(lock, {"id": receipt_id}))


async def release(conn: AsyncConnection, receipt_id: UUID) -> None:
    """Let others make it."""
    await conn.execute(text(f"SELECT pg_advisory_unlock({LOCK})"), {"id": receipt_id})

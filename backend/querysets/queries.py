"""SQL about query sets."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.tables import eval_run, query_set


async def every(conn: AsyncConnection) -> list[Row[Any]]:
    """All sets in short: rows (name, description, size, updated_at)."""
    size = func.jsonb_array_length(query_set.c.queries).label("size")
    columns = (query_set.c.name, query_set.c.description, size, query_set.c.updated_at)
    return list(await conn.execute(select(*columns).order_by(query_set.c.name)))


async def find(conn: AsyncConnection, name: str) -> Row[Any] | None:
    """One set with its queries."""
    return (await conn.execute(select(query_set).where(query_set.c.name == name))).one_or_none()


async def count(conn: AsyncConnection) -> int:
    """How many sets there are."""
    return int(await conn.scalar(select(func.count()).select_from(query_set)) or 0)


async def keep(
    conn: AsyncConnection, name: str, description: str, queries: Sequence[dict[str, Any]]
) -> None:
    """Store a set in place of the one of that name."""
    said = {"description": description, "queries": list(queries), "updated_at": func.now()}
    statement = insert(query_set).values(name=name, **said)
    await conn.execute(
        statement.on_conflict_do_update(index_elements=[query_set.c.name], set_=said)
    )


async def remove(conn: AsyncConnection, name: str) -> bool:
    """Delete a set; False where there is none. Evaluations made with it stay, without its name."""
    await conn.execute(eval_run.update().where(eval_run.c.query_set == name).values(query_set=None))
    gone = await conn.execute(delete(query_set).where(query_set.c.name == name))
    return gone.rowcount > 0

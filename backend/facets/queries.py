"""SQL that names what is counted."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.tables import dataset


async def titles(conn: AsyncConnection, ids: Sequence[str] | None = None) -> dict[str, str]:
    """Titles of datasets by id; of all where none are named."""
    query = select(dataset.c.id, dataset.c.title)
    if ids is not None:
        query = query.where(dataset.c.id.in_([UUID(each) for each in ids]))
    return {str(row.id): row.title for row in await conn.execute(query)}

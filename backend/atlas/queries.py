"""SQL about single points of the atlas."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.tables import projection

_POINT = (projection.c.number, projection.c.image_id, projection.c.x, projection.c.y)


async def numbered(conn: AsyncConnection, version_id: int, numbers: Sequence[int]) -> Sequence[Any]:
    """Points (number, image_id, x, y) of these numbers."""
    query = select(*_POINT).where(
        projection.c.version_id == version_id, projection.c.number.in_(numbers)
    )
    return (await conn.execute(query)).all()


async def of_images(
    conn: AsyncConnection, version_id: int, image_ids: Sequence[UUID]
) -> Sequence[Any]:
    """Points (number, image_id, x, y) of these images; of those that are on the map."""
    query = select(*_POINT).where(
        projection.c.version_id == version_id,
        projection.c.image_id.in_(image_ids),
        projection.c.number.is_not(None),
    )
    return (await conn.execute(query)).all()

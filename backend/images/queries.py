"""SQL about images."""

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.tables import image, record, record_image

COLUMNS: list[Any] = [
    image.c[name].label(f"image_{name}")
    for name in (
        "id", "identifier", "fetch_url", "title", "view", "licence", "rights_holder", "creator",
        "references_url", "width", "height", "sha256", "state",
    )
]  # fmt: skip
"""What `service.describe` and `service.may_show` need, each named image_<column>."""


async def by_id(conn: AsyncConnection, image_id: UUID) -> RowMapping | None:
    """One image that is not solely of withdrawn records, or None."""
    links = record_image.c.image_id == image.c.id
    linked = select(record_image.c.record_id).where(links).exists()
    shown = (
        select(record.c.id)
        .join(record_image, record_image.c.record_id == record.c.id)
        .where(links, record.c.withdrawn_at.is_(None))
        .exists()
    )
    query = select(*COLUMNS).where(image.c.id == image_id, ~linked | shown)
    return (await conn.execute(query)).mappings().one_or_none()


async def of_record(conn: AsyncConnection, record_id: UUID) -> list[RowMapping]:
    """All images of a record in their order of display."""
    query = (
        select(*COLUMNS)
        .join(record_image, record_image.c.image_id == image.c.id)
        .where(record_image.c.record_id == record_id, image.c.same_as.is_(None))
        .order_by(record_image.c.position, image.c.id)
    )
    return list((await conn.execute(query)).mappings())

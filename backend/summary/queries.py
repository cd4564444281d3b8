"""SQL that counts."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.images.queries import COLUMNS
from core.db.tables import dataset, embed_version, image, record

_CURRENT = record.c.withdrawn_at.is_(None) & record.c.specimen_id.is_(None)


async def counts(conn: AsyncConnection) -> RowMapping:
    """One row: records, images, datasets, species, countries, updated_at."""
    of_records = select(
        func.count().label("records"),
        func.max(record.c.last_seen).label("updated_at"),
        func.count(record.c.species.distinct()).label("species"),
        func.count(
            func.coalesce(record.c.country_code, record.c.country).distinct()
        ).label("countries"),
    ).where(_CURRENT).subquery()  # fmt: skip
    query = select(
        of_records,
        select(func.count())
        .select_from(image)
        .where(image.c.state == "ok", image.c.same_as.is_(None))
        .scalar_subquery()
        .label("images"),
        select(func.count()).select_from(dataset).scalar_subquery().label("datasets"),
    )
    return (await conn.execute(query)).mappings().one()


async def default_version(conn: AsyncConnection) -> str | None:
    """Name of the default version."""
    name: str | None = await conn.scalar(
        select(embed_version.c.embed_version).where(embed_version.c.is_default)
    )
    return name


async def pictures_of(conn: AsyncConnection, image_ids: Sequence[UUID]) -> list[RowMapping]:
    """Those of the images that can be shown, in this order, labels last."""
    query = (
        select(*COLUMNS)
        .where(image.c.id.in_(image_ids), image.c.state == "ok")
        .order_by((image.c.view == "label").is_(True), image.c.id)
    )
    return list((await conn.execute(query)).mappings())

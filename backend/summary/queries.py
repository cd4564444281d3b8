"""SQL that counts."""

from sqlalchemy import RowMapping, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.images.queries import COLUMNS
from core.db.tables import dataset, embed_version, image, record, record_image

_CURRENT = record.c.withdrawn_at.is_(None) & record.c.specimen_id.is_(None)


async def counts(conn: AsyncConnection) -> RowMapping:
    """One row: records, images, datasets, species, countries."""
    of_records = select(
        func.count().label("records"),
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


async def pictures_of_common_species(
    conn: AsyncConnection, *, species: int, each: int
) -> list[RowMapping]:
    """Up to `each` fetched images of each of the most common `species`, most common first."""
    common = (
        select(record.c.species, func.count().label("records"))
        .where(_CURRENT, record.c.species.is_not(None))
        .group_by(record.c.species)
        .order_by(func.count().desc(), record.c.species)
        .limit(species)
        .subquery()
    )
    pictures = (
        select(*COLUMNS)
        .join(record_image, record_image.c.image_id == image.c.id)
        .join(record, record.c.id == record_image.c.record_id)
        .where(_CURRENT, record.c.species == common.c.species, image.c.state == "ok")
        .order_by((image.c.view == "label").is_(True), record_image.c.position, image.c.id)
        .limit(each)
        .lateral()
    )
    query = (
        select(common.c.species, pictures)
        .join(pictures, true())
        .order_by(common.c.records.desc(), common.c.species)
    )
    return list((await conn.execute(query)).mappings())

"""SQL about taxa and what shows them."""

from typing import Any

from sqlalchemy import RowMapping, column, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.images.queries import COLUMNS
from backend.records.queries import SUMMARY_COLUMNS
from core.db.tables import RANKS, dataset, image, record, record_image, taxon

_CURRENT = record.c.withdrawn_at.is_(None) & record.c.specimen_id.is_(None)


async def lineage(conn: AsyncConnection, rank: str, name: str) -> RowMapping | None:
    """The most common classification of a taxon: the ranks, and `records` of all its records."""
    columns = [record.c[each] for each in RANKS[: RANKS.index(rank) + 1]]
    query = (
        select(*columns, func.sum(func.count()).over().label("records"))
        .where(_CURRENT, record.c[rank] == name)
        .group_by(*columns)
        .order_by(func.count().desc(), *columns)
        .limit(1)
    )
    return (await conn.execute(query)).mappings().one_or_none()


async def keys(conn: AsyncConnection, rank: str, name: str) -> list[RowMapping]:
    """What checklists say of a name: checklist_key, taxon_key, authorship."""
    query = (
        select(taxon.c.checklist_key, taxon.c.taxon_key, taxon.c.authorship)
        .where(taxon.c.canonical_name == name, or_(taxon.c.rank == rank, taxon.c.rank.is_(None)))
        .order_by(taxon.c.authorship.nulls_last(), taxon.c.checklist_key, taxon.c.taxon_key)
    )
    return list((await conn.execute(query)).mappings())


async def aliases(conn: AsyncConnection, rank: str, name: str) -> list[RowMapping]:
    """Synonyms and common names: kind, name."""
    query = text(
        "SELECT kind, name FROM alias"
        " WHERE target = hashtextextended(lower(:fact), 0) ORDER BY kind, name"
    )
    return list((await conn.execute(query, {"fact": f"{rank}:{name}"})).mappings())


async def gallery(conn: AsyncConnection, rank: str, name: str, most: int) -> list[RowMapping]:
    """Images with their records: one of each species before a second of any, labels last."""
    ranked: list[Any] = [record.c[each] for each in RANKS[RANKS.index(rank) + 1 :]]
    is_label = (image.c.view == "label").is_(True)
    turn = func.row_number().over(
        partition_by=func.coalesce(*reversed(ranked), "") if ranked else None,
        order_by=(is_label, record_image.c.position, image.c.id),
    )
    listed = (
        select(*COLUMNS, *SUMMARY_COLUMNS, turn.label("turn"), is_label.label("is_label"))
        .join(record_image, record_image.c.image_id == image.c.id)
        .join(record, record.c.id == record_image.c.record_id)
        .join(dataset, dataset.c.id == record.c.dataset_id)
        .where(_CURRENT, record.c[rank] == name, image.c.state == "ok", image.c.same_as.is_(None))
        .subquery()
    )
    query = (
        select(listed).order_by(listed.c.is_label, listed.c.turn, column("image_id")).limit(most)
    )
    return list((await conn.execute(query)).mappings())


async def first_image(conn: AsyncConnection, image_id: Any) -> RowMapping | None:
    """One image with what `describe` needs."""
    query = select(*COLUMNS).where(image.c.id == image_id)
    return (await conn.execute(query)).mappings().one_or_none()

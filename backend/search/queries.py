"""SQL that brings what is shown of the images found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.images.queries import COLUMNS
from backend.records.queries import SUMMARY_COLUMNS
from core.db.tables import dataset, image, record, record_image

_SEED_COLUMNS = [record.c[name].label(f"record_{name}") for name in ("source", "source_record_id")]


@dataclass
class Found:
    """An image and the records it shows, by record id."""

    image: RowMapping
    records: list[RowMapping] = field(default_factory=list)


async def record_row(conn: AsyncConnection, record_id: UUID) -> RowMapping | None:
    """What is said of a record in short, or None."""
    query = (
        select(*SUMMARY_COLUMNS)
        .join(dataset, dataset.c.id == record.c.dataset_id)
        .where(record.c.id == record_id, record.c.withdrawn_at.is_(None))
    )
    return (await conn.execute(query)).mappings().one_or_none()


async def found(conn: AsyncConnection, image_ids: Sequence[UUID]) -> dict[UUID, Found]:
    """Images by id with their records; without images whose records were all withdrawn."""
    query = (
        select(*COLUMNS, *SUMMARY_COLUMNS, *_SEED_COLUMNS)
        .select_from(image)
        .outerjoin(record_image, record_image.c.image_id == image.c.id)
        .outerjoin(record, record.c.id == record_image.c.record_id)
        .outerjoin(dataset, dataset.c.id == record.c.dataset_id)
        .where(image.c.id.in_(image_ids))
        .order_by(image.c.id, record.c.specimen_id.is_not(None), record.c.id)
    )
    shown: dict[UUID, Found] = {}
    for row in (await conn.execute(query)).mappings():
        if row["record_withdrawn_at"] is not None:
            continue
        entry = shown.setdefault(row["image_id"], Found(row))
        if row["record_id"] is not None:
            entry.records.append(row)
    return shown

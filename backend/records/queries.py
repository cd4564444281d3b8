"""SQL about records."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.records.schemas import RecordFields
from core.db.tables import dataset, record

SUMMARY_COLUMNS: list[Any] = [
    *(record.c[name].label(f"record_{name}") for name in RecordFields.model_fields),
    record.c.withdrawn_at.label("record_withdrawn_at"),
    dataset.c.id.label("dataset_id"),
    dataset.c.title.label("dataset_title"),
]
"""What `service.summary` needs, each named record_<column> or dataset_<column>."""


async def by_id(conn: AsyncConnection, record_id: UUID) -> RowMapping | None:
    """One record with every column as record_<column>, its dataset's as dataset_<column>."""
    columns = [
        *(column.label(f"record_{column.name}") for column in record.c),
        *(column.label(f"dataset_{column.name}") for column in dataset.c),
    ]
    query = select(*columns).join(dataset, record.c.dataset_id == dataset.c.id)
    rows = await conn.execute(query.where(record.c.id == record_id))
    return rows.mappings().one_or_none()


async def same_specimen(conn: AsyncConnection, record_id: UUID) -> Sequence[RowMapping]:
    """The other current records of a record's specimen, the shown one first."""
    own = select(func.coalesce(record.c.specimen_id, record.c.id)).where(record.c.id == record_id)
    shown = own.scalar_subquery()
    query = (
        select(
            record.c.id,
            record.c.source,
            record.c.source_record_id,
            record.c.references_url,
            record.c.occurrence_id,
            dataset.c.id.label("dataset_id"),
            dataset.c.title.label("dataset_title"),
            dataset.c.url.label("dataset_url"),
        )
        .join(dataset, dataset.c.id == record.c.dataset_id)
        .where((record.c.id == shown) | (record.c.specimen_id == shown))
        .where(record.c.id != record_id, record.c.withdrawn_at.is_(None))
        .order_by(record.c.specimen_id.is_not(None), record.c.source, record.c.id)
    )
    return (await conn.execute(query)).mappings().all()

"""SQL about records."""

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
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

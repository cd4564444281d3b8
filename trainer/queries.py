"""Reads of our own database for training; the connection is read-only."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from core.db.engine import translate_errors
from core.db.tables import RANKS, image, record, record_image
from core.errors import InvalidSetting
from trainer.config_data import DataSettings

Row = dict[str, Any]


async def pictures(engine: AsyncEngine, data: DataSettings) -> list[Row]:
    """Stored images with the record they show, by image id.

    Left out: withdrawn records, records without a name at `data.level`, licences, taxa and views
    other than those asked for, and images of records that differ in their class. An image with its
    own licence is judged by that, else by its record's.
    """
    strange = [rank for rank in (*data.within, data.level) if rank not in RANKS]
    if strange:
        raise InvalidSetting(f"no rank {strange[0]!r}: there are {', '.join(RANKS)}")
    with translate_errors():
        async with engine.connect() as connection:
            rows = (await connection.execute(_asked(data))).mappings()
            return _of_one_class([dict(row) for row in rows], data.level)


def _asked(data: DataSettings) -> Select[Any]:
    asked = (
        select(
            image.c.id,
            image.c.sha256,
            image.c.phash,
            image.c.view,
            record.c.id.label("record_id"),
            record.c.sex,
            record.c.vernacular_name,
            *(record.c[rank] for rank in RANKS),
        )
        .join(record_image, record_image.c.image_id == image.c.id)
        .join(record, record.c.id == record_image.c.record_id)
        .where(image.c.state == "ok", image.c.sha256.is_not(None), image.c.same_as.is_(None))
        .where(record.c.withdrawn_at.is_(None), record.c.specimen_id.is_(None))
        .where(func.coalesce(record.c[data.level], "") != "")
        .order_by(image.c.id, record.c.id)
    )
    if data.licences:
        licence = func.coalesce(image.c.licence, record.c.licence)
        asked = asked.where(licence.in_(data.licences))
    for rank, name in data.within.items():
        asked = asked.where(func.lower(record.c[rank]) == name.lower())
    if data.views:
        return asked.where(image.c.view.in_(data.views))
    return asked.where(func.coalesce(image.c.view, "") != "label")


def _of_one_class(rows: list[Row], level: str) -> list[Row]:
    """Each image once, if all its records agree on its class."""
    classes: dict[Any, set[str]] = {}
    for row in rows:
        classes.setdefault(row["id"], set()).add(row[level])
    first: dict[Any, Row] = {}
    for row in rows:
        if len(classes[row["id"]]) == 1:
            first.setdefault(row["id"], row)
    return list(first.values())

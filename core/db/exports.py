"""What an export reads: images and records of a set, in the order of their ids, page by page.

The set is called `e` and has image_id, position and score; it is what passes filters in an embed
version, or the images that a receipt lists.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from core.db import atlas
from core.db.conditions import Where
from core.db.partitions import partition_name
from core.filters import Filters

Page = list[dict[str, Any]]
"""Rows by the names of their columns."""
PAGE = 2000
NOBODY = UUID(int=0)
_UNRANKED = "NULL::int AS position, NULL::float8 AS score"
_CURRENT = "ri.image_id = i.id AND r.withdrawn_at IS NULL"
_FIRST = (
    " LEFT JOIN LATERAL (SELECT r.* FROM record_image ri JOIN record r ON r.id = ri.record_id"
    f" WHERE {_CURRENT} ORDER BY r.specimen_id IS NOT NULL, r.id LIMIT 1) r ON true"
    " LEFT JOIN dataset d ON d.id = coalesce(r.dataset_id, i.dataset_id)"
)
# Images that can be shown: fetched, and not of withdrawn records only.
_SHOWN = (
    "i.state = 'ok' AND (NOT EXISTS (SELECT FROM record_image ri WHERE ri.image_id = i.id)"
    " OR EXISTS (SELECT FROM record_image ri JOIN record r ON r.id = ri.record_id"
    f" WHERE {_CURRENT}))"
)


@dataclass(frozen=True)
class Chosen:
    """A set of images in SQL: `table` holds it as `e`, `where` with `binds` says which rows."""

    table: str
    where: str
    binds: Mapping[str, Any]


def matching(version_id: int, filters: Filters) -> Chosen:
    """Images of a version that pass filters."""
    where = Where(filters)
    table = f"(SELECT *, {_UNRANKED} FROM {partition_name(version_id)}) e"
    return Chosen(table, where.sql, where.binds)


def listed(receipt_id: UUID) -> Chosen:
    """Images that a receipt lists."""
    return Chosen("receipt_image e", "e.receipt_id = :receipt", {"receipt": receipt_id})


def these(image_ids: Sequence[UUID]) -> Chosen:
    """Images of these ids."""
    table = f"(SELECT id AS image_id, {_UNRANKED} FROM unnest(CAST(:ids AS uuid[])) id) e"
    return Chosen(table, "true", {"ids": list(image_ids)})


def _from(chosen: Chosen) -> str:
    return f" FROM {chosen.table} JOIN image i ON i.id = e.image_id"


def _listed(columns: Mapping[str, str]) -> str:
    return ", ".join(f'{expression} AS "{name}"' for name, expression in columns.items())


async def images(
    conn: AsyncConnection, chosen: Chosen, columns: Mapping[str, str]
) -> AsyncIterator[Page]:
    """Pages of images, each row with its `id` and `columns` (name to expression)."""
    query = (
        f"SELECT i.id, {_listed(columns)}{_from(chosen)}{_FIRST}"
        f" WHERE ({chosen.where}) AND {_SHOWN} AND i.id > :after ORDER BY i.id LIMIT {PAGE}"
    )
    async for page in _pages(conn, query, chosen.binds):
        yield page


async def records(
    conn: AsyncConnection, chosen: Chosen, columns: Mapping[str, str]
) -> AsyncIterator[Page]:
    """Pages of the records that the images show, each row with its `id` and `columns`."""
    query = (
        f"SELECT r.id, {_listed(columns)} FROM record r JOIN dataset d ON d.id = r.dataset_id"
        " WHERE r.withdrawn_at IS NULL AND r.id > :after AND EXISTS (SELECT FROM record_image ri"
        f" JOIN image i ON i.id = ri.image_id AND i.state = 'ok' JOIN {chosen.table}"
        f" ON e.image_id = i.id WHERE ri.record_id = r.id AND ({chosen.where}))"
        f" ORDER BY r.id LIMIT {PAGE}"
    )
    async for page in _pages(conn, query, chosen.binds):
        yield page


async def links(
    conn: AsyncConnection, chosen: Chosen, columns: Mapping[str, str]
) -> AsyncIterator[Page]:
    """Pages of images with the ids of all current records that they show, as `records`."""
    query = (
        "SELECT i.id, ARRAY(SELECT r.id FROM record_image ri JOIN record r ON r.id = ri.record_id"
        f" WHERE {_CURRENT} ORDER BY r.id) AS records, {_listed(columns)}{_from(chosen)}"
        f" WHERE ({chosen.where}) AND {_SHOWN} AND i.id > :after ORDER BY i.id LIMIT {PAGE}"
    )
    async for page in _pages(conn, query, chosen.binds):
        yield page


async def _pages(
    conn: AsyncConnection, query: str, binds: Mapping[str, Any]
) -> AsyncIterator[Page]:
    after = NOBODY
    while True:
        found = await conn.execute(text(query), {**binds, "after": after})
        rows = [{str(key): value for key, value in row.items()} for row in found.mappings()]
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        after = rows[-1]["id"]


async def counts(conn: AsyncConnection, chosen: Chosen) -> Sequence[RowMapping]:
    """Images per dataset and licence of the image: dataset_id, licence, images."""
    query = (
        "SELECT coalesce(r.dataset_id, i.dataset_id) AS dataset_id,"
        " coalesce(i.licence, 'UNKNOWN') AS licence, count(*) AS images"
        f"{_from(chosen)}{_FIRST} WHERE ({chosen.where}) AND {_SHOWN}"
        " GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
    )
    return (await conn.execute(text(query), dict(chosen.binds))).mappings().all()


async def record_counts(conn: AsyncConnection, chosen: Chosen) -> dict[UUID, int]:
    """Records that the images show, per dataset."""
    query = (
        "SELECT r.dataset_id, count(DISTINCT r.id)"
        f"{_from(chosen)} JOIN record_image ri ON ri.image_id = i.id"
        " JOIN record r ON r.id = ri.record_id AND r.withdrawn_at IS NULL"
        f" WHERE ({chosen.where}) AND i.state = 'ok' GROUP BY 1"
    )
    rows = await conn.execute(text(query), dict(chosen.binds))
    return {row[0]: int(row[1]) for row in rows}


async def datasets(conn: AsyncConnection, ids: Sequence[UUID]) -> Sequence[RowMapping]:
    """What there is to cite of these datasets."""
    query = text(
        "SELECT id, source, key, title, publisher, licence, citation, doi, url FROM dataset"
        " WHERE id = ANY(:ids) ORDER BY title, id"
    ).bindparams(bindparam("ids", type_=ARRAY(Uuid)))
    return (await conn.execute(query, {"ids": list(ids)})).mappings().all()


async def vectors(
    conn: AsyncConnection, version_id: int, dim: int, ids: Sequence[UUID]
) -> atlas.Floats:
    """Vectors of these images, float32 [n, dim]; each must have one."""
    keys = np.frombuffer(b"".join(each.bytes for each in ids), "V16")
    return await atlas.vectors(conn, version_id, dim, keys)

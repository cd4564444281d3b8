"""Rows of the atlas: where each image of a version lies, and how that was computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import statements
from core.db.partitions import partition_name
from core.db.tables import RANKS, atlas, projection

Floats = NDArray[np.float32]
Ids = NDArray[np.void]
"""Ids of images, 16 bytes each."""

STORED = 20_000
"""Rows written by one statement."""
LOCK = 0x61746C73  # "atls": held by who writes positions
FIRST_RECORD = (
    " LEFT JOIN LATERAL (SELECT r.* FROM record_image ri JOIN record r ON r.id = ri.record_id"
    " WHERE ri.image_id = p.image_id AND r.withdrawn_at IS NULL ORDER BY r.id LIMIT 1) r ON true"
)
"""Joins what an image of `projection p` shows: its first current record, by id."""


@dataclass(frozen=True)
class Atlas:
    """How a version's map was made."""

    version_id: int
    method: str
    params: dict[str, Any]
    fitted: int
    placed: int
    bounds: list[float]
    """Left, bottom, right, top."""
    labels: list[list[dict[str, Any]]]
    fitted_at: datetime
    updated_at: datetime


async def get(conn: AsyncConnection, version_id: int) -> Atlas | None:
    """How the map of a version was made; None where there is none."""
    found = await conn.execute(select(atlas).where(atlas.c.version_id == version_id))
    row = found.mappings().one_or_none()
    return None if row is None else Atlas(**{str(key): value for key, value in row.items()})


async def save(conn: AsyncConnection, version_id: int, values: Mapping[str, Any]) -> None:
    """Write how the map of a version was made."""
    row = {**values, "version_id": version_id, "updated_at": func.now()}
    statement = insert(atlas).values(row)
    await conn.execute(statement.on_conflict_do_update(index_elements=["version_id"], set_=row))


async def forget(conn: AsyncConnection, version_id: int) -> None:
    """Delete the map of a version."""
    await conn.execute(delete(projection).where(projection.c.version_id == version_id))
    await conn.execute(delete(atlas).where(atlas.c.version_id == version_id))


async def lock(conn: AsyncConnection) -> None:
    """Be the only one that writes positions, to the end of the transaction."""
    await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


async def unplaced(conn: AsyncConnection, version_id: int, *, all_: bool = False) -> Ids:
    """Fetched images with a vector that are not on the map (`all_`: be they on it or not)."""
    where = "true" if all_ else (
        "NOT EXISTS (SELECT FROM projection p WHERE p.version_id = e.version_id"
        " AND p.image_id = e.image_id AND p.number IS NOT NULL)"
    )  # fmt: skip
    fetched = "EXISTS (SELECT FROM image i WHERE i.id = e.image_id AND i.state = 'ok')"
    content = await conn.scalar(
        text(
            "SELECT string_agg(uuid_send(e.image_id), '' ORDER BY e.image_id)"
            f" FROM {partition_name(version_id)} e WHERE {where} AND {fetched}"
        )
    )
    return np.frombuffer(content or b"", "V16")


async def waiting(conn: AsyncConnection, version_id: int) -> int:
    """How many `unplaced` would give."""
    found = await conn.scalar(
        text(
            f"SELECT count(*) FROM {partition_name(version_id)} e"
            " JOIN image i ON i.id = e.image_id AND i.state = 'ok'"
            " LEFT JOIN projection p ON p.version_id = :version AND p.image_id = e.image_id"
            " WHERE p.number IS NULL"
        ),
        {"version": version_id},
    )
    return int(found or 0)


async def vectors(conn: AsyncConnection, version_id: int, dim: int, ids: Ids) -> Floats:
    """The vectors of `ids`, float32 [n, dim], row by row."""
    binds = {"ids": uuids(ids)}
    content = await conn.scalar(text(statements.vectors(version_id)), binds)
    layout = np.dtype([("id", "V16"), ("dim", ">i2"), ("unused", ">i2"), ("v", ">f2", (dim,))])
    rows = np.frombuffer(content or b"", layout)
    place = {key: at for at, key in enumerate(rows["id"].tolist())}
    return rows["v"][[place[key] for key in ids.tolist()]].astype(np.float32)


def uuids(ids: Ids) -> list[UUID]:
    """Ids as the driver takes them."""
    return [UUID(bytes=each) for each in ids.tolist()]


Placed = tuple[NDArray[np.int32], Ids, Floats]
"""Numbers, ids and positions [n, 2] of images on a map."""


async def positions(conn: AsyncConnection, version_id: int) -> Placed:
    """All that is on the map, by number; numbers of images that are gone are left out."""
    row = (
        await conn.execute(
            text(
                "SELECT string_agg(int4send(number), '' ORDER BY number),"
                " string_agg(uuid_send(image_id), '' ORDER BY number),"
                " string_agg(float4send(x::real) || float4send(y::real), '' ORDER BY number)"
                " FROM projection WHERE version_id = :version AND number IS NOT NULL"
            ),
            {"version": version_id},
        )
    ).one()
    found = np.frombuffer(row[2] or b"", ">f4").reshape(-1, 2).astype(np.float32)
    numbers = np.frombuffer(row[0] or b"", ">i4").astype(np.int32)
    return numbers, np.frombuffer(row[1] or b"", "V16"), found


async def cosines(
    conn: AsyncConnection, version_id: int, query: Floats
) -> tuple[NDArray[np.int32], Floats]:
    """Numbers of all that is on the map, and how like `query` [dim] each is."""
    row = (
        await conn.execute(
            text(
                "SELECT string_agg(int4send(p.number), '' ORDER BY p.number),"
                " string_agg(float4send((1 - (e.vector <=> CAST(:query AS halfvec)))::real), ''"
                f" ORDER BY p.number) FROM projection p JOIN {partition_name(version_id)} e"
                " ON e.image_id = p.image_id WHERE p.version_id = :version AND p.number IS NOT NULL"
            ),
            {"version": version_id, "query": str(query.tolist())},
        )
    ).one()
    found = np.frombuffer(row[1] or b"", ">f4").astype(np.float32)
    return np.frombuffer(row[0] or b"", ">i4").astype(np.int32), found


async def hidden(conn: AsyncConnection, version_id: int) -> NDArray[np.int32]:
    """Numbers of images that are not to be shown: not here, or of withdrawn records only."""
    link = "SELECT FROM record_image ri JOIN record r ON r.id = ri.record_id WHERE ri.image_id"
    content = await conn.scalar(
        text(
            "SELECT string_agg(int4send(p.number), '') FROM projection p"
            " JOIN image i ON i.id = p.image_id"
            " WHERE p.version_id = :version AND p.number IS NOT NULL AND (i.state <> 'ok'"
            f" OR (EXISTS ({link} = p.image_id AND r.withdrawn_at IS NOT NULL)"
            f" AND NOT EXISTS ({link} = p.image_id AND r.withdrawn_at IS NULL)))"
        ),
        {"version": version_id},
    )
    return np.frombuffer(content or b"", ">i4").astype(np.int32)


async def store(conn: AsyncConnection, version_id: int, ids: Ids, where: Floats) -> None:
    """Put images at positions [n, 2], numbered after those that are there."""
    last = select(func.coalesce(func.max(projection.c.number), -1))
    first = 1 + int(await conn.scalar(last.where(projection.c.version_id == version_id)) or 0)
    statement = text(
        "INSERT INTO projection (version_id, image_id, x, y, number)"
        " SELECT :version, t.id, t.x, t.y, :first + t.at - 1 FROM unnest(CAST(:ids AS uuid[]),"
        " CAST(:xs AS float8[]), CAST(:ys AS float8[])) WITH ORDINALITY AS t(id, x, y, at)"
        # An image may have gone meanwhile.
        " JOIN image i ON i.id = t.id ON CONFLICT (version_id, image_id)"
        " DO UPDATE SET x = excluded.x, y = excluded.y, number = excluded.number"
    )
    for start in range(0, len(ids), STORED):
        part = where[start : start + STORED].astype(float)
        binds = {
            "version": version_id,
            "first": first + start,
            "ids": uuids(ids[start : start + STORED]),
            "xs": part[:, 0].tolist(),
            "ys": part[:, 1].tolist(),
        }
        await conn.execute(statement, binds)
    await conn.execute(text("ANALYZE projection"))  # else the first looks at it are planned blindly


async def taxa(conn: AsyncConnection, version_id: int) -> dict[str, Sequence[str | None]]:
    """For every rank the taxa of the images on the map, by number; None where nothing is said."""
    columns = ", ".join(f'r."{rank}"' for rank in RANKS)
    rows = await conn.execute(
        text(
            f"SELECT {columns} FROM projection p{FIRST_RECORD}"
            " WHERE p.version_id = :version AND p.number IS NOT NULL ORDER BY p.number"
        ),
        {"version": version_id},
    )
    listed = list(zip(*rows.all(), strict=True)) or [()] * len(RANKS)
    return dict(zip(RANKS, listed, strict=True))

"""One partition of `embedding` per embed version, its approximate index and those for filters.

A partition fixes the dimension of its vectors by a CHECK and is addressed by its own name, which
keeps planning short and dropping a version a matter of milliseconds. See
docs/decisions/0002-partitions.md.
"""

import re
from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_NAME = re.compile(r"embedding_v\d+")


def partition_name(version_id: int) -> str:
    """Table of the vectors of one version: `embedding_v7` for 7."""
    return f"embedding_v{int(version_id)}"


def is_partition(table: str) -> bool:
    """Whether `table` is the partition of some embed version."""
    return _NAME.fullmatch(table) is not None


_FILTERS = {
    "facets": "USING gin (facets)",
    "latitude_longitude": "(latitude, longitude)",
    "date_start": "(date_start)",
}


SLOTS = (0, 1)
"""A version has one index that is searched, and while that is replaced a second one."""


def index_name(version_id: int, slot: int = 0) -> str:
    """The approximate index of a version in `slot`."""
    return f"{partition_name(version_id)}_ann{slot or ''}"


def indexed(dim: int, slot: int = 0) -> str:
    """What the index in `slot` is over, and a statement has to say for it to be used.

    The same vector either way: so an index can be built and measured beside the one that searches
    use, and no search ever meets an index that it was not planned for.
    """
    half = f"halfvec({int(dim)})"
    return f"vector::{half}" if slot == 0 else f"subvector(vector, 1, {int(dim)})::{half}"


async def create_partition(conn: AsyncConnection, version_id: int, dim: int) -> None:
    """Make the partition for vectors of `dim` values; part of the caller's transaction."""
    table, version_id, dim = partition_name(version_id), int(version_id), int(dim)
    for statement in (
        f"CREATE TABLE {table} (LIKE embedding INCLUDING DEFAULTS)",
        # PLAIN: kept in the row; out of line, an exact scan takes four times as long.
        f"ALTER TABLE {table} ALTER vector SET STORAGE PLAIN, ALTER facets SET STORAGE MAIN,"
        f" ADD CONSTRAINT ck_{table}_version CHECK (version_id = {version_id}),"
        f" ADD CONSTRAINT ck_{table}_dim CHECK (vector_dims(vector) = {dim})",
        f"ALTER TABLE embedding ATTACH PARTITION {table} FOR VALUES IN ({version_id})",
    ):
        await conn.execute(text(statement))


async def drop_partition(conn: AsyncConnection, version_id: int) -> None:
    """Delete a version's vectors and index for good; nothing to do where there are none."""
    await conn.execute(text(f"DROP TABLE IF EXISTS {partition_name(version_id)}"))


async def index_filters(conn: AsyncConnection, version_id: int) -> None:
    """Build the indexes that filters need, where they are not; `conn` is in autocommit.

    Once the partition has been filled: beside them storing a vector takes half as long again.
    """
    table = partition_name(version_id)
    for what, over in _FILTERS.items():
        name = f"{table}_{what}_idx"
        if not await _is_whole(conn, name):
            await conn.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))
            await conn.execute(text(f"CREATE INDEX CONCURRENTLY {name} ON {table} {over}"))


async def _is_whole(conn: AsyncConnection, index: str) -> bool:
    query = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"
    return bool(await conn.scalar(text(query), {"name": index}))


async def build_index(
    conn: AsyncConnection,
    version_id: int,
    dim: int,
    kind: str,
    params: Mapping[str, int],
    slot: int = 0,
) -> None:
    """Build an index of `kind` (ivfflat or hnsw) in `slot`; `params` are its storage parameters.

    Searches and inserts go on meanwhile. `conn` is in autocommit: an index that is built beside
    all that goes on cannot be part of a transaction. What broke off there is built anew, what is
    already there is kept.
    """
    if await index_definition(conn, version_id, slot) == (kind, dict(params)):
        return
    await drop_index(conn, version_id, slot)
    storage = ", ".join(f"{key} = {int(value)}" for key, value in params.items())
    await conn.execute(
        text(
            f"CREATE INDEX CONCURRENTLY {index_name(version_id, slot)}"
            f" ON {partition_name(version_id)} USING {kind}"
            f" (({indexed(dim, slot)}) halfvec_cosine_ops) WITH ({storage})"
        )
    )


async def index_definition(
    conn: AsyncConnection, version_id: int, slot: int
) -> tuple[str, dict[str, int]] | None:
    """(kind, storage parameters) of the whole index in `slot`; None where there is none."""
    row = (
        await conn.execute(
            text(
                "SELECT am.amname AS kind, c.reloptions AS options FROM pg_class c"
                " JOIN pg_am am ON am.oid = c.relam JOIN pg_index i ON i.indexrelid = c.oid"
                " WHERE c.oid = to_regclass(:name) AND i.indisvalid"
            ),
            {"name": index_name(version_id, slot)},
        )
    ).one_or_none()
    if row is None:
        return None
    options = (each.partition("=") for each in row.options or [])
    return row.kind, {key: int(value) for key, _, value in options}


async def building(conn: AsyncConnection, version_id: int) -> tuple[str, float | None] | None:
    """(phase in words, share done) of the build that is under way; None where there is none."""
    row = (
        await conn.execute(
            text(
                "SELECT phase, tuples_done, tuples_total FROM pg_stat_progress_create_index"
                " WHERE relid = to_regclass(:name)"
            ),
            {"name": partition_name(version_id)},
        )
    ).one_or_none()
    if row is None:
        return None
    share = min(1.0, row.tuples_done / row.tuples_total) if row.tuples_total else None
    return row.phase.removeprefix("building index: "), share


async def drop_index(conn: AsyncConnection, version_id: int, slot: int = 0) -> None:
    """Delete the index in `slot`, if there is one, once no search uses it; `conn` in autocommit."""
    name = index_name(version_id, slot)
    await conn.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))

"""One partition of `embedding` per embed version, and its approximate index.

A partition fixes the dimension of its vectors by a CHECK and is addressed by its own name, which
keeps planning short and dropping a version a matter of milliseconds. See
docs/decisions/0002-partitions.md.
"""

import re

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_NAME = re.compile(r"embedding_v\d+")


def partition_name(version_id: int) -> str:
    """Table of the vectors of one version: `embedding_v7` for 7."""
    return f"embedding_v{int(version_id)}"


def is_partition(table: str) -> bool:
    """Whether `table` is the partition of some embed version."""
    return _NAME.fullmatch(table) is not None


def index_name(version_id: int) -> str:
    """The approximate index of a version; there is at most one."""
    return f"{partition_name(version_id)}_ann"


async def create_partition(conn: AsyncConnection, version_id: int, dim: int) -> None:
    """Make the partition for vectors of `dim` values; part of the caller's transaction.

    Attaching takes a lock that writers of `image` wait for, so commit soon.
    """
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


async def build_index(
    conn: AsyncConnection, version_id: int, dim: int, kind: str, params: dict[str, int]
) -> None:
    """Replace the approximate index of a version by a new one of `kind` (ivfflat or hnsw).

    `params` are its storage parameters (lists, or m and ef_construction). Searches go on with the
    old index meanwhile; inserts into the version wait.
    """
    table, name = partition_name(version_id), index_name(version_id)
    storage = ", ".join(f"{key} = {int(value)}" for key, value in params.items())
    await conn.execute(
        text(
            f"CREATE INDEX {name}_new ON {table}"
            f" USING {kind} ((vector::halfvec({int(dim)})) halfvec_cosine_ops) WITH ({storage})"
        )
    )
    await drop_index(conn, version_id)
    await conn.execute(text(f"ALTER INDEX {name}_new RENAME TO {name}"))
    await conn.execute(text(f"ANALYZE {table}"))


async def drop_index(conn: AsyncConnection, version_id: int) -> None:
    """Delete the approximate index of a version, so that every search is exact."""
    await conn.execute(text(f"DROP INDEX IF EXISTS {index_name(version_id)}"))

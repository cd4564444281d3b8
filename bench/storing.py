"""How quickly vectors are stored, with and without an index, and what they take."""

import time
import uuid

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.geometry import Floats
from core import versions
from core.db.partitions import index_name, partition_name
from core.encoders.base import EncoderSpec
from core.vectors import copy_vectors
from core.versions import Version
from ingestor.index import Kind, build_index


async def rates(
    engine: AsyncEngine, pictures: Floats, ids: list[uuid.UUID], kinds: list[Kind], most: int
) -> dict[str, int]:
    """Vectors a second into a version that has no index, and into one that has each of `kinds`."""
    spec = EncoderSpec("bench", "", "0" * 64, {}, pictures.shape[1])
    count = min(most, len(ids) // 2)
    found: dict[str, int] = {}
    for kind in ("exact", *kinds):
        name = f"bench-into-{kind}"
        async with engine.begin() as conn:
            version = await versions.ensure(conn, name, spec)
            await copy_vectors(conn, version, ids[:count], pictures[:count])
        await build_index(engine, name, kind)
        started = time.perf_counter()
        async with engine.begin() as conn:
            part = slice(count, 2 * count)
            await copy_vectors(conn, version, ids[part], pictures[part])
        found[kind] = round(count / (time.perf_counter() - started))
        async with engine.begin() as conn:
            await versions.retire(conn, name)
    return found


async def megabytes(engine: AsyncEngine, version: Version) -> dict[str, float]:
    """What a version takes on disk: its table, its approximate index, the index for filters."""
    table, slot = partition_name(version.id), int(version.index_params.get("slot", 0))
    names = {
        "table": table,
        "index": index_name(version.id, slot),
        "filters": f"{table}_facets_idx",
    }
    query = text("SELECT coalesce(pg_relation_size(to_regclass(:name)), 0)")
    async with engine.connect() as conn:
        return {
            what: round(int(await conn.scalar(query, {"name": name}) or 0) / 2**20, 1)
            for what, name in names.items()
        }


async def plain_query(engine: AsyncEngine, version: Version, queries: Floats) -> float:
    """Median milliseconds of the query that uses a function, as the predecessor's did."""
    statement = text(
        f"SELECT * FROM {partition_name(version.id)}"
        " ORDER BY l2_distance(vector, CAST(:query AS halfvec)) LIMIT 50"
    )
    spent = []
    async with engine.connect() as conn:
        for query in queries:
            started = time.perf_counter()
            (await conn.execute(statement, {"query": str(query.tolist())})).all()
            spent.append(1000 * (time.perf_counter() - started))
    return round(sorted(spent)[len(spent) // 2], 1)

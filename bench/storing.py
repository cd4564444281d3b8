"""How quickly vectors are stored, with and without an index, and what they take."""

import asyncio
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bench.geometry import Floats, Rows, unit
from core import versions
from core.db.partitions import index_name, partition_name
from core.encoders.base import EncoderSpec
from core.vectors import copy_vectors
from core.versions import Version
from ingestor.embed import LANES
from ingestor.index import Kind, build_index

BATCH = 2000
"""Vectors a transaction."""
INTO = "bench-into-"
Sink = Callable[[AsyncConnection, list[uuid.UUID], Floats], Awaitable[None]]


async def rates(
    engine: AsyncEngine, pictures: Rows, ids: list[uuid.UUID], most: int, kinds: list[Kind]
) -> dict[str, Any]:
    """What storing costs, in turns: `copy` into a bare table with a primary key, `filling` into a
    version that has no index yet, `exact` into one with those for filters, and into one that has
    each of `kinds` besides.

    Vectors a second, in as many transactions at once as embedding has, and microseconds of the
    server's processor for each vector; medians.
    """
    count = min(most, len(ids) // 2)
    made = unit(pictures[: 2 * count].astype(np.float32))
    every = ("copy", "filling", "exact", *(kind for kind in kinds if kind != "exact"))
    sinks = {
        kind: await _sink(engine, kind, ids[count : 2 * count], made[count:]) for kind in every
    }
    spent: dict[str, list[tuple[float, float]]] = {kind: [] for kind in every}
    for start in range(0, count, LANES * BATCH):
        parts = [slice(at, at + BATCH) for at in range(start, start + LANES * BATCH, BATCH)]
        size = min(LANES * BATCH, count - start)
        for kind, sink in sinks.items():
            started = time.perf_counter()
            server = await asyncio.gather(
                *(_timed(engine, sink, ids[:count][part], made[:count][part]) for part in parts)
            )
            wall = time.perf_counter() - started
            spent[kind].append((wall / size, sum(server) / size))
    found: dict[str, Any] = {}
    for kind, rows in spent.items():
        wall, server = (statistics.median(each) for each in zip(*rows, strict=True))
        found[kind] = {"per_s": round(1 / wall), "server_us": round(1e6 * server, 1)}
    await _drop(engine)
    found["filling_to_copy"] = round(found["filling"]["per_s"] / found["copy"]["per_s"], 2)
    return found


async def _sink(engine: AsyncEngine, kind: str, ids: list[uuid.UUID], rows: Floats) -> Sink:
    """Where vectors go; a version that is to have an index has `rows` already."""
    if kind == "copy":
        async with engine.begin() as conn:
            await conn.execute(
                text("CREATE TABLE bare (image_id uuid PRIMARY KEY, vector halfvec)")
            )
            await conn.execute(text("ALTER TABLE bare ALTER vector SET STORAGE PLAIN"))
        return _copy
    name = f"{INTO}{kind}-{uuid.uuid4().hex[:8]}"
    spec = EncoderSpec("bench", "", "0" * 64, {}, rows.shape[1])
    async with engine.begin() as conn:
        version = await versions.ensure(conn, name, spec)
        if kind not in ("filling", "exact"):
            await copy_vectors(conn, version, ids, rows)
    if kind != "filling":
        await build_index(engine, name, kind)  # type: ignore[arg-type]

    async def store(conn: AsyncConnection, ids: list[uuid.UUID], rows: Floats) -> None:
        await copy_vectors(conn, version, ids, rows)

    return store


async def _timed(engine: AsyncEngine, sink: Sink, ids: list[uuid.UUID], rows: Floats) -> float:
    """Store and commit; seconds of the processor of the server's process."""
    if not ids:
        return 0.0
    async with engine.connect() as conn:
        server = int(await conn.scalar(text("SELECT pg_backend_pid()")) or 0)
        before = _processor(server)
        await sink(conn, ids, rows)
        await conn.commit()
        return _processor(server) - before


async def server(engine: AsyncEngine) -> int:
    """The process of the server that the next connection has."""
    async with engine.connect() as conn:
        return int(await conn.scalar(text("SELECT pg_backend_pid()")) or 0)


def processor(*processes: int) -> float:
    """Seconds of processor time that this process and others have had."""
    return time.process_time() + sum(map(_processor, processes))


def _processor(process: int) -> float:
    """In Linux to the nanosecond."""
    precise = Path(f"/proc/{process}/schedstat")
    if precise.exists():
        return int(precise.read_text().split()[0]) / 1e9
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


async def _drop(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await conn.execute(text("DROP TABLE bare"))
        for each in await versions.list_all(conn):
            if each.version.embed_version.startswith(INTO) and each.version.state != "retired":
                await versions.retire(conn, each.version.embed_version)


async def _copy(conn: AsyncConnection, ids: list[uuid.UUID], rows: Floats) -> None:
    """Plain COPY into a table of nothing but ids and vectors."""
    driver = (await conn.get_raw_connection()).driver_connection
    assert driver is not None
    statement = "COPY bare FROM STDIN (FORMAT BINARY)"
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(_plain(ids, rows))


def _plain(ids: list[uuid.UUID], rows: Floats) -> bytes:
    """Ids and vectors as COPY reads them."""
    count, dim = rows.shape
    layout: list[tuple[Any, ...]] = [("fields", ">i2"), ("id_length", ">i4"), ("id", "V16")]
    layout += [("length", ">i4"), ("dim", ">i2"), ("unused", ">i2"), ("vector", ">f2", (dim,))]
    made = np.zeros(count, np.dtype(layout))
    made["fields"], made["id_length"], made["length"], made["dim"] = 2, 16, 4 + 2 * dim, dim
    made["id"] = np.frombuffer(b"".join(own.bytes for own in ids), "V16")
    made["vector"] = rows
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + made.tobytes() + b"\xff\xff"


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


async def plain_query(engine: AsyncEngine, query: Floats) -> float:
    """Milliseconds of a query that uses a function, as the predecessor's did, in its table."""
    statement = text(
        "SELECT * FROM search_records ORDER BY l2_distance(embedding, CAST(:query AS vector))"
        " LIMIT 50"
    )
    async with engine.connect() as conn:
        started = time.perf_counter()
        (await conn.execute(statement, {"query": str(query.tolist())})).all()
        return 1000 * (time.perf_counter() - started)

"""What building an index costs beside plain CREATE INDEX, and what searches notice of it."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from core import versions
from core.db.partitions import indexed, partition_name
from core.versions import Version
from ingestor.index import build_index, build_megabytes

ROUNDS = 3


async def beside_plain(
    engine: AsyncEngine, version: Version, search: Callable[[], Awaitable[object]]
) -> dict[str, Any]:
    """Seconds of both in turns (medians), their ratio, and p95 of `search` before and meanwhile.

    Ours builds a new ivfflat beside the one in use and switches to it; the old one is built again
    at the end, so that the version is left as it was.
    """
    lists = int(version.index_params["lists"])
    plain, ours, quiet, busy = [], [], [], []
    for number in range(ROUNDS):
        plain.append(await _plain(engine, version, lists))
        quiet += await _searches(search, asyncio.sleep(3))
        other = lists + 1 if number % 2 == 0 else lists  # the same one would be kept
        started = time.perf_counter()
        built = build_index(engine, version.embed_version, "ivfflat", params={"lists": other})
        busy += await _searches(search, built)
        ours.append(time.perf_counter() - started)
    await build_index(engine, version.embed_version, "ivfflat", params={"lists": lists})
    async with engine.begin() as conn:  # with the efforts that were measured
        await versions.set_index(conn, version, version.index_kind, version.index_params)
    found = {"plain_s": statistics.median(plain), "ours_s": statistics.median(ours)}
    found["ours_to_plain"] = statistics.median(o / p for o, p in zip(ours, plain, strict=True))
    for name, spent in (("quiet", quiet), ("building", busy)):
        found[f"{name}_p95_ms"] = float(np.percentile(spent, 95))
    return {name: round(value, 2) for name, value in found.items()}


async def _plain(engine: AsyncEngine, version: Version, lists: int) -> float:
    rows = await _rows(engine, version)
    size = build_megabytes("ivfflat", rows, version.dim, {"lists": lists})
    async with engine.begin() as conn:
        await conn.execute(text(f"SET LOCAL maintenance_work_mem = '{size}MB'"))
        started = time.perf_counter()
        await conn.execute(
            text(
                f"CREATE INDEX plain ON {partition_name(version.id)} USING ivfflat"
                f" (({indexed(version.dim)}) halfvec_cosine_ops) WITH (lists = {lists})"
            )
        )
        spent = time.perf_counter() - started
        await conn.execute(text("DROP INDEX plain"))
    return spent


async def _rows(engine: AsyncEngine, version: Version) -> int:
    async with engine.connect() as conn:
        count = text(f"SELECT count(*) FROM {partition_name(version.id)}")
        return int(await conn.scalar(count) or 0)


async def _searches(
    search: Callable[[], Awaitable[object]], meanwhile: Awaitable[object]
) -> list[float]:
    """Milliseconds of searches, ten a second, for as long as something else goes on."""
    going, spent = asyncio.ensure_future(meanwhile), []
    while not going.done():
        started = time.perf_counter()
        await search()
        spent.append(1000 * (time.perf_counter() - started))
        await asyncio.wait([going], timeout=0.1)
    await going
    return spent

"""What the index of a version finds of the truly nearest, for words and for pictures."""

import asyncio
import math
from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import versions
from core.db.partitions import partition_name
from core.planner import DEPTH, SHALLOW, TARGET, reaches
from core.vectors import QueryVector, nearest_by_index, nearest_exact, unit
from core.versions import Version

EncodeTexts = Callable[[list[str]], NDArray[np.float32]]
"""n texts to float32 [n, dim], unit length."""
Probe = tuple[UUID | None, QueryVector]
"""A query, and the image it is the vector of, which does not count."""
Ranking = list[UUID]
Steps = dict[str, list[list[float]]]
"""For words and for pictures, with rising effort, what `planner.reaches` reads."""

PROBED = 120
"""Queries of each kind that recall is measured with."""
ONE_SIDED = 1.645
"""Standard errors below a mean that the truth is not in 95 of 100 cases."""
SHARES = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
"""Of the lists of ivfflat, tried one after the other."""
BREADTHS = (40, 100, 200, 400, 1000)
"""ef_search of HNSW, tried one after the other; 1000 is the most there is."""


async def verify(
    engine: AsyncEngine, name: str | None, encode: EncodeTexts, *, target: float = TARGET
) -> Version:
    """Measure what the index of a version finds, and have searches try so hard as is needed.

    The steps are kept as `recall` in the version's index_params. Nothing is measured where there
    is no index.
    """
    async with engine.connect() as conn:
        version = await versions.get(conn, name)
    if version.index_kind == "exact":
        return version
    steps = await measure(engine, version, encode, target)
    async with engine.begin() as conn:
        params = version.index_params | {"recall": steps}
        return await versions.set_index(conn, version, version.index_kind, params)


async def measure(
    engine: AsyncEngine, version: Version, encode: EncodeTexts | None, target: float = TARGET
) -> Steps:
    """What the index that `version` speaks of finds, for words and for pictures.

    Words are names of what the museum holds, put through `encode` if there is one; pictures are
    its own, each asked for the others as though it were new. For each the effort rises until
    `target` can be promised,
    among the first and as deep as a filter may make it look.
    """
    async with engine.connect() as conn:
        names = await _names(conn)
        asked: dict[str, list[Probe]] = {"image": await _stored(conn, version)}
    if names and encode:
        found = await asyncio.to_thread(encode, names)
        asked["text"] = [(None, unit(version.id, each)) for each in found]
    async with engine.connect() as conn:
        return {kind: await _steps(conn, version, each, target) for kind, each in asked.items()}


async def _steps(
    conn: AsyncConnection, version: Version, queries: Sequence[Probe], target: float
) -> list[list[float]]:
    truth = [await _found(conn, version, query, None, DEPTH) for query in queries]
    steps: list[list[float]] = []
    for effort in efforts(version.index_kind, version.index_params.get("lists", 0)):
        found = [await _found(conn, version, query, effort, SHALLOW) for query in queries]
        step = [effort, *(_least(found, truth, slice(0, k)) for k in (10, SHALLOW))]
        if reaches(step, target, deep=False):
            deep = [await _found(conn, version, query, effort, DEPTH) for query in queries]
            step.append(_least(deep, truth, slice(DEPTH // 2, DEPTH)))
        steps.append(step)
        if reaches(step, target, deep=True):
            break
    return steps


def _least(found: Sequence[Ranking], truth: Sequence[Ranking], ranks: slice) -> float:
    """What to reckon with of the true nearest at `ranks`; of few rows, of all of them."""
    wanted = [(f[: ranks.stop], t[ranks] or t) for f, t in zip(found, truth, strict=True)]
    return round(lower_bound([len(set(f) & set(t)) / max(1, len(t)) for f, t in wanted]), 4)


def lower_bound(shares: Sequence[float]) -> float:
    """What the mean is at least, with 95 % confidence, for all queries like these.

    As though one more had missed a tenth, since a sample that misses nothing proves little.
    """
    seen = np.array([*shares, 0.9])
    error = seen.std(ddof=1) / math.sqrt(len(seen)) if len(seen) > 1 else 1.0
    return max(0.0, float(seen.mean() - ONE_SIDED * error))


def efforts(kind: str, lists: int) -> list[int]:
    """Efforts worth measuring, least first."""
    if kind == "hnsw":
        return list(BREADTHS)
    return sorted({max(1, math.ceil(share * lists)) for share in SHARES})


async def _found(
    conn: AsyncConnection, version: Version, probe: Probe, effort: int | None, k: int
) -> Ranking:
    own, query = probe
    if effort is None:
        hits = (await nearest_exact(conn, version, query, k + 1)).hits
    else:
        hits = await nearest_by_index(conn, version, query, k + 1, effort)
    return [hit.image_id for hit in hits if hit.image_id != own][:k]


async def _names(conn: AsyncConnection) -> list[str]:
    """Names of taxa in the museum, scientific and common, the same ones every time."""
    query = (
        "SELECT name FROM (SELECT DISTINCT name FROM record CROSS JOIN LATERAL"
        " (VALUES (canonical_name), (vernacular_name), (family)) AS named(name)"
        " WHERE withdrawn_at IS NULL AND name <> '') AS names ORDER BY md5(name) LIMIT :most"
    )
    return list(await conn.scalars(text(query), {"most": PROBED}))


async def _stored(conn: AsyncConnection, version: Version) -> list[Probe]:
    query = (
        f"SELECT image_id, vector::real[] AS vector FROM {partition_name(version.id)}"
        " ORDER BY md5(image_id::text) LIMIT :most"
    )
    found = await conn.execute(text(query), {"most": PROBED})
    return [(row.image_id, unit(version.id, row.vector)) for row in found]

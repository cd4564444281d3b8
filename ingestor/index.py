"""Build or drop the approximate index of an embed version.

Figures behind the choices: ivfflat finds more of what text queries mean than HNSW does for the
same time, and costs a third to build; HNSW is faster for pictures and for steady inserts.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import versions
from core.db.partitions import build_index as build_partition_index
from core.db.partitions import drop_index, partition_name
from core.errors import InvalidSetting, VersionNotReady
from core.planner import EXACT_ROWS, TARGET, enough
from core.vectors import QueryVector, nearest_by_index, nearest_exact, unit
from core.versions import Version

Kind = Literal["auto", "exact", "ivfflat", "hnsw"]
EncodeTexts = Callable[[list[str]], NDArray[np.float32]]
"""n texts to float32 [n, dim], unit length."""
Probe = tuple[UUID | None, QueryVector]
"""A query, and the image it is the vector of, which does not count."""

HNSW = {"m": 16, "ef_construction": 200}
HNSW_EF_SEARCH = 400
ROWS_PER_LIST = 250
SAMPLES_PER_LIST = 50  # vectors that pgvector's k-means looks at, for each list
PROBED = 50
"""Queries of each kind that recall is measured with."""
SHARES = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
"""Of the lists of ivfflat, tried one after the other."""
BREADTHS = (40, 100, 200, 400, 1000)
"""ef_search of HNSW, tried one after the other; 1000 is the most there is."""


async def build_index(engine: AsyncEngine, name: str | None, kind: Kind = "auto") -> Version:
    """Give the version called `name` (None: the default) the index `kind`; return it as it is now.

    `auto` is exact below 20,000 vectors and ivfflat above. Building twice replaces the first.
    Searches go on meanwhile; inserts into that version wait. Raises UnknownVersion,
    VersionNotReady, InvalidSetting for another kind.
    """
    if kind not in get_args(Kind):
        raise InvalidSetting(f"{kind!r} is not an index; use one of {', '.join(get_args(Kind))}")
    async with engine.begin() as conn:
        version = await versions.get(conn, name)
        if version.state == "retired":
            raise VersionNotReady(f"Embed version {version.embed_version!r} is retired")
        rows = await conn.scalar(text(f"SELECT count(*) FROM {partition_name(version.id)}")) or 0
        chosen = choose_kind(rows) if kind == "auto" else kind
        if chosen == "exact":
            await drop_index(conn, version.id)
            return await versions.set_index(conn, version, "exact", {})
        storage, search = index_params(chosen, rows)
        await conn.execute(
            text("SELECT set_config('maintenance_work_mem', :size, true)"),
            {"size": f"{build_megabytes(chosen, rows, version.dim)}MB"},
        )
        await build_partition_index(conn, version.id, version.dim, chosen, storage)
        return await versions.set_index(conn, version, chosen, storage | search)


async def verify(
    engine: AsyncEngine, name: str | None, encode: EncodeTexts, *, target: float = TARGET
) -> Version:
    """Measure what the index of a version finds, for words and for pictures, with rising effort.

    Words are names of what the museum holds, put through `encode`; pictures are its own, each asked
    for the others as though it were new. For each the effort rises until `target` can be promised
    (`planner.enough`), and the steps are kept as `recall` in the version's index_params:
    [effort, recall@10, recall@50]. Nothing is measured where there is no index.
    """
    async with engine.connect() as conn:
        version = await versions.get(conn, name)
        if version.index_kind == "exact":
            return version
        names = await _names(conn)
        asked: dict[str, list[Probe]] = {"image": await _stored(conn, version)}
        if names:
            found = await asyncio.to_thread(encode, names)
            asked["text"] = [(None, unit(version.id, each)) for each in found]
        steps = {kind: await _steps(conn, version, each, target) for kind, each in asked.items()}
    async with engine.begin() as conn:
        params = version.index_params | {"recall": steps}
        return await versions.set_index(conn, version, version.index_kind, params)


async def _steps(
    conn: AsyncConnection, version: Version, queries: Sequence[Probe], target: float
) -> list[list[float]]:
    truth = [await _found(conn, version, query, None) for query in queries]
    steps: list[list[float]] = []
    for effort in efforts(version.index_kind, version.index_params.get("lists", 0)):
        found = [await _found(conn, version, query, effort) for query in queries]
        at_10, at_50 = (
            float(np.mean([_share(f[:k], t[:k]) for f, t in zip(found, truth, strict=True)]))
            for k in (10, 50)
        )
        steps.append([effort, round(at_10, 4), round(at_50, 4)])
        if enough(at_10, at_50, target):
            break
    return steps


def efforts(kind: str, lists: int) -> list[int]:
    """Efforts worth measuring, least first."""
    if kind == "hnsw":
        return list(BREADTHS)
    return sorted({max(1, math.ceil(share * lists)) for share in SHARES})


async def _found(
    conn: AsyncConnection, version: Version, probe: Probe, effort: int | None
) -> list[UUID]:
    own, query = probe
    if effort is None:
        hits = (await nearest_exact(conn, version, query, 51)).hits
    else:
        hits = await nearest_by_index(conn, version, query, 51, effort)
    return [hit.image_id for hit in hits if hit.image_id != own][:50]


def _share(found: Sequence[object], wanted: Sequence[object]) -> float:
    return len(set(found) & set(wanted)) / max(1, len(wanted))


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


def choose_kind(rows: int) -> Literal["exact", "ivfflat"]:
    """The index that suits `rows` vectors."""
    return "exact" if rows < EXACT_ROWS else "ivfflat"


def index_params(kind: str, rows: int) -> tuple[dict[str, int], dict[str, int]]:
    """Storage parameters of an index over `rows` vectors, and how hard to search it unmeasured.

    Probes are what text queries need (5 % of the lists, at least 20): they lie away from the
    pictures, and an index tuned on picture queries loses most of their hits.
    """
    if kind == "hnsw":
        return HNSW, {"effort": HNSW_EF_SEARCH}
    lists = min(4000, max(100, rows // ROWS_PER_LIST))
    return {"lists": lists}, {"effort": min(lists, max(20, math.ceil(lists * 0.05)))}


def build_megabytes(kind: str, rows: int, dim: int) -> int:
    """Memory a build needs: too little is an error for ivfflat, and slow for HNSW."""
    if kind == "hnsw":
        needed = rows * (2 * dim + 800)
    else:
        lists = index_params(kind, rows)[0]["lists"]
        samples = min(rows, lists * SAMPLES_PER_LIST)
        # Elkan's k-means: samples, centres twice, a bound for each sample and centre, and each pair
        needed = samples * (2 * dim + 16 + 4 * lists) + lists * (8 * dim + 4 * lists)
    return max(64, min(16_000, math.ceil(needed * 1.2 / 2**20)))

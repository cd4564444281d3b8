"""Vectors in the database: storing them, and finding the nearest ones of the same version.

Distances are cosine, written with the operator `<=>`: no index serves the functions. Vectors are
unit length, kept as half precision (pgvector's halfvec), and never leave the database in a search.
"""

from dataclasses import dataclass, replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import statements
from core.db.conditions import Where
from core.db.copying import copy_vectors as copy_vectors
from core.db.partitions import partition_name
from core.filters import Filters
from core.hits import EDGE as EDGE
from core.hits import After as After
from core.hits import Hit as Hit
from core.hits import going_on
from core.hits import score as score
from core.memory import MemoryEngine
from core.planner import (
    LAST_RESORT,
    TARGET,
    Modality,
    Plan,
    Situation,
    bearable,
    by_index,
    choose,
    most_compared,
)
from core.query_vectors import QueryVector as QueryVector
from core.query_vectors import combine as combine
from core.query_vectors import cosine as cosine
from core.query_vectors import mean_vector as mean_vector
from core.query_vectors import record_vector as record_vector
from core.query_vectors import stored_vector as stored_vector
from core.query_vectors import unit as unit
from core.versions import Version
from core.ways import EVERYTHING as EVERYTHING
from core.ways import UNFILTERED as UNFILTERED
from core.ways import Nearest as Nearest
from core.ways import check as check
from core.ways import nearest_by_index as nearest_by_index
from core.ways import nearest_exact as nearest_exact
from core.ways import nearest_passing as nearest_passing
from core.ways import written as written

DEARER = 20
"""Times as long as the memory engine that an index takes for a vector."""


async def nearest(
    conn: AsyncConnection,
    version: Version,
    query: QueryVector,
    k: int,
    filters: Filters = EVERYTHING,
    *,
    modality: Modality = "text",
    target: float = TARGET,
    memory: MemoryEngine | None = None,
    after: After | None = None,
) -> Nearest:
    """The `k` images of `version` most like `query`, among those that pass and can be shown.

    Fewer only where there are fewer. With `after` the next `k` of a list that was shown in part.
    `modality` is what the query is made of, `target` the recall wanted of an index; `memory`
    answers where it holds the version. Raises WrongSpace when the query is of another version,
    VersionNotReady when the version is retired. Sets effort parameters for the transaction.
    """
    check(version, query, k)
    asked = _Asked(conn, version, query, k, Where(filters), after)
    if filters:  # a plan made for other values could pass over the index of these
        await conn.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    if memory and memory.answers(version):
        sooner = None if filters or after else await _sooner(asked, modality, target)
        return sooner or await _remembered(asked, memory)
    if version.index_kind != "exact":
        now = await _situation(conn, version, asked.where, modality, target)
        now = replace(now, k=k + (after.shown if after else 0))
        found = await _planned(asked, now)
        if found:
            return found
    return await nearest_exact(conn, version, query, k, asked.where, after)


@dataclass(frozen=True)
class _Asked:
    """What one call of `nearest` is about."""

    conn: AsyncConnection
    version: Version
    query: QueryVector
    k: int
    where: Where
    after: After | None


async def _planned(asked: _Asked, now: Situation) -> Nearest | None:
    """What the index finds; None where all that passes is to be compared."""
    plan = choose(now)
    if plan.path != "exact" and (found := await _indexed(asked, now, plan)):
        return found
    if asked.after or not now.filtered or await _bearable(asked, now):
        return None
    plan = replace(by_index(now)[0], recall=None)
    return await _indexed(asked, now, plan, until_enough=True)


async def _remembered(asked: _Asked, held: MemoryEngine) -> Nearest:
    passing = 0

    async def find(most: int) -> list[Hit]:
        nonlocal passing
        found, passing = await held.search(
            asked.conn, asked.version, asked.query, most, asked.where
        )
        return found

    hits = await going_on(find, asked.k, asked.after)
    return Nearest(hits, "memory", passing, passing, 1.0)


async def _indexed(
    asked: _Asked, now: Situation, plan: Plan, *, until_enough: bool = False
) -> Nearest | None:
    """What the index finds, under filters of the nearest of all, or going on `until_enough`."""

    async def find(most: int) -> list[Hit]:
        way = nearest_by_index if until_enough or not now.filtered else nearest_passing
        conn, version, query = asked.conn, asked.version, asked.query
        return await way(conn, version, query, most, plan.effort, asked.where)

    hits = await going_on(find, asked.k, asked.after)
    if len(hits) < min(asked.k, now.matching):
        return None
    compared = _compared(asked.version, plan.effort, now.rows)
    return Nearest(hits, plan.path, now.matching, compared, plan.recall)


async def _sooner(asked: _Asked, modality: Modality, target: float) -> Nearest | None:
    """What the index finds, where it is known to find enough while it compares few.

    So it is for pictures; for words it has to compare more than memory takes to compare all.
    """
    if asked.version.index_kind == "exact":
        return None
    now = await _situation(asked.conn, asked.version, asked.where, modality, target)
    now = replace(now, k=asked.k)
    plan, reached = by_index(now)
    if not reached or _compared(asked.version, plan.effort, now.rows) * DEARER >= now.rows:
        return None
    return await _indexed(asked, now, plan)


async def _bearable(asked: _Asked, now: Situation) -> bool:
    """Whether all that passes can be compared; counts only where everything could not."""
    if asked.version.index_kind == "exact" or bearable(now.rows, now.dim):
        return True
    most = LAST_RESORT * most_compared(now.dim)
    counting = text(statements.count(asked.version.id, asked.where.sql, most + 1))
    return int(await asked.conn.scalar(counting, asked.where.binds) or 0) <= most


async def _situation(
    conn: AsyncConnection,
    version: Version,
    where: Where,
    modality: Modality,
    target: float,
) -> Situation:
    rows = matching = await _estimated_rows(conn, version)
    filtered = where.sql != UNFILTERED.sql
    if filtered:
        matching = await _count(conn, version, where)
    return Situation(
        rows=max(rows, matching),
        matching=matching,
        filtered=filtered,
        dim=version.dim,
        modality=modality,
        index_kind=version.index_kind,
        index_params=version.index_params,
        target=target,
    )


async def _count(conn: AsyncConnection, version: Version, where: Where) -> int:
    """How many pass, up to where it makes no difference any more."""
    most = most_compared(version.dim) + 1
    counting = text(statements.count(version.id, where.sql, most))
    return int(await conn.scalar(counting, where.binds) or 0)


def _compared(version: Version, effort: int, rows: int) -> int:
    """Vectors that an index looks at: its lists' share, or the links of what it keeps."""
    params = version.index_params
    if version.index_kind == "ivfflat":
        return min(rows, round(rows * effort / int(params["lists"])))
    return min(rows, effort * int(params["m"]))


async def _estimated_rows(conn: AsyncConnection, version: Version) -> int:
    found = await conn.scalar(
        text("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(:name)"),
        {"name": partition_name(version.id)},
    )
    return int(found or 0)

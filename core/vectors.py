"""Vectors in the database: storing them, and finding the nearest ones of the same version.

Distances are cosine, written with the operator `<=>`: no index serves the functions. Vectors are
unit length, kept as half precision (pgvector's halfvec), and never leave the database in a search.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import statements
from core.db.conditions import Where
from core.db.copying import copy_vectors as copy_vectors
from core.db.partitions import partition_name
from core.errors import BadRequest, VersionNotReady, WrongSpace
from core.filters import Filters
from core.hits import EDGE as EDGE
from core.hits import After as After
from core.hits import Hit as Hit
from core.hits import going_on
from core.hits import score as score
from core.memory import MemoryEngine
from core.planner import (
    DEPTH,
    LAST_RESORT,
    MEMORY_ROWS,
    TARGET,
    Modality,
    Path,
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

EVERYTHING = Filters()
UNFILTERED = Where(EVERYTHING)


@dataclass(frozen=True)
class Nearest:
    """Hits, best first, and how they were found.

    `rows` vectors pass the filters (images that cannot be shown among them); with an index that is
    the planner's estimate, under filters as many at least. `compared` vectors were looked at,
    roughly when by an index. `recall` is the share of the true nearest to expect among the hits: 1
    when nothing can be missed, None when nobody measured it.
    """

    hits: list[Hit]
    path: Path
    rows: int
    compared: int
    recall: float | None


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
    where = Where(filters)
    if filters:  # a plan made for other values could pass over the index of these
        await conn.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    held = memory if memory and memory.holds(version) else None
    if held or version.index_kind != "exact":
        now = await _situation(conn, version, where, modality, target, held)
        now = replace(now, k=k + (after.shown if after else 0))
        plan = choose(now)
        if plan.path == "memory" and held:
            passing = now.matching

            async def remembered(most: int) -> list[Hit]:
                nonlocal passing
                found, passing = await held.search(conn, version, query.values, most, where)
                return [Hit(*each) for each in found]

            hits = await going_on(remembered, k, after)
            return Nearest(hits, "memory", passing, passing, plan.recall)
        if plan.path != "exact":

            async def indexed(most: int) -> list[Hit]:
                if filters:
                    return await nearest_passing(conn, version, query, most, plan.effort, where)
                return await nearest_by_index(conn, version, query, most, plan.effort)

            hits = await going_on(indexed, k, after)
            if len(hits) == min(k, now.matching):
                compared = _compared(version, plan.effort, now.rows)
                return Nearest(hits, plan.path, now.matching, compared, plan.recall)
        if filters and not await _bearable(conn, version, where, now):
            plan = by_index(now)[0]
            hits = await nearest_by_index(conn, version, query, k, plan.effort, where)
            if after is None and len(hits) == k:
                compared = _compared(version, plan.effort, now.rows)
                return Nearest(hits, plan.path, now.matching, compared, None)
    return await nearest_exact(conn, version, query, k, where, after)


async def _bearable(conn: AsyncConnection, version: Version, where: Where, now: Situation) -> bool:
    """Whether all that passes can be compared; counts only where everything could not."""
    if version.index_kind == "exact" or bearable(now.rows, now.dim):
        return True
    most = LAST_RESORT * most_compared(now.dim)
    counting = text(statements.count(version.id, where.sql, most + 1))
    return int(await conn.scalar(counting, where.binds) or 0) <= most


def check(version: Version, query: QueryVector, k: int) -> None:
    """Raise what `nearest` raises before it looks at any vector."""
    _check_space(version, query)
    if version.state == "retired":
        raise VersionNotReady(f"Embed version {version.embed_version!r} is retired")
    if k < 1:
        raise BadRequest("At least one result must be asked for")


async def nearest_exact(
    conn: AsyncConnection,
    version: Version,
    query: QueryVector,
    k: int,
    where: Where = UNFILTERED,
    after: After | None = None,
) -> Nearest:
    """The `k` nearest, past `after`, by comparing with all that pass."""
    binds = {"query": written(query)} | where.binds
    if after:
        binds |= {"floor": 1 - after.score - EDGE, "seen": list(after.seen)}
    further = after is not None
    statement = text(statements.exact(version.id, k, where.sql, going_on=further))
    rows = (await conn.execute(statement, binds)).all()
    if not rows or len(rows) < min(k, rows[0].candidates):  # too many that cannot be shown
        everything = statements.exact(version.id, k, where.sql, spare=None, going_on=further)
        statement = text(everything)
        rows = (await conn.execute(statement, binds)).all()
    found = int(rows[0].candidates) if rows else 0
    return Nearest(_hits(rows), "exact", found, found, 1.0)


async def nearest_by_index(
    conn: AsyncConnection,
    version: Version,
    query: QueryVector,
    k: int,
    effort: int,
    where: Where = UNFILTERED,
) -> list[Hit]:
    """The `k` nearest that the index of `version` finds with `effort` (probes or ef_search)."""
    slot = await _try(conn, version, effort)
    statement = text(statements.by_index(version.id, version.dim, k, where.sql, slot))
    return _hits((await conn.execute(statement, {"query": written(query)} | where.binds)).all())


async def nearest_passing(
    conn: AsyncConnection,
    version: Version,
    query: QueryVector,
    k: int,
    effort: int,
    where: Where,
) -> list[Hit]:
    """Those of the `DEPTH` nearest of all that pass, `k` at most; no index makes them fewer."""
    slot = await _try(conn, version, effort)
    statement = statements.passing(version.id, version.dim, DEPTH, k, where.sql, slot)
    binds = {"query": written(query)} | where.binds
    return _hits((await conn.execute(text(statement), binds)).all())


async def _try(conn: AsyncConnection, version: Version, effort: int) -> int:
    """Let the index of `version` try so hard in this transaction; returns its slot."""
    settings = statements.settings(version.index_kind, version.index_params, effort)
    calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    await conn.execute(text(f"SELECT {calls}"))
    return int(version.index_params.get("slot", 0))


async def _situation(
    conn: AsyncConnection,
    version: Version,
    where: Where,
    modality: Modality,
    target: float,
    held: MemoryEngine | None,
) -> Situation:
    rows = matching = held.rows(version) if held else await _estimated_rows(conn, version)
    filtered = where.sql != UNFILTERED.sql
    if filtered:
        known = held.passing(version, where) if held else None
        matching = await _count(conn, version, where, held) if known is None else known
    return Situation(
        rows=max(rows, matching),
        matching=matching,
        filtered=filtered,
        dim=version.dim,
        modality=modality,
        index_kind=version.index_kind,
        index_params=version.index_params,
        target=target,
        in_memory=held is not None,
    )


async def _count(
    conn: AsyncConnection, version: Version, where: Where, held: MemoryEngine | None
) -> int:
    """How many pass, up to where it makes no difference any more."""
    most = MEMORY_ROWS if held else most_compared(version.dim) + 1
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


def _check_space(version: Version, query: QueryVector) -> None:
    if query.version_id != version.id:
        raise WrongSpace(
            f"The query vector is of another embed version than {version.embed_version!r};"
            " encode the query with that version"
        )
    if len(query.values) != version.dim:
        raise WrongSpace(
            f"The query vector has {len(query.values)} values;"
            f" embed version {version.embed_version!r} has {version.dim}"
        )


def written(query: QueryVector) -> str:
    """A vector as pgvector reads it."""
    return "[" + ",".join(f"{value:.7g}" for value in query.values.tolist()) + "]"


def _hits(rows: Sequence[Any]) -> list[Hit]:
    return [Hit(row.image_id, score(row.distance)) for row in rows]

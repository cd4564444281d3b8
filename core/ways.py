"""The ways to find the nearest vectors in the database: by comparing, and by a version's index."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import statements
from core.db.conditions import Where
from core.errors import BadRequest, VersionNotReady, WrongSpace
from core.filters import Filters
from core.hits import EDGE, After, Hit, score
from core.planner import DEPTH, Path
from core.query_vectors import QueryVector
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

"""Saving sets of queries, and running them in several versions."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.compare import service as comparing
from backend.compare.schemas import DEPTH, Column, CompareParams
from backend.deps import Services
from backend.judgements import queries as judgement_queries
from backend.querysets import queries
from backend.querysets.schemas import (
    KeptQuery,
    QuerySet,
    QuerySetContent,
    QuerySetRef,
    QuerySetRun,
    QuerySets,
    RunParams,
    RunRow,
    VersionMeasures,
)
from backend.search.schemas import SearchParams
from core import rankings
from core.errors import BadRequest, Conflict, NotFound

MOST_SETS = 500


async def every(conn: AsyncConnection) -> QuerySets:
    """All sets in short."""
    rows = await queries.every(conn)
    return QuerySets(
        sets=[
            QuerySetRef(
                name=row.name,
                description=row.description or "",
                size=row.size,
                updated_at=row.updated_at,
            )
            for row in rows
        ]
    )


async def get(conn: AsyncConnection, name: str) -> QuerySet:
    """One set; NotFound where there is none."""
    row = await queries.find(conn, name)
    if row is None:
        raise NotFound(f"There is no query set {name!r}")
    return QuerySet(
        name=row.name,
        description=row.description or "",
        queries=row.queries,
        updated_at=row.updated_at,
    )


async def save(conn: AsyncConnection, name: str, content: QuerySetContent) -> QuerySet:
    """Store a set in place of the one of that name; refused where a query could not be repeated."""
    kept = []
    for number, saved in enumerate(content.queries, start=1):
        asked = comparing.question(saved.query)
        if not asked.keys() & {"q", "like", "like_record", "image"}:
            raise BadRequest(f"Query {number} looks for nothing; give q, like or like_record")
        if saved.query.image or any(len(each) == 64 for each in saved.query.less_like):
            raise BadRequest(
                f"Query {number} has an uploaded picture, which is forgotten after a while;"
                " use words, like or like_record"
            )
        kept.append({"label": saved.label, "query": asked})
    if await queries.find(conn, name) is None and await queries.count(conn) >= MOST_SETS:
        raise Conflict(f"There are {MOST_SETS} query sets already; delete one first")
    await queries.keep(conn, name, content.description, kept)
    return await get(conn, name)


async def remove(conn: AsyncConnection, name: str) -> None:
    """Delete a set; NotFound where there is none."""
    if not await queries.remove(conn, name):
        raise NotFound(f"There is no query set {name!r}")


async def run(services: Services, name: str, asked: RunParams) -> QuerySetRun:
    """The next `limit` queries of a set in every version."""
    async with services.reading() as conn:
        held = await get(conn, name)
        part = held.queries[asked.offset : asked.offset + asked.limit]
        wanted = [SearchParams.model_validate(each.query) for each in part]
        keys = [comparing.query_key(each) for each in wanted]
        verdicts = await judgement_queries.verdicts(conn, keys)
    rows = [
        await _row(services, asked, asked.offset + index, saved, verdicts.get(key, {}))
        for index, (saved, key) in enumerate(zip(part, keys, strict=True))
    ]
    end = asked.offset + len(part)
    return QuerySetRun(
        name=name,
        total=len(held.queries),
        rows=rows,
        next_offset=end if end < len(held.queries) else None,
    )


async def _row(
    services: Services,
    asked: RunParams,
    position: int,
    saved: KeptQuery,
    verdicts: dict[UUID, bool],
) -> RunRow:
    values = saved.query | {"version": asked.version, "limit": DEPTH}
    params = CompareParams.model_validate(values)
    found = await comparing.compare(services, params)
    return RunRow(
        position=position,
        label=saved.label or saved.query.get("q", ""),
        query=saved.query,
        versions=[_measures(column, verdicts) for column in found.columns],
        pairs=found.pairs,
    )


def _measures(column: Column, verdicts: dict[UUID, bool]) -> VersionMeasures:
    ranking = comparing.images(column)
    return VersionMeasures(
        version=column.version,
        milliseconds=column.response.timing_ms.total if column.response else None,
        judged=sum(each in verdicts for each in ranking),
        ndcg_10=rankings.ndcg(ranking, verdicts, 10),
        precision_10=rankings.precision(ranking, verdicts, 10),
        problem=column.problem,
    )

"""Keeping judgements, and counting what they say of two versions."""

from collections import Counter
from itertools import combinations

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.compare.service import query_key, question
from backend.judgements import queries
from backend.judgements.schemas import (
    Judged,
    Judgement,
    Judgements,
    PairTally,
    TallyParams,
    TallyResponse,
    Wins,
)
from core import rankings, versions
from core.errors import BadRequest, NotFound

Tried = list[tuple[str, str | None]]
"""Query and winner ("a", "b", None) of each judged result."""


async def judge(conn: AsyncConnection, said: Judgement) -> Judgements:
    """Store `said` and give back what this judge says of the query now."""
    key, query = query_key(said.query), question(said.query)
    if not query:
        raise BadRequest("The query is empty; send the search value that was judged")
    if said.relevant is None:
        await queries.forget(conn, key=key, image_id=said.image_id, judge=said.judge)
    else:
        for name in {*said.ranks, *([said.embed_version] if said.embed_version else [])}:
            await versions.get(conn, name)
        if not await queries.exists(conn, said.image_id):
            raise NotFound("There is no such image here")
        await queries.keep(
            conn,
            key=key,
            query=query,
            image_id=said.image_id,
            version=said.embed_version,
            relevant=said.relevant,
            ranks=said.ranks,
            judge=said.judge,
        )
    return await of_query(conn, key, said.judge)


async def of_query(conn: AsyncConnection, key: str, judge: str) -> Judgements:
    """What one judge said of a query."""
    rows = await queries.by(conn, key, judge)
    given = [Judged(image_id=row.image_id, relevant=row.relevant) for row in rows]
    return Judgements(query_key=key, judgements=given)


async def tally(conn: AsyncConnection, asked: TallyParams) -> TallyResponse:
    """Who of each two versions did better by the judgements there are."""
    pairs = []
    for a, b in combinations(asked.version, 2):
        rows = await queries.ranked(conn, (a, b), asked.query_key)
        tried: Tried = [
            (row.query_key, rankings.winner(row.relevant, row.ranks[a], row.ranks[b]))
            for row in rows
        ]
        results = _wins(Counter(won for _, won in tried))
        pairs.append(
            PairTally(a=a, b=b, judged=len(rows), results=results, queries=_by_query(tried))
        )
    return TallyResponse(pairs=pairs)


def _by_query(tried: Tried) -> Wins:
    per_query: dict[str, Counter[str | None]] = {}
    for key, won in tried:
        per_query.setdefault(key, Counter())[won] += 1
    outcomes: Counter[str | None] = Counter()
    for counts in per_query.values():
        lead = counts["a"] - counts["b"]
        outcomes[None if lead == 0 else "a" if lead > 0 else "b"] += 1
    return _wins(outcomes)


def _wins(counts: Counter[str | None]) -> Wins:
    a, b = counts["a"], counts["b"]
    low, high = rankings.share_interval(a, b) or (None, None)
    return Wins(
        a=a,
        b=b,
        ties=counts[None],
        p_value=rankings.sign_test(a, b),
        share_a=a / (a + b) if a + b else None,
        low=low,
        high=high,
    )

"""SQL about judgements."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.tables import embed_version, image, judgement


async def exists(conn: AsyncConnection, image_id: UUID) -> bool:
    """Whether there is such an image."""
    return await conn.scalar(select(literal(1)).where(image.c.id == image_id)) is not None


async def keep(
    conn: AsyncConnection,
    *,
    key: str,
    query: Mapping[str, Any],
    image_id: UUID,
    version: str | None,
    relevant: bool,
    ranks: Mapping[str, int | None],
    judge: str,
) -> None:
    """Store a judgement, in place of what the same judge said of the same image before."""
    version_id = select(embed_version.c.id).where(embed_version.c.embed_version == version)
    said = {
        "relevant": relevant,
        "ranks": dict(ranks),
        "version_id": version_id.scalar_subquery(),
        "at": func.now(),
    }
    statement = insert(judgement).values(
        query_key=key, query=dict(query), image_id=image_id, judge=judge, **said
    )
    columns = [judgement.c.query_key, judgement.c.image_id, judgement.c.judge]
    await conn.execute(statement.on_conflict_do_update(index_elements=columns, set_=said))


async def forget(conn: AsyncConnection, *, key: str, image_id: UUID, judge: str) -> None:
    """Take a judgement back."""
    await conn.execute(
        delete(judgement).where(
            judgement.c.query_key == key,
            judgement.c.image_id == image_id,
            judgement.c.judge == judge,
        )
    )


async def by(conn: AsyncConnection, key: str, judge: str) -> list[Row[Any]]:
    """What one judge said of a query: rows (image_id, relevant)."""
    query = select(judgement.c.image_id, judgement.c.relevant).where(
        judgement.c.query_key == key, judgement.c.judge == judge
    )
    return list(await conn.execute(query.order_by(judgement.c.id)))


async def ranked(conn: AsyncConnection, versions: Sequence[str], key: str | None) -> list[Row[Any]]:
    """Judgements of results that all of `versions` were asked for: (query_key, relevant, ranks)."""
    query = select(judgement.c.query_key, judgement.c.relevant, judgement.c.ranks).where(
        *(judgement.c.ranks.has_key(version) for version in versions)
    )
    if key:
        query = query.where(judgement.c.query_key == key)
    return list(await conn.execute(query))


async def verdicts(conn: AsyncConnection, keys: Sequence[str]) -> dict[str, dict[UUID, bool]]:
    """By query and image, what most judges said; where they are divided, nothing."""
    votes = func.sum(case((judgement.c.relevant, 1), else_=-1))
    query = (
        select(judgement.c.query_key, judgement.c.image_id, votes.label("votes"))
        .where(judgement.c.query_key.in_(keys))
        .group_by(judgement.c.query_key, judgement.c.image_id)
        .having(votes != 0)
    )
    found: dict[str, dict[UUID, bool]] = {}
    for row in await conn.execute(query):
        found.setdefault(row.query_key, {})[row.image_id] = row.votes > 0
    return found

"""Which images an embedding worker may take: several workers share the work by row locks.

A batch stays locked until its vectors are committed. A worker that dies leaves its images
unlocked and without vectors, so the next one takes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import facts
from core.db.conditions import Where
from core.db.partitions import partition_name
from core.db.tables import image
from core.filters import Filters
from core.versions import Version

ALL = Where(Filters())
START = UUID(int=0)
"""Before every image."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An image to embed."""

    image_id: UUID
    sha256: str
    """Key of the stored file."""


async def claim(
    conn: AsyncConnection, version: Version, after: UUID, most: int, where: Where = ALL
) -> list[Claim]:
    """Lock up to `most` images beyond `after` that pass `where` and have no vector in `version`,
    in order of id.

    Images that another worker holds are passed over. The lock ends with the transaction.
    """
    rows = await conn.execute(
        text(
            f"SELECT i.id, coalesce(i.sha256, '') AS sha256 FROM image i"
            f" WHERE {_wanted(version)} AND {_passing(where)}"
            " AND i.id > :after ORDER BY i.id LIMIT :most FOR NO KEY UPDATE OF i SKIP LOCKED"
        ),
        {"after": after, "most": most} | where.binds,
    )
    return [Claim(row.id, row.sha256) for row in rows]


async def count(conn: AsyncConnection, version: Version, where: Where = ALL) -> tuple[int, int]:
    """(images without a vector in `version`, images that could have one), of those that pass."""
    row = (
        await conn.execute(
            text(
                "SELECT (SELECT count(*) FROM image i"
                f" WHERE {_wanted(version)} AND {_passing(where)}) AS missing,"
                " (SELECT count(*) FROM image i WHERE i.state = 'ok' AND i.same_as IS NULL"
                f" AND {_passing(where)}) AS embeddable"
            ),
            where.binds,
        )
    ).one()
    return int(row.missing), int(row.embeddable)


async def fail(conn: AsyncConnection, states: Mapping[UUID, tuple[str, str]]) -> None:
    """Set the (state, reason) of images whose stored file is of no use."""
    for image_id, (state, reason) in states.items():
        await conn.execute(
            update(image)
            .where(image.c.id == image_id)
            .values(state=state, reason=reason, retry_at=func.now(), updated_at=func.now())
        )


def _wanted(version: Version) -> str:
    return (
        "i.state = 'ok' AND i.same_as IS NULL AND NOT EXISTS"
        f" (SELECT FROM {partition_name(version.id)} e WHERE e.image_id = i.id)"
    )


def _passing(where: Where) -> str:
    """What filters need stands beside vectors; here there are none yet, and it is worked out."""
    if where.sql == ALL.sql:
        return "true"
    own = facts.FACTS.replace("FROM image i", "FROM (SELECT i.*) AS i", 1)
    return f"EXISTS (SELECT FROM ({own}) AS e WHERE {where.sql})"

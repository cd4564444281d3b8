"""The mean vector of the images that pass a filter, in one version."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.conditions import Where
from core.db.partitions import partition_name
from core.errors import BadRequest
from core.filters import Filters
from core.query_vectors import QueryVector, unit
from core.versions import Version

MOST = 5000
"""Images a mean is taken of at most; more would not move it visibly."""


async def mean(conn: AsyncConnection, version: Version, filters: Filters) -> QueryVector | None:
    """The direction in which the images that pass lie together; None where there is none."""
    where = Where(filters)
    await conn.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    values = await conn.scalar(
        text(
            "SELECT avg(vector::vector)::real[] FROM (SELECT e.vector FROM"
            f" {partition_name(version.id)} e WHERE {where.sql} LIMIT {MOST}) AS sample"
        ),
        where.binds,
    )
    try:
        return None if values is None else unit(version.id, values)
    except BadRequest:  # they point everywhere alike
        return None

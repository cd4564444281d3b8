"""What images are grouped by: a value of the first record, by id, that an image shows.

An image whose records are all withdrawn is never shown and belongs to no group; one that does not
say has the group None, with all others that do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.conditions import Where
from core.db.partitions import partition_name

GroupBy = Literal[
    "record", "species", "genus", "family", "order", "institution", "collection", "country",
    "decade",
]  # fmt: skip
_START, _END = (f"(extract(year FROM r.event_{end})::int / 10 * 10)" for end in ("start", "end"))
_KEYS: dict[str, str] = {
    "record": "r.id::text",
    "species": "nullif(r.species, '')",
    "genus": "nullif(r.genus, '')",
    "family": "nullif(r.family, '')",
    "order": "nullif(r.\"order\", '')",
    "institution": "nullif(r.institution_code, '')",
    "collection": "nullif(r.collection_code, '')",
    "country": "nullif(coalesce(r.country_code, r.country), '')",
    "decade": f"CASE WHEN {_START} = {_END} THEN {_START}::text END",
}
assert set(_KEYS) == set(get_args(GroupBy))
# The first record of the image `i` that is not withdrawn, and whether the image may be shown.
_FIRST = """
LEFT JOIN LATERAL (
  SELECT r.* FROM record_image ri JOIN record r ON r.id = ri.record_id
  WHERE ri.image_id = i.id AND r.withdrawn_at IS NULL
  ORDER BY r.specimen_id IS NOT NULL, r.id LIMIT 1
) AS r ON true
"""
_SHOWN = (
    "i.state = 'ok' AND i.same_as IS NULL AND (r.id IS NOT NULL"
    " OR NOT EXISTS (SELECT FROM record_image ri WHERE ri.image_id = i.id))"
)


@dataclass(frozen=True)
class Mark:
    """What tells an image from others: its group's value, its bytes, its difference hash."""

    key: str | None
    sha256: str | None
    phash: int | None


async def marks(
    conn: AsyncConnection, image_ids: Sequence[UUID], by: GroupBy | None
) -> dict[UUID, Mark]:
    """What tells those of the images apart that may be shown."""
    key = _KEYS[by] if by else "NULL::text"
    query = (
        f"SELECT i.id, i.sha256, i.phash, {key} AS key FROM image i {_FIRST}"
        f" WHERE i.id = ANY(:ids) AND {_SHOWN}"
    )
    rows = await conn.execute(text(query), {"ids": list(image_ids)})
    return {row.id: Mark(row.key, row.sha256, row.phash) for row in rows}


async def alike(
    conn: AsyncConnection, version_id: int, pairs: Sequence[tuple[UUID, UUID]], cosine: float
) -> list[tuple[UUID, UUID]]:
    """Those of `pairs` whose images have a cosine of at least so much in a version, in order."""
    if not pairs:
        return []
    table = partition_name(version_id)
    query = (
        "SELECT p.one, p.other FROM unnest(CAST(:ones AS uuid[]), CAST(:others AS uuid[]))"
        " WITH ORDINALITY AS p(one, other, place)"
        f" JOIN {table} a ON a.image_id = p.one JOIN {table} b ON b.image_id = p.other"
        " WHERE a.vector <=> b.vector <= 1 - CAST(:cosine AS float8) ORDER BY p.place"
    )
    ones, others = zip(*pairs, strict=True)
    binds = {"ones": list(ones), "others": list(others), "cosine": cosine}
    return [(row.one, row.other) for row in await conn.execute(text(query), binds)]


async def best_of_groups(
    conn: AsyncConnection,
    version_id: int,
    query: str,
    where: Where,
    by: GroupBy,
    *,
    groups: int,
    members: int,
    only: Sequence[str | None] | None = None,
) -> Sequence[Any]:
    """The `members` nearest of each of the `groups` nearest groups among all that pass.

    `query` is the vector in pgvector's text form; `only`: of these groups. Rows have image_id,
    distance, key, sha256, phash, and the size of their group, groups and members best first.
    """
    which = ""
    if only is not None:
        unsaid = " OR key IS NULL" if None in only else ""
        which = f" WHERE key = ANY(CAST(:only AS text[])){unsaid}"
    statement = (
        "WITH scored AS MATERIALIZED ("
        " SELECT image_id, (vector <=> CAST(:query AS halfvec)) + 0 AS distance"
        f" FROM {partition_name(version_id)} e WHERE {where.sql}{_narrow(by, only)}),"
        f" keyed AS (SELECT s.*, i.sha256, i.phash, {_KEYS[by]} AS key FROM scored s"
        f" JOIN image i ON i.id = s.image_id {_FIRST} WHERE {_SHOWN}),"
        " placed AS (SELECT *, row_number() OVER (PARTITION BY key ORDER BY distance, image_id)"
        " AS place, count(*) OVER (PARTITION BY key) AS size FROM keyed" + which + "),"
        " best AS (SELECT key, distance, image_id FROM placed WHERE place = 1"
        f" ORDER BY distance, image_id LIMIT {int(groups)})"
        " SELECT p.image_id, p.distance, p.key, p.sha256, p.phash, p.size FROM placed p"
        " JOIN best ON p.key IS NOT DISTINCT FROM best.key"
        f" WHERE p.place <= {int(members)}"
        " ORDER BY best.distance, best.image_id, p.place"
    )
    binds: dict[str, Any] = {"query": query} | where.binds
    if only is not None:
        binds["only"] = [key for key in only if key is not None]
    return (await conn.execute(text(statement), binds)).all()


_FACETS = ("species", "genus", "family", "order", "institution", "collection", "country")


def _narrow(by: GroupBy, only: Sequence[str | None] | None) -> str:
    """A condition that the images of these groups fulfil, and few others."""
    if only is None or None in only:
        return ""
    if by == "record":
        return (
            " AND e.image_id IN (SELECT image_id FROM record_image"
            " WHERE record_id = ANY(CAST(:only AS uuid[])))"
        )
    if by in _FACETS:
        return (
            f" AND e.facets && ARRAY(SELECT hashtextextended(lower('{by}:' || given), 0)"
            " FROM unnest(CAST(:only AS text[])) AS given)"
        )
    return ""

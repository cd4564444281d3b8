"""SQL that finds what begins as typed."""

from collections.abc import Sequence

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.tables import WORDS

MOST = 1000
"""Candidates looked at: what is short, and so near to what is typed, first."""

_FOUND = """
SELECT * FROM (
SELECT f.kind, f.value, f.value AS matched, 'accepted' AS how FROM fact f
WHERE f.words @@ to_tsquery('simple', :typed) AND f.kind = ANY(:kinds)
UNION ALL
SELECT f.kind, f.value, a.name, a.kind FROM alias a JOIN fact f ON f.hash = a.target
WHERE a.words @@ to_tsquery('simple', :typed) AND f.kind = ANY(:kinds)
) AS found ORDER BY length(matched), matched LIMIT :most
"""
_DATASETS = f"""
SELECT id::text AS id, title FROM dataset
WHERE {WORDS.format("title")} @@ to_tsquery('simple', :typed)
ORDER BY length(title), title LIMIT :most
"""
_AUTHORS = """
SELECT DISTINCT ON (canonical_name) canonical_name, authorship, rank FROM taxon
WHERE canonical_name = ANY(:names) ORDER BY canonical_name, authorship NULLS LAST
"""
_COMMON = """
SELECT name FROM alias
WHERE kind = 'common' AND words @@ to_tsquery('simple', :typed) GROUP BY name
ORDER BY count(*) DESC, name LIMIT :most
"""


async def facts(conn: AsyncConnection, typed: str, kinds: Sequence[str]) -> list[RowMapping]:
    """Facts of `kinds` whose value or alias fits the prefix query: kind, value, matched, how."""
    binds = {"typed": typed, "kinds": list(kinds), "most": MOST}
    return list((await conn.execute(text(_FOUND), binds)).mappings())


async def datasets(conn: AsyncConnection, typed: str) -> dict[str, str]:
    """Titles that fit the prefix query, by the ids of their datasets."""
    rows = await conn.execute(text(_DATASETS), {"typed": typed, "most": MOST})
    return {row.id: row.title for row in rows}


async def taxa(conn: AsyncConnection, names: Sequence[str]) -> dict[str, RowMapping]:
    """Authorship and rank of canonical names, where they are known."""
    rows = await conn.execute(text(_AUTHORS), {"names": list(names)})
    return {row["canonical_name"]: row for row in rows.mappings()}


async def common_names(conn: AsyncConnection, typed: str) -> list[str]:
    """Common names that fit the prefix query, those of many taxa first."""
    return list(await conn.scalars(text(_COMMON), {"typed": typed, "most": 50}))

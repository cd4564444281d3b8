"""What filters need of an image, kept beside its vectors, where the scan can use it.

Worked out once an image (`image_fact`), whenever its records change, and copied from there.

`facets` is the set of hashes of facts ("country:br", "family:nymphalidae") of all current records
of the image; its place and date are those of its first by id, the shown one (`specimen_id`) before
others. A join with `record` instead took three times as long (docs/decisions/0005-facts.md). Every
writer of records calls `refresh`, which also keeps what the hashes mean (`fact`) and what else
things are called (`alias`).
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.partitions import partition_name
from core.db.tables import RANKS, embed_version

COLUMNS = ("facets", "latitude", "longitude", "date_start", "date_end", "months")
LOCK = 0x66616374  # "fact": shared by who stores vectors, exclusive for who changes records

_OF_RECORD = {rank: f"r.{rank}" if rank != "order" else 'r."order"' for rank in RANKS} | {
    "name": "r.canonical_name",
    "dataset": "r.dataset_id::text",
    "institution": "r.institution_code",
    "collection": "r.collection_code",
    "country": "coalesce(r.country_code, r.country)",
    "basis": "r.basis_of_record",
    "sex": "r.sex",
    "life_stage": "r.life_stage",
}
_NEEDED = [
    *(f'r."{rank}"' for rank in RANKS),
    *("r.canonical_name", "r.dataset_id", "r.institution_code", "r.collection_code", "r.sex"),
    *("r.country_code", "r.country", "r.basis_of_record", "r.life_stage", "r.type_status"),
    *("r.taxon_rank", "r.vernacular_name"),
]


def _prefixed(alias: str) -> str:
    return ", ".join(f"{alias}.{column}" for column in COLUMNS)


def _pairs(values: dict[str, str]) -> str:
    return ", ".join(f"('{kind}', {value})" for kind, value in values.items())


_LINKED = "record_image ri JOIN record r ON r.id = ri.record_id"
_CURRENT = "ri.image_id = i.id AND r.withdrawn_at IS NULL"
_IMAGE = {"view": "i.view", "licence": "i.licence", "dataset": "i.dataset_id::text"}
# Every fact of the image `i`, as (kind, value).
_FACTS_OF_IMAGE = f"""
  SELECT * FROM (VALUES {_pairs(_IMAGE)}) AS of_image(kind, value)
  UNION ALL
  SELECT fact.* FROM {_LINKED}
    CROSS JOIN LATERAL (VALUES {_pairs(_OF_RECORD)}) AS fact(kind, value) WHERE {_CURRENT}
  UNION ALL
  SELECT 'type_status', lower(word) FROM {_LINKED}
    CROSS JOIN LATERAL regexp_split_to_table(r.type_status, '[^A-Za-z]+') AS word
    WHERE {_CURRENT}
"""
_HASH = "hashtextextended(lower(kind || ':' || value), 0)"
# months: one bit each, January the lowest; a span past December goes on at January.
FACTS = f"""
SELECT i.id AS image_id,
  ARRAY(
    SELECT DISTINCT {_HASH} FROM ({_FACTS_OF_IMAGE}) AS facts(kind, value)
    WHERE value <> '' ORDER BY 1
  ) AS facets,
  first.decimal_latitude AS latitude, first.decimal_longitude AS longitude,
  first.event_start AS date_start, first.event_end AS date_end,
  ((first.spanned & 4095) | (first.spanned >> 12))::smallint AS months
FROM image i LEFT JOIN LATERAL (
  SELECT r.decimal_latitude, r.decimal_longitude, r.event_start, r.event_end,
    ((1 << greatest(1, least(12, 1
      + (extract(year FROM r.event_end) - extract(year FROM r.event_start)) * 12
      + extract(month FROM r.event_end) - extract(month FROM r.event_start)))::int) - 1)
      << (extract(month FROM r.event_start)::int - 1) AS spanned
  FROM {_LINKED} WHERE {_CURRENT} ORDER BY r.specimen_id IS NOT NULL, r.id LIMIT 1
) AS first ON true
"""
# Every fact of many images, once: to hash what all of them repeat would take most of the time.
_FACTS_OF_MANY = f"""
  SELECT of_image.* FROM image i
    CROSS JOIN LATERAL (VALUES {_pairs(_IMAGE)}) AS of_image(kind, value) WHERE {{which}}
  UNION
  SELECT fact.* FROM linked r
    CROSS JOIN LATERAL (VALUES {_pairs(_OF_RECORD)}) AS fact(kind, value)
  UNION
  SELECT 'type_status', lower(word) FROM linked r
    CROSS JOIN LATERAL regexp_split_to_table(r.type_status, '[^A-Za-z]+') AS word
"""
# OFFSET 0 has each image's records looked up by index, whatever the planner does not know of tables
# that have just begun to grow.
_LINKED_TO_MANY = f"""
WITH linked AS MATERIALIZED (SELECT r.* FROM image i CROSS JOIN LATERAL (
  SELECT {", ".join(_NEEDED)} FROM {_LINKED} WHERE {_CURRENT} OFFSET 0
) AS r WHERE {{which}})
"""
# What the hashes mean, spelt as first seen; in the order of keys, so that no two writers deadlock.
MEANINGS = f"""
{_LINKED_TO_MANY} INSERT INTO fact (hash, kind, value)
SELECT DISTINCT ON (1) given.hash, given.kind, given.value FROM (
  SELECT {_HASH} AS hash, kind, value FROM ({_FACTS_OF_MANY}) AS facts(kind, value)
  WHERE value <> ''
) AS given LEFT JOIN fact AS known ON known.hash = given.hash WHERE known.hash IS NULL
ORDER BY 1, given.value COLLATE "C" ON CONFLICT DO NOTHING
"""
# A species' name other than that of the species it is filed under is a synonym of that.
ALIASES = f"""
{_LINKED_TO_MANY} INSERT INTO alias (target, kind, name)
SELECT DISTINCT hashtextextended(lower(target), 0), kind, name FROM (
  SELECT 'species:' || r.species AS target, 'synonym' AS kind, r.canonical_name AS name
  FROM linked r WHERE r.taxon_rank = 'species' AND lower(r.canonical_name) <> lower(r.species)
  UNION
  SELECT CASE WHEN r.species IS NULL THEN 'name:' || r.canonical_name
    ELSE 'species:' || r.species END, 'common', r.vernacular_name
  FROM linked r WHERE r.vernacular_name <> ''
) AS given WHERE target <> '' AND name <> '' ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING
"""
_ASSIGNED = ", ".join(f"{column} = fact.{column}" for column in COLUMNS)


_NOT_YET = (
    "i.id = ANY(CAST(:ids AS uuid[]))"
    " AND NOT EXISTS (SELECT FROM image_fact known WHERE known.image_id = i.id)"
)
REMEMBER = f"INSERT INTO image_fact {FACTS} WHERE {_NOT_YET} ON CONFLICT DO NOTHING"
"""Work out the facts of those of the images `:ids` of which nobody has yet."""
_RENEW = f"""
UPDATE image_fact AS e SET {_ASSIGNED} FROM ({FACTS} WHERE i.id = ANY(:ids)
  AND EXISTS (SELECT FROM image_fact known WHERE known.image_id = i.id)) AS fact
WHERE e.image_id = fact.image_id AND ({_prefixed("e")}) IS DISTINCT FROM ({_prefixed("fact")})
"""


async def settle(conn: AsyncConnection, *, changing: bool) -> None:
    """Wait until nobody else stores vectors (or, unless `changing`, changes records) meanwhile.

    Lasts to the end of the transaction. Without it a record changed just now could miss vectors
    stored just now.
    """
    kind = "" if changing else "_shared"
    # The memory engine goes by the statistics: have them written with the commit.
    statement = f"SELECT pg_advisory_xact_lock{kind}(:key), pg_stat_force_next_flush()"
    await conn.execute(text(statement), {"key": LOCK})


async def refresh(conn: AsyncConnection, image_ids: Sequence[UUID]) -> int:
    """Bring the facts beside the vectors of these images up to date, in every version.

    To be called after their records, links or own columns changed, in the same transaction.
    Returns how many rows differed.
    """
    if not image_ids:
        return 0
    await settle(conn, changing=True)
    for statement in (MEANINGS, ALIASES):
        known = statement.format(which="i.id = ANY(:ids)")
        await conn.execute(text(known), {"ids": list(image_ids)})
    await conn.execute(text(_RENEW), {"ids": list(image_ids)})
    searched = select(embed_version.c.id).where(embed_version.c.state != "retired")
    changed = 0
    for version_id in (await conn.scalars(searched.order_by(embed_version.c.id))).all():
        stored = await conn.execute(
            text(
                f"UPDATE {partition_name(version_id)} AS e SET {_ASSIGNED} FROM image_fact AS fact"
                " WHERE fact.image_id = ANY(:ids)"
                f" AND e.version_id = {int(version_id)} AND e.image_id = fact.image_id"
                f" AND ({_prefixed('e')}) IS DISTINCT FROM ({_prefixed('fact')})"
            ),
            {"ids": list(image_ids)},
        )
        changed += stored.rowcount
    return changed

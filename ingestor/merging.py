"""Shows the same specimen from several sources once: `record.specimen_id`, `image.same_as`, links.

Of the records of a specimen one is shown; the others name it in `specimen_id`. All of them are
linked to all its images (`record_image.merged` where the source did not say so), so that whatever
one source says finds them. Of images that are one the others name what is shown in `same_as`.
All this follows from what is published, and is undone by the same call when that changes.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.db import facts
from core.db.tables import image, record, record_image
from ingestor.specimen_rows import COMPARED, apply
from ingestor.specimens import catalog_key, hashed, occurrence_key

Progress = Callable[[int, int | None], None]
_Row = Row[Any]

LOCK = 0x73706563  # "spec": held by who writes records, and by who changes what is shown
_MOST = 50
"""Records beyond which a key that they share tells nothing."""
_BATCH = 1000

_SHARED = f"""
SELECT {{column}} AS key FROM record WHERE {{column}} = ANY(:{{column}}) AND withdrawn_at IS NULL
GROUP BY 1 HAVING count(*) BETWEEN 2 AND {_MOST} AND count(DISTINCT dataset_id) > 1
 AND (:known OR count(*) = count(DISTINCT dataset_id))
"""
_SHARED_PICTURES = f"""
SELECT i.sha256 FROM image i JOIN record_image ri ON ri.image_id = i.id AND NOT ri.merged
 JOIN record r ON r.id = ri.record_id AND r.withdrawn_at IS NULL WHERE i.sha256 = ANY(:pictures)
GROUP BY 1 HAVING count(*) BETWEEN 2 AND {_MOST} AND count(DISTINCT r.dataset_id) > 1
 AND (:known OR count(*) = count(DISTINCT r.dataset_id))
"""
_NEAR = text(
    "SELECT id FROM record WHERE withdrawn_at IS NULL AND occurrence_key IN"
    f" ({_SHARED.format(column='occurrence_key')})"
    " UNION SELECT id FROM record WHERE withdrawn_at IS NULL AND catalog_key IN"
    f" ({_SHARED.format(column='catalog_key')})"
    " UNION SELECT ri.record_id FROM record_image ri JOIN image i ON i.id = ri.image_id"
    f" WHERE NOT ri.merged AND i.sha256 IN ({_SHARED_PICTURES})"
    " UNION SELECT id FROM record WHERE specimen_id = ANY(:specimens)"
    " UNION SELECT unnest(CAST(:specimens AS uuid[]))"
)
_KEYS = text(
    "WITH mine AS (SELECT * FROM record WHERE id = ANY(:ids)) SELECT"
    " ARRAY(SELECT occurrence_key FROM mine WHERE occurrence_key IS NOT NULL) AS occurrence,"
    " ARRAY(SELECT catalog_key FROM mine WHERE catalog_key IS NOT NULL) AS catalog,"
    " ARRAY(SELECT DISTINCT i.sha256 FROM record_image ri JOIN image i ON i.id = ri.image_id"
    "  WHERE ri.record_id = ANY(:ids) AND NOT ri.merged AND i.sha256 IS NOT NULL) AS pictures,"
    " ARRAY(SELECT specimen_id FROM mine WHERE specimen_id IS NOT NULL UNION"
    "  SELECT specimen_id FROM record WHERE specimen_id = ANY(:ids)) AS specimens"
)
_LOAD = text(
    f"SELECT id, source, dataset_id, {', '.join(COMPARED)}, withdrawn_at IS NULL AS current"
    " FROM record WHERE id = ANY(:ids) ORDER BY id"
)
_LINKS = text(
    "SELECT ri.record_id, ri.image_id, ri.position, ri.merged, i.identifier, i.state,"
    " CASE i.state WHEN 'ok' THEN i.sha256 END AS sha256,"
    " (SELECT count(*) FROM record_image o WHERE o.image_id = i.id AND NOT o.merged) AS owners"
    " FROM record_image ri JOIN image i ON i.id = ri.image_id WHERE ri.record_id = ANY(:ids)"
    " ORDER BY ri.record_id, ri.merged, ri.position, ri.image_id"
)
_CONCERNED = text(  # others have the same bytes or are the same, or these had others before
    "SELECT EXISTS (SELECT FROM image WHERE sha256 = ANY(:pictures) AND id <> ALL(:ids)"
    f" GROUP BY sha256 HAVING count(*) <= {_MOST + 1}) OR EXISTS (SELECT FROM image WHERE"
    " id = ANY(:ids) AND (sha256 <> ALL(:pictures) OR same_as IS NOT NULL)"
    " OR same_as = ANY(:ids))"
)
_NEXT = text(
    "SELECT id, occurrence_id, institution_code, collection_code, catalog_number FROM record"
    " WHERE id > :after ORDER BY id LIMIT :most"
)
_SET_KEYS = text(
    "UPDATE record SET occurrence_key = given.occurrence_key, catalog_key = given.catalog_key"
    " FROM json_to_recordset(CAST(:rows AS json))"
    " AS given(id uuid, occurrence_key bigint, catalog_key bigint) WHERE record.id = given.id"
    " AND (record.occurrence_key, record.catalog_key)"
    " IS DISTINCT FROM (given.occurrence_key, given.catalog_key)"
)
_OF_PICTURES = text(
    "SELECT ri.record_id FROM record_image ri JOIN image i ON i.id = ri.image_id"
    " WHERE (i.sha256 = ANY(:pictures) OR i.id = ANY(:ids)) AND NOT ri.merged"
)


@dataclass(frozen=True)
class Keys:
    """Hashes of what specimens are known by."""

    occurrence: frozenset[int] = frozenset()
    catalog: frozenset[int] = frozenset()


def keys_of(columns: Mapping[str, object]) -> dict[str, int | None]:
    """Return the columns of a record's row that hold its keys."""
    words = ("occurrence_id", "institution_code", "collection_code", "catalog_number")
    occurrence, *triple = (None if (v := columns[name]) is None else str(v) for name in words)
    return {
        "occurrence_key": hashed(occurrence_key(occurrence)),
        "catalog_key": hashed(catalog_key(triple[0], triple[1], triple[2])),
    }


async def lock(connection: AsyncConnection) -> None:
    """Wait until nobody else writes records; lasts to the end of the transaction.

    To be called before any row is touched that another writer might touch.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


async def regroup(
    connection: AsyncConnection, records: Iterable[UUID], before: Keys | None = None
) -> int:
    """Show every specimen of these records once; returns how many records changed place.

    To be called with `lock` held, after records were written, changed or withdrawn; `before`: keys
    that they no longer have.
    """
    asked = sorted(set(records))
    if not asked:
        return 0
    found: dict[UUID, _Row] = {}
    links: dict[UUID, list[_Row]] = {}
    todo = await _near(connection, asked, before or Keys(), known=True)
    while todo:
        given = {"ids": sorted(todo)}
        for row in await connection.execute(_LOAD, given):
            found[row.id], links[row.id] = row, []
        for link in await connection.execute(_LINKS, given):
            links[link.record_id].append(link)
        todo = await _near(connection, given["ids"], Keys(), known=False) - found.keys()
    return await apply(connection, found, links) if found else 0


async def regroup_new(connection: AsyncConnection, rows: Sequence[Mapping[str, object]]) -> int:
    """Do as `regroup` with records that nobody knew before, nor their images, by their columns."""
    given = {
        "occurrence_key": [key for row in rows if (key := row["occurrence_key"]) is not None],
        "catalog_key": [key for row in rows if (key := row["catalog_key"]) is not None],
        "pictures": [],
        "specimens": [],
        "known": True,
    }
    if not (await connection.execute(_NEAR, given)).first():  # as nearly always
        return 0
    return await regroup(connection, [UUID(str(row["id"])) for row in rows])


async def hold_pictures(
    connection: AsyncConnection, pictures: Sequence[str], ids: Sequence[UUID]
) -> bool:
    """Prepare to store that images `ids` have these bytes (sha256), perhaps as others have them.

    Where this returns True, `lock` is held and `regroup_pictures` must follow.
    """
    hold = text("SELECT pg_advisory_xact_lock(hashtextextended(:picture, 0))")
    await connection.execute(hold, [{"picture": each} for each in sorted(set(pictures))])
    given = {"pictures": list(pictures), "ids": list(ids)}
    concerned = bool((await connection.execute(_CONCERNED, given)).scalar_one())
    if concerned:
        await lock(connection)
    return concerned


async def regroup_pictures(
    connection: AsyncConnection, pictures: Sequence[str], ids: Sequence[UUID]
) -> None:
    """Show every specimen of these images once, and of those with the same bytes."""
    given = {"pictures": list(pictures), "ids": list(ids)}
    await regroup(connection, await connection.scalars(_OF_PICTURES, given))


async def merge_all(engine: AsyncEngine, progress: Progress | None = None) -> int:
    """Give every record its keys and show every specimen once; returns how many changed place."""
    changed, after, done = 0, UUID(int=0), 0
    async with engine.connect() as connection:
        total = (await connection.execute(text("SELECT count(*) FROM record"))).scalar_one()
    while True:
        async with engine.begin() as connection:
            await lock(connection)
            rows = (await connection.execute(_NEXT, {"after": after, "most": _BATCH})).all()
            if not rows:
                return changed
            keys = [{"id": row.id} | keys_of(row._asdict()) for row in rows]
            await connection.execute(_SET_KEYS, {"rows": json.dumps(keys, default=str)})
            changed += await regroup(connection, [row.id for row in rows])
        after, done = rows[-1].id, done + len(rows)
        if progress:
            progress(done, total)


async def unmerge_all(engine: AsyncEngine) -> int:
    """Show every record by itself again, until it changes; returns how many were merged."""
    async with engine.begin() as connection:
        await lock(connection)
        merged = select(record_image.c.image_id).where(record_image.c.merged).distinct()
        concerned = set(await connection.scalars(merged))
        folded = update(image).where(image.c.same_as.is_not(None)).values(same_as=None)
        concerned |= set(await connection.scalars(folded.returning(image.c.id)))
        await connection.execute(delete(record_image).where(record_image.c.merged))
        apart = update(record).where(record.c.specimen_id.is_not(None)).values(specimen_id=None)
        count = (await connection.execute(apart)).rowcount
        await facts.refresh(connection, sorted(concerned))
    return count


async def _near(
    connection: AsyncConnection, ids: Sequence[UUID], before: Keys, *, known: bool
) -> set[UUID]:
    """Records that share with `ids` what may make them one specimen, and those that are one now.

    `known`: also by keys that a dataset uses twice, as they may have told something before.
    """
    mine = (await connection.execute(_KEYS, {"ids": list(ids)})).one()
    return set(
        await connection.scalars(
            _NEAR,
            {
                "occurrence_key": [*before.occurrence, *mine.occurrence],
                "catalog_key": [*before.catalog, *mine.catalog],
                "pictures": mine.pictures,
                "specimens": mine.specimens,
                "known": known,
            },
        )
    )

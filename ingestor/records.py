"""Writes pages of records, images and what joins them; the same page twice changes nothing."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Table, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import facts, tables
from ingestor import merging
from ingestor.interpret import Batch, Columns
from ingestor.upsert import statement, upsert

_OURS = {"first_seen", "last_seen", "withdrawn_at", "retrieved_at", "created_at", "updated_at"}
_OURS |= {"specimen_id", "same_as"}
_FETCHED = {"width", "height", "bytes", "sha256", "phash", "state", "reason", "attempts"}
_FETCHED |= {"retry_at", "lease_until", "etag", "last_modified"}


def _columns(table: Table, without: set[str]) -> list[str]:
    return [c.name for c in table.columns if c.computed is None and c.name not in without]


_DATASETS = statement(
    tables.dataset, _columns(tables.dataset, _OURS), sets={"retrieved_at": "now()"}
)
_TAXA = statement(
    tables.taxon,
    _columns(tables.taxon, set()),
    sets={
        "common_names": "ARRAY(SELECT DISTINCT name FROM"
        " unnest(taxon.common_names || excluded.common_names) AS name ORDER BY name)"
    },
)
_RECORDS = statement(
    tables.record,
    _columns(tables.record, _OURS),
    sets={"last_seen": "now()", "withdrawn_at": "NULL"},
)
_IMAGES = statement(
    tables.image,
    _columns(tables.image, _OURS | _FETCHED),
    # An image that could not be had is due again when it lies elsewhere now, or beside us.
    sets={
        "state": "CASE WHEN image.state = 'ok' OR (image.fetch_url = excluded.fetch_url"
        " AND image.fetch_url LIKE 'http%') THEN image.state ELSE 'pending' END",
        **{
            mark: f"CASE WHEN image.fetch_url = excluded.fetch_url THEN image.{mark} END"
            for mark in ("etag", "last_modified")
        },
    },
)
_LINKS = statement(tables.record_image, ["record_id", "image_id", "position"])
_UNLINK = text(
    "DELETE FROM record_image WHERE record_id = ANY(:records)"
    " AND NOT merged AND (record_id, image_id) NOT IN (SELECT record_id, image_id FROM"
    " json_to_recordset(CAST(:rows AS json)) AS given(record_id uuid, image_id uuid))"
)
_REJECTIONS = statement(
    tables.rejection,
    ["dataset_id", "locator", "reason", "verbatim", "job_id"],
    sets={"at": "now()"},
)


async def write_datasets(connection: AsyncConnection, datasets: Sequence[Columns]) -> None:
    """Insert or refresh datasets."""
    await upsert(connection, _DATASETS, datasets)


async def write_batch(connection: AsyncConnection, batch: Batch, job: UUID) -> Counter[str]:
    """Write one page's rows; returns what happened, by the names of `ingestor.receipt`.

    Rows go in the order of their keys, so that two writers cannot lock each other out.
    """
    await merging.lock(connection)
    counts: Counter[str] = Counter()
    await upsert(connection, _TAXA, [batch.taxa[k] for k in sorted(batch.taxa, key=str)])
    known = await _known(connection, batch)
    fresh = [
        row | merging.keys_of(row)
        for own, row in sorted(batch.records.items(), key=_number)
        if own not in known or _stored(known[own]) != (row["content_hash"], row["interpreter"])
    ]
    unchanged = [
        own for own, row in known.items() if row.content_hash == batch.records[own]["content_hash"]
    ]
    await upsert(connection, _RECORDS, fresh)
    await _touch(connection, sorted(set(batch.records) - {row["id"] for row in fresh}))
    counts["new"] = sum(own not in known for own in batch.records)
    counts["unchanged"] = len(unchanged)
    counts["changed"] = len(known) - len(unchanged)
    images = [row for _, row in sorted(batch.images.items(), key=_number)]
    counts["images_new"], _ = await upsert(connection, _IMAGES, images)
    counts["images_linked"] = len(batch.links)
    before = await _images_of(connection, list(known))
    relinked = await _link(connection, batch, known)
    if known or counts["images_new"] < len(images):
        await _regroup(connection, batch, fresh, known, relinked=relinked)
    else:
        await merging.regroup_new(connection, fresh)
    await facts.refresh(connection, sorted(before | set(batch.images)))
    rejected = [row | {"job_id": job} for _, row in sorted(batch.rejections.items())]
    await upsert(connection, _REJECTIONS, rejected)
    counts.update(f"rejected: {in_general(str(row['reason']))}" for row in rejected)
    return counts


def _stored(row: Any) -> tuple[str, int]:
    return row.content_hash, row.interpreter


def _number(item: tuple[UUID, Columns]) -> int:
    return item[0].int  # compares faster than the UUID, in the same order


def _numbers(item: tuple[tuple[UUID, UUID], int]) -> tuple[int, int]:
    record, image = item[0]
    return record.int, image.int


def in_general(reason: str) -> str:
    """Return the reason without what is particular to one row, for counting."""
    return re.sub(r"\d[\d,.]*", "…", reason.split(": ")[0])


async def _images_of(connection: AsyncConnection, records: Sequence[UUID]) -> set[UUID]:
    if not records:
        return set()
    links = tables.record_image
    found = await connection.scalars(select(links.c.image_id).where(links.c.record_id.in_(records)))
    return set(found)


async def _known(connection: AsyncConnection, batch: Batch) -> Mapping[UUID, Any]:
    columns = tables.record.c
    found = await connection.execute(
        select(
            columns.id,
            columns.content_hash,
            columns.interpreter,
            columns.occurrence_key,
            columns.catalog_key,
            columns.withdrawn_at,
        ).where(columns.id.in_(batch.records))
    )
    return {row.id: row for row in found}


async def _regroup(
    connection: AsyncConnection,
    batch: Batch,
    fresh: Sequence[Columns],
    known: Mapping[UUID, Any],
    *,
    relinked: bool,
) -> None:
    """Show every specimen of the records once that are new, changed or back."""
    back = {own for own, row in known.items() if row.withdrawn_at is not None}
    concerned = set(batch.records) if relinked else back | {UUID(str(row["id"])) for row in fresh}
    before = merging.Keys(
        frozenset(row.occurrence_key for row in known.values() if row.occurrence_key is not None),
        frozenset(row.catalog_key for row in known.values() if row.catalog_key is not None),
    )
    await merging.regroup(connection, concerned, before)


async def _touch(connection: AsyncConnection, unchanged: Sequence[UUID]) -> None:
    record = tables.record
    if unchanged:
        await connection.execute(
            update(record)
            .where(record.c.id.in_(unchanged))
            .values(last_seen=func.now(), withdrawn_at=None)
        )


async def _link(connection: AsyncConnection, batch: Batch, known: Mapping[UUID, Any]) -> bool:
    """Make the records' images exactly those of the batch; returns whether they were others."""
    rows = [
        {"record_id": record, "image_id": image, "position": position}
        for (record, image), position in sorted(batch.links.items(), key=_numbers)
    ]
    gone = 0
    if known:
        old = json.dumps([row for row in rows if row["record_id"] in known], default=str)
        found = await connection.execute(_UNLINK, {"records": list(known), "rows": old})
        gone = found.rowcount
    return any(await upsert(connection, _LINKS, rows)) or gone > 0


async def withdraw_unseen(connection: AsyncConnection, job: UUID) -> int:
    """Mark what earlier runs over the same archive saw last and this one did not see.

    A record that another archive of the same source has shown since is left alone.
    """
    await merging.lock(connection)
    result = await connection.execute(
        text(
            "UPDATE record SET withdrawn_at = now() FROM job AS this"
            " WHERE this.id = :job AND withdrawn_at IS NULL AND last_seen < this.started_at"
            " AND record.source = this.args->>'source' AND EXISTS (SELECT FROM job AS earlier"
            "  WHERE earlier.kind = 'ingest' AND earlier.id <> this.id"
            "  AND earlier.args->>'source' = this.args->>'source'"
            "  AND earlier.args->>'key' = this.args->>'key'"
            "  AND last_seen BETWEEN earlier.started_at"
            "   AND coalesce(earlier.finished_at, earlier.updated_at)) RETURNING record.id"
        ),
        {"job": job},
    )
    withdrawn = list(result.scalars())
    await merging.regroup(connection, withdrawn)
    await facts.refresh(connection, sorted(await _images_of(connection, withdrawn)))
    return len(withdrawn)


async def forget_old_rejections(connection: AsyncConnection, job: UUID) -> None:
    """Remove what earlier runs over the same archive rejected and this one did not."""
    await connection.execute(
        text(
            "DELETE FROM rejection USING job AS earlier, job AS this"
            " WHERE this.id = :job AND earlier.id = rejection.job_id AND earlier.id <> this.id"
            " AND earlier.kind = 'ingest' AND earlier.args->>'source' = this.args->>'source'"
            " AND earlier.args->>'key' = this.args->>'key'"
        ),
        {"job": job},
    )

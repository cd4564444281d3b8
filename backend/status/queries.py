"""SQL that counts how far things are."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.partitions import partition_name

REASONS = 30
_IMAGES = text(
    "SELECT state, count(*) AS images, count(*) FILTER (WHERE host IS NULL OR licence = ANY(:open))"
    " AS shown FROM image GROUP BY state"
)
_RECORDS = text("SELECT count(*) FROM record WHERE withdrawn_at IS NULL AND specimen_id IS NULL")
_DEFAULT = text("SELECT id, embed_version, index_kind FROM embed_version WHERE is_default")
_LICENCES = text("SELECT DISTINCT licence FROM image WHERE licence IS NOT NULL")
_JOBS = text(
    "SELECT count(*) FILTER (WHERE state = 'running') AS running,"
    " count(*) FILTER (WHERE state = 'queued') AS queued"
    " FROM job WHERE state IN ('queued', 'running') AND parent_id IS NULL"
)
_LISTENING = text(
    "SELECT EXISTS (SELECT FROM procrastinate.procrastinate_workers"
    " WHERE last_heartbeat > now() - interval '1 minute')"
)
_HOSTS = text(
    "SELECT host.*, greatest(extract(epoch FROM cooldown_until - now()), 0) AS rest,"
    " coalesce(due.waiting, 0) AS waiting FROM host LEFT JOIN (SELECT host AS name, count(*)"
    "  AS waiting FROM image WHERE state IN ('pending', 'leased', 'retry') GROUP BY host) AS due"
    " USING (name) ORDER BY waiting DESC, requests DESC, name LIMIT 200"
)
_REASONS = text(  # without what is particular to one image
    "SELECT host, state, regexp_replace(split_part(reason, ': ', 1), '[0-9][0-9,.]*', '…', 'g')"
    " AS reason, count(*) AS count, min(fetch_url) AS sample FROM image"
    " WHERE reason IS NOT NULL AND state <> 'ok' GROUP BY 1, 2, 3"
    f" ORDER BY count DESC, host, state, reason LIMIT {REASONS}"
)
_DATASETS = text(
    "SELECT dataset.id, title, source, publisher, licence, doi, url, retrieved_at,"
    " coalesce(r.records, 0) AS records,"
    " coalesce(i.images, 0) AS images, coalesce(i.ok, 0) AS ok,"
    " coalesce(i.waiting, 0) AS waiting, coalesce(i.missing, 0) AS missing FROM dataset"
    " LEFT JOIN (SELECT dataset_id, count(*) AS records FROM record WHERE withdrawn_at IS NULL"
    "  GROUP BY 1) AS r ON r.dataset_id = dataset.id"
    " LEFT JOIN (SELECT dataset_id, count(*) AS images,"
    "  count(*) FILTER (WHERE state = 'ok') AS ok,"
    "  count(*) FILTER (WHERE state IN ('pending', 'leased', 'retry')) AS waiting,"
    "  count(*) FILTER (WHERE state IN ('gone', 'blocked', 'invalid')) AS missing"
    "  FROM image GROUP BY 1) AS i ON i.dataset_id = dataset.id"
    " ORDER BY images DESC, title, dataset.id LIMIT 500"
)
_VERSIONS = text("SELECT id, embed_version FROM embed_version WHERE state <> 'retired' ORDER BY id")
_EMBEDDED = (
    "SELECT dataset_id, count(*) AS embedded FROM {table} AS e"
    " JOIN image ON image.id = e.image_id GROUP BY 1"
)


async def licences(conn: AsyncConnection) -> list[str]:
    """Every licence that images have."""
    return list(await conn.scalars(_LICENCES))


async def images(conn: AsyncConnection, open_licences: Sequence[str]) -> Sequence[Row[Any]]:
    """state, images, shown: how many there are, and how many of them may be shown."""
    return (await conn.execute(_IMAGES, {"open": list(open_licences)})).all()


async def records(conn: AsyncConnection) -> int:
    """Records that are shown."""
    return int((await conn.execute(_RECORDS)).scalar_one())


async def default_version(conn: AsyncConnection) -> tuple[str, str, int, int] | None:
    """Name and kind of index of the default version, images embedded, images on its atlas."""
    row = (await conn.execute(_DEFAULT)).one_or_none()
    if row is None:
        return None
    table = partition_name(row.id)
    embedded = await conn.scalar(text(f"SELECT count(*) FROM {table}"))
    placed = text("SELECT count(*) FROM projection WHERE version_id = :id")
    on_atlas = await conn.scalar(placed, {"id": row.id})
    return row.embed_version, row.index_kind, int(embedded or 0), int(on_atlas or 0)


async def jobs(conn: AsyncConnection) -> tuple[int, int]:
    """Jobs that run, and that wait."""
    row = (await conn.execute(_JOBS)).one()
    return row.running, row.queued


async def listening(conn: AsyncConnection) -> bool:
    """Whether a worker gave a sign of life within the last minute."""
    return bool(await conn.scalar(_LISTENING))


async def hosts(conn: AsyncConnection) -> Sequence[Row[Any]]:
    """Columns of `host`, with rest (seconds until it may be asked) and waiting (images)."""
    return (await conn.execute(_HOSTS)).all()


async def reasons(conn: AsyncConnection) -> Sequence[Row[Any]]:
    """host, state, reason, count, sample; the most frequent first."""
    return (await conn.execute(_REASONS)).all()


async def datasets(conn: AsyncConnection) -> Sequence[Row[Any]]:
    """Datasets with their records and images by state."""
    return (await conn.execute(_DATASETS)).all()


async def embedded(conn: AsyncConnection) -> dict[str, dict[Any, int]]:
    """Images with a vector by dataset, for each version that is not retired."""
    found: dict[str, dict[Any, int]] = {}
    for version in (await conn.execute(_VERSIONS)).all():
        query = text(_EMBEDDED.format(table=partition_name(version.id)))
        counted = await conn.execute(query)
        found[version.embed_version] = {row.dataset_id: row.embedded for row in counted}
    return found

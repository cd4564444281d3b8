"""Which images are due, who works on them, and what came of it: `image.state`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import licences
from core.db.engine import autocommit

LEASE_MINUTES = 10
_LOCK = 0x70696373  # "pics": held, shared, by every process that fetches
_LOST = "('gone', 'blocked', 'invalid')"
_OPEN = "state IN ('pending', 'leased', 'retry') AND same_as IS NULL"
# What another image is shown for is not fetched too.
_DUE = (
    f"{_OPEN} AND (state = 'pending' OR (state = 'retry' AND retry_at <= now())"
    " OR (state = 'leased' AND lease_until < now()))"
)
_LOOPBACK = r"^(localhost|127\.[0-9.]+|\[::1\])(:|$)"
_LEASE = (
    "UPDATE image SET state = 'leased', attempts = attempts + 1, updated_at = now(),"
    f" lease_until = now() + interval '{LEASE_MINUTES} minutes' WHERE id IN"
    " (SELECT id FROM image WHERE {wanted} FOR UPDATE SKIP LOCKED)"
    " RETURNING id, fetch_url, attempts, licence, reason,"
    " CASE WHEN sha256 IS NULL THEN etag END AS etag,"
    " CASE WHEN sha256 IS NULL THEN last_modified END AS last_modified"
)
_LEASE_LOCAL = text(_LEASE.format(wanted=f"{_DUE} AND host IS NULL LIMIT :count"))
_LEASE_OF_HOST = text(
    _LEASE.format(
        # backwards through the index: first what was never tried
        wanted=f"{_DUE} AND host = :host ORDER BY host DESC, retry_at DESC NULLS FIRST LIMIT 1"
    )
)
_PICTURE = ("width", "height", "bytes", "sha256", "phash", "state", "reason")
_SHARE = text(
    f"UPDATE image SET {', '.join(f'{name} = shown.{name}' for name in _PICTURE)},"
    " retry_at = NULL, lease_until = NULL, updated_at = now() FROM image AS shown"
    " WHERE image.same_as = shown.id AND (:all OR shown.id = ANY(:ids))"
    " AND image.state IN ('pending', 'retry') AND (shown.state = 'ok' OR"
    f" (shown.state IN {_LOST} AND shown.fetch_url = image.fetch_url))"
    " RETURNING image.licence, image.sha256"
)


@dataclass(frozen=True, slots=True)
class Leased:
    """An image that is ours to fetch for a while."""

    id: UUID
    fetch_url: str
    attempts: int
    """This one included."""
    licence: str | None
    """Code of `core.licences`."""
    reason: str | None = None
    """Why it could not be had before."""
    marks: tuple[str | None, str | None] = (None, None)
    """ETag and Last-Modified of an answer that was of no use: the same need not be sent again."""

    @property
    def remote(self) -> bool:
        """Whether it is a link."""
        return self.fetch_url.lower().startswith(("http://", "https://"))

    @property
    def private(self) -> bool:
        """Whether a copy may be worked on but not shown."""
        return self.remote and not licences.describe(self.licence).allows_copy


@dataclass(frozen=True, slots=True)
class Shared:
    """A picture that an image has by another one's having been fetched."""

    licence: str | None
    """The image's own: what it allows, the other's may not."""
    sha256: str


@asynccontextmanager
async def fetching(engine: AsyncEngine) -> AsyncIterator[None]:
    """Take part in fetching; where nobody else does, leases that were left behind are void."""
    key = {"key": _LOCK}
    async with autocommit(engine) as connection:
        asked = await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key)
        alone = bool(asked.scalar_one())
        if alone:
            await connection.execute(
                text("UPDATE image SET state = 'pending' WHERE state = 'leased'")
            )
        await connection.execute(text("SELECT pg_advisory_lock_shared(:key)"), key)
        if alone:
            await connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)
        try:
            yield
        finally:
            await connection.execute(text("SELECT pg_advisory_unlock_shared(:key)"), key)


async def lease_local(connection: AsyncConnection, count: int) -> list[Leased]:
    """Take up to `count` images of this machine that are due and that nobody else works on."""
    found = await connection.execute(_LEASE_LOCAL, {"count": count})
    return [_leased(row) for row in found]


async def lease_of_host(connection: AsyncConnection, host: str) -> Leased | None:
    """Take an image of a host that is due and that nobody else works on."""
    row = (await connection.execute(_LEASE_OF_HOST, {"host": host})).one_or_none()
    return _leased(row) if row else None


def _leased(row: Row[Any]) -> Leased:
    marks = row.etag, row.last_modified
    return Leased(row.id, row.fetch_url, row.attempts, row.licence, row.reason, marks)


async def settle(connection: AsyncConnection, results: Sequence[Mapping[str, object]]) -> None:
    """Store results (all with the same keys) and end the leases; `wait` is seconds or None."""
    names = [name for name in results[0] if name not in {"id", "wait"}]
    sets = "".join(f"{name} = :{name}, " for name in names)
    await connection.execute(
        text(
            f"UPDATE image SET {sets} lease_until = NULL, updated_at = now(),"
            " retry_at = now() + CAST(:wait AS float) * interval '1 second' WHERE id = :id"
        ),
        list(results),
    )


async def share(connection: AsyncConnection, shown: Sequence[UUID] | None = None) -> list[Shared]:
    """Give what came of images `shown` (None: all) to those that they are shown for.

    They are the same picture: had once, all have it; gone from a link, it is gone for all that have
    that link. Returns the pictures that were given.
    """
    given = {"ids": list(shown or ()), "all": shown is None}
    found = await connection.execute(_SHARE, given)
    return [Shared(row.licence, row.sha256) for row in found if row.sha256]


async def eclipsed(connection: AsyncConnection, most: int) -> list[UUID]:
    """Return images that cannot be had and are shown for others that perhaps can be."""
    statement = text(
        "SELECT DISTINCT shown.id FROM image JOIN image AS shown ON shown.id = image.same_as"
        f" WHERE image.state IN ('pending', 'retry') AND shown.state IN {_LOST} LIMIT :most"
    )
    return list((await connection.execute(statement, {"most": most})).scalars())


async def due(connection: AsyncConnection, *, remote: bool) -> int:
    """Return how many images are due."""
    statement = text(f"SELECT count(*) FROM image WHERE {_DUE} AND (host IS NOT NULL) = :remote")
    return int((await connection.execute(statement, {"remote": remote})).scalar_one())


async def on_other_hosts(connection: AsyncConnection) -> bool:
    """Whether an image is due that does not lie on this machine."""
    statement = text(f"SELECT EXISTS (SELECT FROM image WHERE {_DUE} AND host !~ :loopback)")
    return bool((await connection.execute(statement, {"loopback": _LOOPBACK})).scalar_one())


async def hosts(connection: AsyncConnection, *, new: bool = False) -> list[str]:
    """Return the hosts of images that are still to be had; `new`: those without a row of `host`."""
    unknown = "AND NOT EXISTS (SELECT FROM host WHERE name = image.host)" if new else ""
    statement = f"SELECT DISTINCT host FROM image WHERE {_OPEN} AND host IS NOT NULL {unknown}"
    return list((await connection.execute(text(statement))).scalars())


async def due_hosts(connection: AsyncConnection, most: int) -> list[str]:
    """Return hosts that may be asked and have images that are due; the longest idle come first."""
    statement = text(
        "SELECT name FROM host WHERE coalesce(cooldown_until, '-infinity') <= now()"
        f" AND EXISTS (SELECT FROM image WHERE host = name AND {_DUE})"
        " ORDER BY next_request_at NULLS FIRST LIMIT :most"
    )
    return list((await connection.execute(statement, {"most": most})).scalars())


async def next_due(connection: AsyncConnection) -> float | None:
    """Return in how many seconds an image of a host may be asked for; None where none is left."""
    statement = text(
        "SELECT extract(epoch FROM min(greatest(cooldown_until, CASE WHEN"
        f" EXISTS (SELECT FROM image WHERE host = name AND state = 'pending' AND {_OPEN})"
        " THEN now() ELSE (SELECT min(retry_at) FROM image WHERE host = name"
        f"  AND state = 'retry' AND {_OPEN}) END)) - now())"
        f" FROM host WHERE EXISTS (SELECT FROM image WHERE host = name AND {_OPEN}"
        " AND state <> 'leased')"
    )
    seconds = (await connection.execute(statement)).scalar_one()
    return None if seconds is None else float(seconds)


async def give_up(connection: AsyncConnection, host: str, reason: str) -> None:
    """End all that is still to be had of a host."""
    await connection.execute(
        text(
            "UPDATE image SET state = 'blocked', reason = :reason, lease_until = NULL,"
            f" updated_at = now() WHERE host = :host AND {_OPEN} AND state <> 'leased'"
        ),
        {"host": host, "reason": reason},
    )

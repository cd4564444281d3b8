"""Which images are due, who works on them, and what came of it: `image.state`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

LEASE_MINUTES = 10
_LOCK = 0x70696373  # "pics": held, shared, by every process that fetches
_DUE = (
    "(state = 'pending' OR (state = 'retry' AND retry_at <= now())"
    " OR (state = 'leased' AND lease_until < now()))"
    " AND (fetch_url LIKE 'http%') = :remote"
)
_OTHER_HOST = r"^https?://(?!(localhost|127\.[0-9.]+|\[::1\])([:/]|$))"


@dataclass(frozen=True, slots=True)
class Leased:
    """An image that is ours to fetch for a while."""

    id: UUID
    fetch_url: str
    attempts: int
    """This one included."""


@asynccontextmanager
async def fetching(engine: AsyncEngine) -> AsyncIterator[None]:
    """Take part in fetching; where nobody else does, leases that were left behind are void."""
    key = {"key": _LOCK}
    async with engine.connect() as connection:
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
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


async def lease(connection: AsyncConnection, count: int, *, remote: bool) -> list[Leased]:
    """Take up to `count` images that are due and that nobody else works on."""
    found = await connection.execute(
        text(
            "UPDATE image SET state = 'leased', attempts = attempts + 1, updated_at = now(),"
            f" lease_until = now() + interval '{LEASE_MINUTES} minutes'"
            f" WHERE id IN (SELECT id FROM image WHERE {_DUE} LIMIT :count"
            " FOR UPDATE SKIP LOCKED) RETURNING id, fetch_url, attempts"
        ),
        {"count": count, "remote": remote},
    )
    return [Leased(row.id, row.fetch_url, row.attempts) for row in found]


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


async def due(connection: AsyncConnection, *, remote: bool) -> int:
    """Return how many images are due."""
    statement = text(f"SELECT count(*) FROM image WHERE {_DUE}")
    return int((await connection.execute(statement, {"remote": remote})).scalar_one())


async def on_other_hosts(connection: AsyncConnection) -> bool:
    """Whether an image is due that does not lie on this machine."""
    statement = text(f"SELECT EXISTS (SELECT FROM image WHERE {_DUE} AND fetch_url ~* :other)")
    found = await connection.execute(statement, {"remote": True, "other": _OTHER_HOST})
    return bool(found.scalar_one())


async def next_retry(connection: AsyncConnection) -> float | None:
    """Return in how many seconds the next image is due again."""
    statement = text(
        "SELECT extract(epoch FROM min(retry_at) - now()) FROM image WHERE state = 'retry'"
    )
    seconds = (await connection.execute(statement)).scalar_one()
    return None if seconds is None else float(seconds)

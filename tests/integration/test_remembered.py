from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.remembered import Remembered

DATASET = "INSERT INTO dataset (id, source, key, title) SELECT gen_random_uuid(), 't', 'k', 't'"
JOB = "INSERT INTO job (id, kind, label) SELECT gen_random_uuid(), 't', 't'"


async def add(engine: AsyncEngine, statement: str) -> None:
    """Insert, and have the statistics told of it with the commit."""
    async with engine.begin() as conn:
        await conn.execute(text("SELECT pg_stat_force_next_flush()"))
        await conn.execute(text(statement))


async def test_an_answer_is_kept_until_its_tables_change(engine: AsyncEngine) -> None:
    made: list[int] = []
    kept = Remembered[int]("dataset", "record")

    async def count() -> int:
        made.append(len(made))
        return len(made)

    async def ask() -> int:
        async with engine.connect() as conn:
            return await kept.get(conn, count)

    assert [await ask(), await ask()] == [1, 1]
    await add(engine, DATASET)
    assert [await ask(), await ask()] == [2, 2]
    await add(engine, JOB)
    assert await ask() == 2
    assert made == [0, 1]

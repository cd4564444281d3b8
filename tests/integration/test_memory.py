"""The memory engine finds what the database finds, and keeps in step with it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from uuid import UUID

import httpx
import numpy as np
import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.app import create_app
from core import versions
from core.counting import Counting
from core.db import facts, statements
from core.db.conditions import Where
from core.db.partitions import partition_name
from core.db.tables import record
from core.errors import InvalidSetting
from core.filters import Choice, Filters
from core.memory import MemoryEngine
from core.rounded import _rotation
from core.vectors import After, copy_vectors, nearest, nearest_exact, unit
from core.versions import Version
from ingestor.index import build_index
from tests.api import Museum
from tests.integration.collection import add_images, best, spec, vectors
from tests.integration.test_filters import Collection, some_filters

pytest_plugins = ("tests.api_fixtures",)


@pytest.fixture
async def memory(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MemoryEngine]:
    """Used however few rows there are, in segments that small collections fill."""
    monkeypatch.setattr("core.memory.MEMORY_ROWS", 0)
    monkeypatch.setattr("core.memory.SEGMENT", 100)
    monkeypatch.setattr("core.memory.READ", 70)
    made = MemoryEngine(64, Counting())
    yield made
    made.close()


async def stored(engine: AsyncEngine, name: str, ids: list[UUID], rows: np.ndarray) -> Version:
    async with engine.begin() as conn:
        made = await versions.ensure(conn, name, spec(rows.shape[1]))
        await copy_vectors(conn, made, ids, rows)
        return await versions.set_state(conn, name, "ready")


async def until(engine: AsyncEngine, memory: MemoryEngine, reached: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not reached():
            async with engine.connect() as conn:
                await memory.step(conn)
            await asyncio.sleep(0.05)


async def test_it_finds_what_the_database_finds_under_any_filter(
    engine: AsyncEngine, memory: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, asked_of_sql = Collection(350, seed=8), []
    by_sql = statements.ids

    def undecided(version_id: int, where: str, *, beside: bool = False) -> str:
        asked_of_sql.append(where)
        return by_sql(version_id, where, beside=beside)

    async with engine.begin() as conn:
        await made.store(conn)
        await facts.refresh(conn, list(made.images))
    version = await stored(engine, "v", list(made.images), vectors(350, 64))
    async with engine.begin() as conn:
        await made.place(conn, version)
    await until(engine, memory, lambda: memory.rows(version) == 350)
    assert len(memory._held[version.id].segments) == 3
    chance = random.Random(3)
    async with engine.connect() as conn:
        for n, query in enumerate(vectors(160, 64, seed=2)):
            if n == 80:  # from here on filters are decided without the database, where they can be
                assert memory._counting
                await memory._counting.census(conn, version)
                memory._held[version.id].passing.clear()
                monkeypatch.setattr(statements, "ids", undecided)
            filters = some_filters(chance) if n else Filters()
            asked, k = unit(version.id, query), chance.choice([1, 10, 400])
            found = await nearest(conn, version, asked, k, filters, memory=memory)
            truth = await nearest_exact(conn, version, asked, k, Where(filters))
            assert found.path == "memory"
            assert (found.rows, found.compared, found.recall) == (truth.rows, truth.rows, 1.0)
            assert [hit.image_id for hit in found.hits] == [hit.image_id for hit in truth.hits]
            np.testing.assert_allclose(
                [hit.score for hit in found.hits], [hit.score for hit in truth.hits], atol=1e-6
            )
    assert 5 < len(asked_of_sql) < 60


async def test_bytes_lose_nothing_that_is_among_the_best(
    engine: AsyncEngine, memory: MemoryEngine
) -> None:
    """Thousands as close as rounding is coarse, and vectors that lie along one axis."""
    rows = vectors(1, 64) + 0.02 * vectors(2000, 64, seed=5)
    rows[:20] = _rotation(64).T[:20]  # turned they are all in one number, far beyond its reach
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    async with engine.begin() as conn:
        ids = await add_images(conn, 2000)
    version = await stored(engine, "v", ids, rows)
    await until(engine, memory, lambda: memory.rows(version) == 2000)
    async with engine.connect() as conn:
        for query in (*rows[:3], *rows[-3:], *vectors(3, 64, seed=6)):
            asked = unit(version.id, query)
            found = await nearest(conn, version, asked, 10, memory=memory)
            truth = await nearest_exact(conn, version, asked, 10)
            assert found.path == "memory"
            assert [hit.score for hit in found.hits] == [hit.score for hit in truth.hits]


async def test_it_follows_what_comes_changes_and_goes(
    engine: AsyncEngine, memory: MemoryEngine
) -> None:
    made = Collection(250, seed=9)
    ids, rows = list(made.images), vectors(250, 16)
    async with engine.begin() as conn:
        await made.store(conn)
    version = await stored(engine, "v", ids[:120], rows[:120])
    query = rows[200]

    async def found(filters: Filters = Filters()) -> set[UUID]:  # noqa: B008
        async with engine.connect() as conn:
            asked = unit(version.id, query)
            nearby = await nearest(conn, version, asked, 300, filters, memory=memory)
        assert nearby.path == "memory"
        return {hit.image_id for hit in nearby.hits}

    await until(engine, memory, lambda: memory.rows(version) == 120)
    assert await found() == set(ids[:120])
    await stored(engine, "v", ids, rows)
    await until(engine, memory, lambda: memory.rows(version) == 250)
    assert await found() == set(ids)
    zealand = Filters(country=Choice(("NZ",)))
    assert await found(zealand) == set()
    async with engine.begin() as conn:
        await conn.execute(update(record).values(country_code="NZ"))
        await facts.refresh(conn, ids)
    assert await found(zealand) == set()  # remembered until it looks for changes
    before = memory._held[version.id]
    await until(engine, memory, lambda: memory._held[version.id] is not before)
    assert await found(zealand) == {own for own in ids if made.current(own)}
    async with engine.begin() as conn:
        await facts.settle(conn, changing=True)
        await conn.execute(
            text(f"DELETE FROM {partition_name(version.id)} WHERE image_id = ANY(:ids)"),
            {"ids": ids[100:230]},
        )
        gone = {"ids": ids[:5]}
        await conn.execute(text("UPDATE image SET state = 'gone' WHERE id = ANY(:ids)"), gone)
    assert not await found() & set(gone["ids"])  # at once: the database is asked what can be shown
    await until(engine, memory, lambda: memory.rows(version) == 120)
    assert await found() == set(ids[5:100]) | set(ids[230:])
    await stored(engine, "w", ids[:3], rows[:3])
    async with engine.begin() as conn:
        await versions.set_default(conn, "w")
        await versions.retire(conn, "v")
    await until(engine, memory, lambda: not memory.holds(version))


async def test_what_does_not_fit_is_searched_in_the_database(
    engine: AsyncEngine, memory: MemoryEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 600)
    small = MemoryEngine(1)
    rows = vectors(600, 2048)
    fits = await stored(engine, "small", ids, vectors(600, 64))
    large = await stored(engine, "large", ids, rows)
    for _ in range(2):
        async with engine.connect() as conn:
            await small.step(conn)
    assert small.holds(fits)
    assert not small.holds(large)
    assert caplog.text.count("large needs 2 MB and stays out") == 1
    async with engine.connect() as conn:
        found = await nearest(conn, large, unit(large.id, rows[7]), 5, memory=small)
    assert found.path == "exact"
    assert [hit.image_id for hit in found.hits] == best(rows, rows[7], ids, 5)
    small.close()


async def test_a_version_of_thousands_is_answered_here_however_few_pass(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images that have no vector in it count for nothing, though their facts are known."""
    monkeypatch.setattr("core.memory.MEMORY_ROWS", 280)
    made = Collection(300, seed=4)
    async with engine.begin() as conn:
        await made.store(conn)
        await facts.refresh(conn, list(made.images))
    rows, memory = vectors(280, 8), MemoryEngine(8)
    version = await stored(engine, "v", list(made.images)[:280], rows)
    async with engine.connect() as conn:
        await memory.step(conn)
        for filters in (Filters(country=Choice(("BR",))), Filters(country=Choice(("XX",)))):
            asked = unit(version.id, rows[0])
            found = await nearest(conn, version, asked, 3, filters, memory=memory)
            truth = await nearest_exact(conn, version, asked, 3, Where(filters))
            assert found.path == "memory"
            assert found.rows == truth.rows
            assert [hit.image_id for hit in found.hits] == [hit.image_id for hit in truth.hits]
    memory.close()


async def test_pictures_are_asked_of_an_index_that_is_known_to_find_them(
    engine: AsyncEngine, memory: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.planner.EXACT_ROWS", 0)
    async with engine.begin() as conn:
        ids = await add_images(conn, 1000)
    version = await stored(engine, "v", ids, vectors(1000, 16))
    built = await build_index(engine, "v", "ivfflat")
    sure = [1.0, 1.0, 1.0]
    measured = {"image": [[1, *sure]], "text": [[50, *sure]]}
    built = replace(built, index_params={**built.index_params, "recall": measured})
    await until(engine, memory, lambda: memory.rows(version) == 1000)
    paths = {}
    async with engine.connect() as conn:
        for name, modality, filters in (
            ("pictures", "image", Filters()),
            ("words, for which it compares half of all", "text", Filters()),
            ("narrowed", "image", Filters(coordinates=False)),
        ):
            asked = unit(version.id, np.ones(16))
            found = await nearest(conn, built, asked, 5, filters, modality=modality, memory=memory)
            paths[name] = found.path
        late = After(0.5, frozenset(), 5)
        found = await nearest(conn, built, asked, 5, modality="image", memory=memory, after=late)
    assert [*paths.values(), found.path] == ["ivfflat", "memory", "memory", "memory"]


async def test_few_rows_are_left_to_the_database(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 20)
    memory, rows = MemoryEngine(8), vectors(20, 8)
    version = await stored(engine, "v", ids, rows)
    async with engine.connect() as conn:
        await memory.step(conn)
        found = await nearest(conn, version, unit(version.id, rows[0]), 3, memory=memory)
    assert memory.holds(version)
    assert found.path == "exact"
    memory.close()


def test_without_faiss_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(InvalidSetting, match="pip install faiss-cpu"):
        MemoryEngine(10)


async def test_the_api_says_that_memory_answered(
    museum: Museum, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.memory.MEMORY_ROWS", 0)
    app = create_app(museum.settings.model_copy(update={"memory_engine_mb": 16}), museum.url)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://m") as client,
    ):
        async with asyncio.timeout(15):
            while len(app.state.services.memory._held) < 2:
                await asyncio.sleep(0.05)
        asked = {"q": "wings", "taxon": "Papilio rubra"}
        answer = (await client.get("/api/v1/search", params=asked)).json()
        unfiltered = (await client.get("/api/v1/search", params={"q": "wings"})).json()
    assert (answer["path"], answer["total"], answer["expected_recall"]) == ("memory", 3, 1.0)
    names = {hit["record"]["canonical_name"] for hit in answer["hits"]}
    assert names == {"Papilio rubra"}
    assert (unfiltered["path"], len(unfiltered["hits"])) == ("memory", 11)

"""One index after another, while searches and inserts go on; killed, and called again."""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from core import versions
from core.db import partitions
from core.db.engine import autocommit
from core.errors import InvalidSetting
from core.vectors import copy_vectors, nearest, unit
from core.versions import Version
from ingestor.index import build_index
from tests.integration.collection import add_images, best, spec, vectors

ROWS, DIM = 6000, 32
QUERIES = 200
"""So many that a mean of what they find lies within 0.01 of what is found of any."""


@pytest.fixture
async def filled(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> AsyncEngine:
    """A version "v" of `ROWS` vectors, so many that the planner turns to an index."""
    monkeypatch.setattr("core.planner.EXACT_ROWS", 200)
    monkeypatch.setattr("core.planner.EXACT_VALUES", 500)
    async with engine.begin() as conn:
        ids = await add_images(conn, ROWS)
        made = await versions.ensure(conn, "v", spec(DIM))
        await copy_vectors(conn, made, ids, vectors(ROWS, DIM))
    return engine


async def names(_: Version) -> Callable[[list[str]], np.ndarray]:
    return lambda texts: vectors(len(texts), DIM, seed=9)


async def indexes(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as conn:
        found = await conn.scalars(
            text("SELECT indexname FROM pg_indexes WHERE indexname LIKE '%\\_ann%' ORDER BY 1")
        )
        return list(found)


async def while_it_goes_on(
    engine: AsyncEngine, change: Callable[[list[tuple[str, float]]], Awaitable[None]]
) -> list[tuple[str, float]]:
    """Path and recall of searches that never stop meanwhile, each as its own transaction.

    `change` sees them come.
    """
    queries = vectors(QUERIES, DIM)  # around the centres of what is stored, yet none of it
    async with engine.connect() as conn:
        rows = (await conn.execute(text("SELECT image_id, vector::real[] FROM embedding"))).all()
    stored, ids = np.array([r[1] for r in rows], np.float32), [r[0] for r in rows]
    truth = [set(best(stored, query, ids, 10)) for query in queries]
    seen: list[tuple[str, float]] = []
    over = asyncio.Event()

    async def search() -> None:
        number = 0
        while not over.is_set() or number % len(queries):
            async with engine.begin() as conn:
                version = await versions.get(conn)  # what it says may be old when it is used
                await asyncio.sleep(0)
                query = unit(version.id, queries[number % len(queries)])
                found = await nearest(conn, version, query, 10, modality="image")
            hits = {hit.image_id for hit in found.hits}
            seen.append((found.path, len(hits & truth[number % len(queries)]) / 10))
            number += 1

    searching = [asyncio.create_task(search()) for _ in range(2)]
    try:
        await change(seen)
    finally:
        over.set()
        await asyncio.gather(*searching)
    return seen


@pytest.mark.slow
async def test_searches_never_notice(filled: AsyncEngine) -> None:
    said: list[str] = []

    async def change(seen: list[tuple[str, float]]) -> None:
        for kind, params in (
            ("hnsw", None), ("ivfflat", None), ("ivfflat", {"lists": 1500}), ("hnsw", {"m": 8}),
            ("exact", None), ("ivfflat", None),
        ):  # fmt: skip
            built = await build_index(
                filled, "v", kind, params=params, encoder=names,  # type: ignore[arg-type]
                progress=lambda phase, _: said.append(phase),
            )  # fmt: skip
            assert built.index_kind == kind
            assert (params or {}).items() <= built.index_params.items()
            enough = len(seen) + 2 * QUERIES  # two search: each asks all of its own
            while len(seen) < enough:
                await asyncio.sleep(0.02)

    seen = await while_it_goes_on(filled, change)
    assert {path for path, _ in seen} == {"exact", "hnsw", "ivfflat"}
    for path in ("exact", "hnsw", "ivfflat"):
        of_path = [recall for each, recall in seen if each == path]
        assert np.mean(of_path) >= 0.98, path
        assert min(of_path) >= 0.5  # none was answered with another index's effort
    assert "measuring what it finds" in said
    assert len(await indexes(filled)) == 1


async def test_vectors_are_stored_while_it_is_built(filled: AsyncEngine) -> None:
    """The lock of a build lets writers pass: seen from one that waits inside the build."""
    async with filled.connect() as holder:
        # A build waits for it.
        await holder.execute(text("LOCK TABLE embedding_v1 IN ROW EXCLUSIVE MODE"))
        building = asyncio.create_task(build_index(filled, "v", "ivfflat"))
        async with autocommit(filled) as conn:
            while (await partitions.building(conn, 1) or ("",))[0][:7] != "waiting":
                assert not building.done()
                await asyncio.sleep(0.02)
        async with filled.begin() as conn:
            ids = await add_images(conn, 10)
            version = await versions.get(conn)
            await conn.execute(text("SET LOCAL lock_timeout = '5s'"))
            assert await copy_vectors(conn, version, ids, vectors(10, DIM, seed=3)) == 10
        assert not building.done()
        await holder.rollback()
    built = await building
    assert built.index_kind == "ivfflat"
    async with filled.begin() as conn:
        query = unit(built.id, vectors(10, DIM, seed=3)[0])
        found = await nearest(conn, built, query, 1)
    assert found.path == "ivfflat"
    assert found.hits[0].image_id == ids[0]


async def test_what_filters_need_is_indexed_once_the_version_is_full(filled: AsyncEngine) -> None:
    names = [f"embedding_v1_{what}_idx" for what in ("date_start", "facets", "latitude_longitude")]

    async def there() -> dict[str, int]:
        query = text(
            "SELECT relname, oid::bigint FROM pg_class JOIN pg_index ON indexrelid = oid"
            " WHERE indrelid = 'embedding_v1'::regclass AND NOT indisprimary AND indisvalid"
        )
        async with filled.connect() as conn:
            return {name: oid for name, oid in await conn.execute(query)}

    assert await there() == {}
    await build_index(filled, "v", "exact")
    first = await there()
    assert sorted(first) == names
    async with filled.begin() as conn:  # as where a build was killed
        broken = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = CAST(:name AS regclass)"
        await conn.execute(text(broken), {"name": names[1]})
    await build_index(filled, "v", "exact")
    second = await there()
    assert sorted(second) == names
    assert [second[name] == first[name] for name in names] == [True, False, True]


async def test_a_build_that_broke_off_is_begun_anew(filled: AsyncEngine) -> None:
    first = await build_index(filled, "v", "ivfflat")
    async with filled.connect() as holder:
        await holder.execute(text("LOCK TABLE embedding_v1 IN ROW EXCLUSIVE MODE"))
        building = asyncio.create_task(build_index(filled, "v", "hnsw"))
        while len(await indexes(filled)) < 2:
            assert not building.done()
            await asyncio.sleep(0.02)
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
    async with filled.begin() as conn:
        assert await versions.get(conn) == first
        assert await partitions.index_definition(conn, 1, 1) is None  # there, but not whole
        assert (await nearest(conn, first, unit(1, vectors(1, DIM)[0]), 5)).path == "ivfflat"
    second = await build_index(filled, "v", "hnsw")
    assert (second.index_kind, second.index_params["slot"]) == ("hnsw", 1)
    assert await indexes(filled) == ["embedding_v1_ann1"]


async def test_an_index_that_is_whole_is_not_built_twice(filled: AsyncEngine) -> None:
    """As when the process was killed after building and before switching."""
    async with autocommit(filled) as conn:
        await partitions.build_index(conn, 1, DIM, "ivfflat", {"lists": 100})
        before = await conn.scalar(text("SELECT 'embedding_v1_ann'::regclass::oid"))
    built = await build_index(filled, "v", "ivfflat")
    assert built.index_params["slot"] == 0
    async with filled.connect() as conn:
        assert await conn.scalar(text("SELECT 'embedding_v1_ann'::regclass::oid")) == before


async def test_parameters_are_those_of_the_kind(filled: AsyncEngine) -> None:
    with pytest.raises(InvalidSetting, match="ivfflat has no parameter m; it has lists"):
        await build_index(filled, "v", "ivfflat", params={"m": 8})
    assert await indexes(filled) == []

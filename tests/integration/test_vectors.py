import asyncio
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from core import versions
from core.db.engine import create_engine
from core.db.partitions import partition_name
from core.errors import BadRequest, ModelError, NotFound, VersionNotReady, WrongSpace
from core.vectors import copy_vectors, nearest, stored_vector, unit
from tests.integration.collection import add_images, best, spec, vectors


async def test_nearest_is_what_comparing_with_all_gives_at_two_dimensions_at_once(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 300)
        for name, dim in (("small", 256), ("large", 512)):
            made = await versions.ensure(conn, name, spec(dim))
            stored = vectors(300, dim, seed=dim)
            assert await copy_vectors(conn, made, ids, stored) == 300
            for query in vectors(5, dim, seed=1):
                found = await nearest(conn, made, unit(made.id, query), 20)
                assert [hit.image_id for hit in found.hits] == best(stored, query, ids, 20)
                assert (found.path, found.rows) == ("exact", 300)
                scores = [hit.score for hit in found.hits]
                assert scores == sorted(scores, reverse=True)
                top = stored[ids.index(found.hits[0].image_id)]
                assert scores[0] == pytest.approx(float(top @ query), abs=2e-3)


async def test_the_image_itself_scores_one(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 50)
        made = await versions.ensure(conn, "v", spec(512))
        stored = vectors(50, 512)
        await copy_vectors(conn, made, ids, stored)
        itself = await stored_vector(conn, made, ids[7])
        np.testing.assert_allclose(itself.values, stored[7], atol=2e-4)
        (hit,) = (await nearest(conn, made, itself, 1)).hits
    assert hit.image_id == ids[7]
    assert hit.score == pytest.approx(1, abs=1e-4)


async def test_only_images_that_can_be_shown_are_found(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 10)
        made = await versions.ensure(conn, "v", spec(8))
        stored = vectors(10, 8)
        await copy_vectors(conn, made, ids, stored)
        await conn.execute(text("UPDATE image SET state = 'gone' WHERE id = :id"), {"id": ids[0]})
        found = await nearest(conn, made, unit(made.id, stored[0]), 100)
        three = await nearest(conn, made, unit(made.id, stored[0]), 3)
    assert {hit.image_id for hit in found.hits} == set(ids[1:])
    assert three.hits == found.hits[:3]
    assert found.rows == three.rows == 10


async def test_many_that_cannot_be_shown_hide_none_that_can(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        hidden, shown = await add_images(conn, 300, "blocked"), await add_images(conn, 4)
        made = await versions.ensure(conn, "v", spec(8))
        await copy_vectors(conn, made, hidden, np.tile(unit(1, np.ones(8)).values, (300, 1)))
        await copy_vectors(conn, made, shown, vectors(4, 8))
        found = await nearest(conn, made, unit(made.id, np.ones(8)), 3)
    assert len(found.hits) == 3
    assert {hit.image_id for hit in found.hits} < set(shown)
    assert found.rows == 304


async def test_an_empty_version_has_no_neighbours(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        made = await versions.ensure(conn, "v", spec(8))
        found = await nearest(conn, made, unit(made.id, np.ones(8)), 5)
    assert (found.hits, found.rows, found.path) == ([], 0, "exact")


async def test_storing_again_changes_nothing(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 6)
        made = await versions.ensure(conn, "v", spec(8))
        first, second = vectors(6, 8, seed=1), vectors(6, 8, seed=2)
        assert await copy_vectors(conn, made, ids[:4], first[:4]) == 4
        assert await copy_vectors(conn, made, ids, second) == 2
        assert await copy_vectors(conn, made, [], np.zeros((0, 8), np.float32)) == 0
        kept = await stored_vector(conn, made, ids[0])
        added = await stored_vector(conn, made, ids[5])
    np.testing.assert_allclose(kept.values, first[0], atol=1e-3)
    np.testing.assert_allclose(added.values, second[5], atol=1e-3)


async def test_two_who_store_the_same_at_once_both_go_on(engine: AsyncEngine) -> None:
    """The second waits for the first; what the first stored stays, what it took back does not."""
    async with engine.begin() as conn:
        ids = await add_images(conn, 40)
        made = await versions.ensure(conn, "v", spec(8))
    first, second = vectors(40, 8), vectors(40, 8, seed=1)
    for chosen, keep in ((ids[:20], True), (ids[20:], False)):
        waiting: asyncio.Task[int] | None = None

        async def store(own: list[UUID]) -> int:
            async with engine.begin() as conn:
                return await copy_vectors(conn, made, own, second[: len(own)])

        async with engine.connect() as conn:
            assert await copy_vectors(conn, made, chosen[:15], first[:15]) == 15
            waiting = asyncio.create_task(store(chosen[::-1]))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            await (conn.commit() if keep else conn.rollback())
        assert await waiting == (5 if keep else 20)
        async with engine.connect() as conn:
            kept = await stored_vector(conn, made, chosen[0])
        expected = first[0] if keep else second[19]
        np.testing.assert_allclose(kept.values, expected, atol=2e-3)


async def test_what_is_no_image_is_left_out(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 3)
        made = await versions.ensure(conn, "v", spec(8))
        assert await copy_vectors(conn, made, [uuid4(), *ids, ids[0]], vectors(5, 8)) == 3


async def test_what_is_stored_is_rounded_to_half_precision_and_no_further(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 20)
        made = await versions.ensure(conn, "v", spec(768))
        stored = vectors(20, 768)
        await copy_vectors(conn, made, ids, stored)
        rows = await conn.execute(
            text(f"SELECT image_id, vector::real[] FROM {partition_name(made.id)}")
        )
        kept = {row.image_id: row.vector for row in rows}
    for image_id, values in zip(ids, stored, strict=True):
        np.testing.assert_array_equal(
            np.array(kept[image_id], np.float32), values.astype(np.float16).astype(np.float32)
        )


@pytest.mark.parametrize("spoil", [np.nan, np.inf, 0.0, 5.0])
async def test_vectors_that_are_not_unit_length_are_not_stored(
    engine: AsyncEngine, spoil: float
) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 3)
        made = await versions.ensure(conn, "v", spec(8))
        wrong = vectors(3, 8)
        wrong[1] = spoil
        with pytest.raises(ModelError, match="^1 of 3 vectors"):
            await copy_vectors(conn, made, ids, wrong)
        with pytest.raises(WrongSpace, match="16 values cannot go into .* which has 8"):
            await copy_vectors(conn, made, ids, vectors(3, 16))
        with pytest.raises(BadRequest, match="2 images"):
            await copy_vectors(conn, made, ids[:2], vectors(3, 8))
        assert (await nearest(conn, made, unit(made.id, np.ones(8)), 5)).rows == 0


async def test_no_vector_no_retired_version_no_empty_request(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await versions.ensure(conn, "default", spec(8))
        made = await versions.ensure(conn, "v", spec(8))
        with pytest.raises(NotFound, match="has no vector in embed version 'v'"):
            await stored_vector(conn, made, uuid4())
        with pytest.raises(BadRequest):
            await nearest(conn, made, unit(made.id, np.ones(8)), 0)
        retired = await versions.retire(conn, "v")
        with pytest.raises(VersionNotReady):
            await nearest(conn, retired, unit(made.id, np.ones(8)), 5)
        with pytest.raises(VersionNotReady):
            await stored_vector(conn, retired, uuid4())


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(asked=st.integers(0, 3), searched=st.integers(0, 3), seed=st.integers(0, 1000))
async def test_vectors_of_one_version_are_never_compared_with_anothers(
    database_url: str, asked: int, searched: int, seed: int
) -> None:
    engine = create_engine(database_url)  # one a call: each example has an event loop of its own
    async with engine.begin() as conn:
        dims = (64, 64, 128, 256)  # two of the same dimension: only the name tells them apart
        made = [await versions.ensure(conn, f"v{i}", spec(dim)) for i, dim in enumerate(dims)]
        query = unit(made[asked].id, vectors(1, dims[asked], seed)[0])
        if asked == searched:
            assert (await nearest(conn, made[searched], query, 3)).path == "exact"
        else:
            with pytest.raises(WrongSpace):
                await nearest(conn, made[searched], query, 3)
        if dims[asked] != dims[searched]:
            lying = unit(made[searched].id, query.values)
            with pytest.raises(WrongSpace, match=f"has {dims[asked]} values"):
                await nearest(conn, made[searched], lying, 3)
    await engine.dispose()


async def test_a_read_only_engine_searches_and_cannot_write(
    engine: AsyncEngine, database_url: str
) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 3)
        made = await versions.ensure(conn, "v", spec(8))
        await copy_vectors(conn, made, ids, vectors(3, 8))
    reader = create_engine(database_url, read_only=True)
    async with reader.connect() as conn:
        assert len((await nearest(conn, made, unit(made.id, np.ones(8)), 5)).hits) == 3
        with pytest.raises(Exception, match="read-only transaction"):
            await conn.execute(text("DELETE FROM image"))
    await reader.dispose()

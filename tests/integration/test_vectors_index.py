"""The approximate index: which statements use it, what it finds, how it is chosen."""

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import versions
from core.errors import InvalidSetting, UnknownVersion
from core.vectors import (
    copy_vectors,
    exact_statement,
    index_statement,
    nearest,
    search_settings,
    unit,
)
from core.versions import Version
from ingestor.index import build_index, build_megabytes, choose_kind, index_params
from tests.integration.collection import add_images, best, spec, vectors

ROWS, DIM = 25_000, 64


async def plan(conn: AsyncConnection, statement: str, query: np.ndarray) -> str:
    asked = {"query": str(query.tolist())}
    rows = await conn.scalars(text("EXPLAIN " + statement), asked)
    return "\n".join(rows)


async def test_small_collections_are_searched_exactly(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 100)
        made = await versions.ensure(conn, "v", spec(DIM))
        await copy_vectors(conn, made, ids, vectors(100, DIM))
    assert (await build_index(engine, "v")).index_kind == "exact"
    forced = await build_index(engine, "v", "hnsw")  # on request, whatever the size
    assert (forced.index_kind, forced.index_params["m"]) == ("hnsw", 16)
    async with engine.connect() as conn:
        found = await nearest(conn, forced, unit(forced.id, np.ones(DIM)), 5)
    assert (found.path, found.rows) == ("exact", 100)
    assert (await build_index(engine, None, "exact")).index_params == {}


async def test_what_cannot_be_indexed_is_said(engine: AsyncEngine) -> None:
    with pytest.raises(UnknownVersion):
        await build_index(engine, "none")
    with pytest.raises(InvalidSetting, match="use one of auto, exact, ivfflat, hnsw"):
        await build_index(engine, "v", "magic")  # type: ignore[arg-type]


def test_choices_by_size() -> None:
    assert choose_kind(19_999) == "exact"
    assert choose_kind(20_000) == "ivfflat"
    assert index_params("ivfflat", 25_000) == ({"lists": 100}, {"probes": 20})
    assert index_params("ivfflat", 1_000_000) == ({"lists": 4000}, {"probes": 200})
    assert build_megabytes("ivfflat", 25_000, 512) < 64 + 1
    assert build_megabytes("hnsw", 1_000_000, 512) > 1500


@pytest.mark.slow
async def test_the_index_is_used_when_wanted_and_only_then(engine: AsyncEngine) -> None:
    made_together = vectors(ROWS + 20, DIM)
    stored, alike = made_together[:ROWS], made_together[ROWS:]
    unlike = vectors(20, DIM, seed=9)  # about other centres, as texts are
    queries = np.concatenate([alike, unlike])
    async with engine.begin() as conn:
        ids = await add_images(conn, ROWS)
        made = await versions.ensure(conn, "v", spec(DIM))
        await copy_vectors(conn, made, ids, stored)
    truth = [set(best(stored, query, ids, 10)) for query in queries]
    for kind, path in (("auto", "ivfflat"), ("hnsw", "hnsw")):
        indexed = await build_index(engine, "v", kind)
        assert indexed.index_kind == path
        async with engine.begin() as conn:
            await check_plans(conn, indexed, queries[0])
            found = [await nearest(conn, indexed, unit(indexed.id, q), 10) for q in queries]
        assert {each.path for each in found} == {path}
        assert {each.rows for each in found} == {ROWS}
        recall = [
            len({hit.image_id for hit in each.hits} & wanted) / 10
            for each, wanted in zip(found, truth, strict=True)
        ]
        assert np.mean(recall[:20]) >= 0.98
        assert np.mean(recall[20:]) >= 0.85
    dropped = await build_index(engine, "v", "exact")
    async with engine.begin() as conn:
        exact = [await nearest(conn, dropped, unit(dropped.id, q), 10) for q in queries]
    assert [{hit.image_id for hit in each.hits} for each in exact] == truth
    await hidden_images_are_made_up_for(engine, queries[0])


async def check_plans(conn: AsyncConnection, version: Version, query: np.ndarray) -> None:
    index = f"Index Scan using embedding_v{version.id}_ann"
    assert index in await plan(conn, index_statement(version, 10), query)
    assert index not in await plan(conn, exact_statement(version, 10), query)
    for name, value in search_settings(version).items():
        await conn.execute(text(f"SET LOCAL {name} = {value}"))  # every name is one it knows
    await conn.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    assert index in await plan(conn, index_statement(version, 10), query)


async def hidden_images_are_made_up_for(engine: AsyncEngine, query: np.ndarray) -> None:
    """Though all that an index finds first can no longer be shown, k others are found."""
    version = await build_index(engine, "v", "ivfflat")
    async with engine.begin() as conn:
        asked = unit(version.id, query)
        near = await nearest(conn, version, asked, 200)
        await conn.execute(
            text("UPDATE image SET state = 'gone' WHERE id = ANY(:ids)"),
            {"ids": [hit.image_id for hit in near.hits]},
        )
        found = await nearest(conn, version, asked, 10)
    assert len(found.hits) == 10
    assert found.rows == ROWS
    assert not {hit.image_id for hit in found.hits} & {hit.image_id for hit in near.hits}

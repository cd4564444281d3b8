"""The approximate index: which statements use it, what it finds, how it is chosen."""

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import versions
from core.db import statements
from core.db.conditions import Where
from core.errors import InvalidSetting, UnknownVersion
from core.filters import Choice, Filters
from core.vectors import copy_vectors, nearest, unit
from core.versions import Version
from ingestor.index import build_index, build_megabytes, choose_kind, index_params, verify
from tests.integration.collection import add_images, best, spec, vectors

ROWS, DIM = 25_000, 64
QUERIES = 60


async def plan(conn: AsyncConnection, statement: str, query: np.ndarray, **binds: object) -> str:
    asked = {"query": str(query.tolist())} | binds
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
    assert index_params("ivfflat", 25_000) == ({"lists": 100}, {"effort": 20})
    assert index_params("ivfflat", 1_000_000) == ({"lists": 4000}, {"effort": 200})
    assert build_megabytes("ivfflat", 25_000, 512) < 64 + 1
    assert build_megabytes("hnsw", 1_000_000, 512) > 1500


@pytest.mark.slow
async def test_the_index_is_used_when_wanted_and_only_then(engine: AsyncEngine) -> None:
    made_together = vectors(ROWS + QUERIES, DIM)
    stored, alike = made_together[:ROWS], made_together[ROWS:]
    unlike = vectors(QUERIES, DIM, seed=9)  # about other centres, as texts are
    queries = np.concatenate([alike, unlike])
    async with engine.begin() as conn:
        ids = await add_images(conn, ROWS)
        await conn.execute(text("UPDATE image SET licence = CASE WHEN get_byte(uuid_send(id), 0)"
                                " < 250 THEN 'CC0-1.0' ELSE 'CC-BY-4.0' END"))  # fmt: skip
        await conn.execute(
            text(
                "WITH named AS (INSERT INTO record (id, dataset_id, source, source_record_id,"
                " canonical_name, verbatim, content_hash) SELECT gen_random_uuid(), dataset_id,"
                " 't', image.id, 'Name ' || row_number() OVER (), '{}', '' FROM image LIMIT 30"
                " RETURNING id) SELECT count(*) FROM named"
            )
        )
        made = await versions.ensure(conn, "v", spec(DIM))
        await copy_vectors(conn, made, ids, stored)
    truth = [set(best(stored, query, ids, 10)) for query in queries]
    for kind, path in (("auto", "ivfflat"), ("hnsw", "hnsw")):
        indexed = await build_index(engine, "v", kind)
        assert indexed.index_kind == path
        async with engine.begin() as conn:
            await check_plans(conn, indexed, queries[0])
            unmeasured = await nearest(conn, indexed, unit(indexed.id, queries[0]), 10)
        assert (unmeasured.path, unmeasured.recall) == (path, None)
        calibrated = await verify(engine, "v", lambda names: vectors(len(names), DIM, seed=9))
        check_measured(calibrated)
        async with engine.begin() as conn:
            found = [
                await nearest(conn, calibrated, unit(indexed.id, query), 10, modality=modality)
                for part, modality in ((alike, "image"), (unlike, "text"))
                for query in part
            ]
        assert {each.rows for each in found} == {ROWS}
        recall = [
            len({hit.image_id for hit in each.hits} & wanted) / 10
            for each, wanted in zip(found, truth, strict=True)
        ]
        # It is what was promised, within the noise of two samples of some dozens of queries.
        for part in (slice(0, QUERIES), slice(QUERIES, None)):
            assert np.mean(recall[part]) >= np.mean([each.recall for each in found[part]]) - 0.04
            assert np.mean(recall[part]) >= 0.96
        assert {each.path for each in found[:QUERIES]} == {path}
        assert all(each.compared < ROWS for each in found[:QUERIES])
    dropped = await build_index(engine, "v", "exact")
    assert (await verify(engine, "v", lambda _: pytest.fail("nothing to measure"))) == dropped
    async with engine.begin() as conn:
        exact = [await nearest(conn, dropped, unit(dropped.id, q), 10) for q in queries]
    assert [{hit.image_id for hit in each.hits} for each in exact] == truth
    await hidden_images_are_made_up_for(engine, queries[0])


def check_measured(version: Version) -> None:
    """Effort rises step by step until the target is met, and words need no less than pictures."""
    steps = version.index_params["recall"]
    assert set(steps) == {"image", "text"}
    for measured in steps.values():
        assert [s[0] for s in measured] == sorted({s[0] for s in measured})
        assert all(at_10 < 0.995 or at_50 < 0.99 for _, at_10, at_50 in measured[:-1])
    assert steps["image"][-1][1] >= 0.99
    assert steps["text"][-1][0] >= steps["image"][-1][0]


async def check_plans(conn: AsyncConnection, version: Version, query: np.ndarray) -> None:
    index = f"Index Scan using embedding_v{version.id}_ann"
    approximate = statements.by_index(version.id, DIM, 10)
    assert index in await plan(conn, approximate, query)
    assert index not in await plan(conn, statements.exact(version.id, 10), query)
    most = Where(Filters(licence=Choice(("CC0-1.0",))))
    filtered = statements.by_index(version.id, DIM, 10, most.sql)
    assert index in await plan(conn, filtered, query, **most.binds)
    exact = statements.exact(version.id, 10, most.sql)
    assert index not in await plan(conn, exact, query, **most.binds)
    few = Where(Filters(licence=Choice(("CC-BY-4.0",))))
    by_facets = f"embedding_v{version.id}_facets_idx"
    assert by_facets in await plan(
        conn, statements.exact(version.id, 10, few.sql), query, **few.binds
    )
    for name, value in statements.settings(version.index_kind, version.index_params, 50).items():
        await conn.execute(text(f"SET LOCAL {name} = {value}"))  # every name is one it knows
    await conn.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    assert index in await plan(conn, approximate, query)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ivfflat", "hnsw"])
async def test_a_filter_turns_to_the_index_only_where_too_much_passes(
    engine: AsyncEngine, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With budgets cut to a hundredth, so that a small collection is a large one."""
    monkeypatch.setattr("core.planner.EXACT_ROWS", 200)
    monkeypatch.setattr("core.planner.EXACT_VALUES", 500 * 16)
    rows, dim = 6000, 16
    stored, query = vectors(rows, dim), vectors(1, dim, seed=3)[0]
    async with engine.begin() as conn:
        ids = await add_images(conn, rows)
        await conn.execute(text("UPDATE image SET view = 'rare' WHERE id = ANY(:ids)"),
                           {"ids": ids[:300]})  # fmt: skip
        await conn.execute(text("UPDATE image SET licence = 'CC0-1.0' WHERE id = ANY(:ids)"),
                           {"ids": ids[100:]})  # fmt: skip
        made = await versions.ensure(conn, "v", spec(dim))
        await copy_vectors(conn, made, ids, stored)
    version = await build_index(engine, "v", kind)  # type: ignore[arg-type]
    async with engine.begin() as conn:
        asked = unit(version.id, query)
        rare = await nearest(conn, version, asked, 20, Filters(view=Choice(("rare",))))
        common = await nearest(conn, version, asked, 20, Filters(licence=Choice(("CC0-1.0",))))
        none = await nearest(conn, version, asked, 20, Filters(view=Choice(("none",))))
        # More than the index ever yields: all that passes is compared after all.
        many = await nearest(conn, version, asked, 5500, Filters(licence=Choice(("CC0-1.0",))))
    assert (rare.path, rare.rows, rare.compared, rare.recall) == ("exact", 300, 300, 1.0)
    assert [hit.image_id for hit in rare.hits] == best(stored[:300], query, ids[:300], 20)
    assert (common.path, common.rows, common.recall) == (kind, 501, None)
    assert len(common.hits) == 20
    assert {hit.image_id for hit in common.hits} <= set(ids[100:])
    assert (none.path, none.rows, none.hits) == ("exact", 0, [])
    assert len(many.hits) == 5500


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

"""What every search promises, on 20,000 vectors with the shape of real ones.

Recall for words and for pictures, as many rows as there are under every kind of filter, the index
in the plan of what says that the index answered, and no vector on its way to the program.
"""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench import museum
from bench.geometry import Generator, World
from bench.prepared import best
from core.db.partitions import index_name
from core.memory import MemoryEngine
from core.vectors import nearest, unit
from core.versions import Version
from ingestor.index import build_index, verify

ROWS, DIM, QUERIES, K = 20_000, 64, 4, 50


class Filled(NamedTuple):
    engine: AsyncEngine
    world: World
    ids: list[uuid.UUID]
    version: Version
    memory: MemoryEngine


@pytest.fixture
async def filled(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Filled]:
    """The made museum, indexed and measured; the index answers although the rows are few."""
    monkeypatch.setattr("ingestor.recall.PROBED", 100)
    monkeypatch.setattr("core.planner.EXACT_ROWS", 10_000)
    generator = Generator(ROWS, DIM)
    world = generator.world(ROWS, QUERIES)
    random = np.random.default_rng(2)
    ids = [uuid.UUID(bytes=random.bytes(16)) for _ in range(ROWS)]
    await museum.fill(engine, world, ids)
    await museum.store(engine, "v", world, ids)
    await build_index(engine, "v", "ivfflat")
    version = await verify(engine, "v", lambda names: generator.some_words(len(names)))
    memory = MemoryEngine(64)
    async with engine.connect() as conn:
        await memory.step(conn)
    yield Filled(engine, world, ids, version, memory)
    memory.close()


@pytest.mark.slow
async def test_as_many_and_as_near_as_there_are_in_every_case(filled: Filled) -> None:
    engine, world, ids, version, memory = filled
    at = {own: n for n, own in enumerate(ids)}
    pictures = world.pictures.astype(np.float16).astype(np.float32)
    pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
    paths = set()
    for held in (None, memory):
        for (modality, relation, share), asked in museum.cases(world, list(museum.SHARES)).items():
            recalls = []
            for query, case in asked:
                async with engine.connect() as conn:
                    found = await nearest(
                        conn, version, unit(version.id, query), K, case.filters,
                        modality=modality, memory=held,  # type: ignore[arg-type]
                    )  # fmt: skip
                rounded = query.astype(np.float16).astype(np.float32)
                truth = best(pictures @ rounded, case)[:10].tolist()
                passes = case.passes
                wanted = ROWS if passes is None else int(passes.sum())
                hits = [at[hit.image_id] for hit in found.hits]
                assert len(hits) == min(K, wanted)
                assert passes is None or passes[hits].all()
                if truth:
                    recalls.append(len(set(hits[:10]) & set(truth)) / len(truth))
                paths.add(found.path)
            assert np.mean(recalls) >= 0.97, (held, modality, relation, share)
    assert paths == {"ivfflat", "exact", "memory"}


@pytest.mark.slow
async def test_what_says_that_the_index_answered_used_it_and_no_vector_leaves(
    filled: Filled,
) -> None:
    engine, world, _, version, memory = filled
    async with engine.connect() as conn:
        oids = set(await conn.scalars(text("SELECT oid FROM pg_type WHERE typname IN"
                                           " ('vector', 'halfvec', '_float4')")))  # fmt: skip
    index = index_name(version.id, int(version.index_params["slot"]))
    used = set()
    for held in (None, memory):
        for (modality, _, _), asked in museum.cases(world, list(museum.SHARES)).items():
            query, case = asked[0]
            with noted(engine) as statements:
                async with engine.connect() as conn:
                    found = await nearest(
                        conn, version, unit(version.id, query), K, case.filters,
                        modality=modality, memory=held,  # type: ignore[arg-type]
                    )  # fmt: skip
                    seen = [each for each in statements if "<=>" in each[0]]
                    plans = [await explained(conn, *each[:2]) for each in seen]
            assert not {kind for each in statements for kind in each[2]} & oids
            if found.path == "memory":
                # The database compared the best anew, found by their ids, and nothing else.
                assert all("image_id = ANY" in plan and index not in plan for plan in plans)
                assert 1 <= len(seen) <= 3
            elif found.path == "exact":
                assert index not in plans[-1]
            else:
                assert f"Index Scan using {index} " in plans[-1]
            used.add(found.path)
    assert used == {"ivfflat", "exact", "memory"}


@contextmanager
def noted(engine: AsyncEngine) -> Iterator[list[tuple[str, Any, list[int]]]]:
    """Every statement, what was bound, and the types of its columns."""
    found: list[tuple[str, Any, list[int]]] = []

    def note(_: Any, cursor: Any, statement: str, bound: Any, *__: Any) -> None:
        found.append((statement, bound, [each.type_code for each in cursor.description or ()]))

    event.listen(engine.sync_engine, "after_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine.sync_engine, "after_cursor_execute", note)


async def explained(conn: Any, statement: str, bound: Any) -> str:
    rows = (await conn.exec_driver_sql("EXPLAIN " + statement, bound)).all()
    return "\n".join(row[0] for row in rows)

"""Pages that neither repeat nor skip, groups and their best, near-duplicates folded."""

import asyncio
import datetime
import random
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import NullPool

from backend.app import create_app
from core import versions
from core.db import facts
from core.db.engine import create_engine
from core.db.tables import dataset, image, record, record_image
from core.settings import Settings
from core.vectors import copy_vectors
from tests.api import problem
from tests.integration.collection import spec, vectors

SEARCH = "/api/v1/search"
DIM = 16
SET = uuid.uuid4()
GENERA = [*"ABCDEFGH", None]


class World:
    """Images of records in genera of very unequal size, in two versions."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.rows: dict[str, dict[uuid.UUID, np.ndarray]] = {"one": {}, "two": {}}
        self.genus: dict[uuid.UUID, str | None] = {}
        self.record: dict[uuid.UUID, uuid.UUID] = {}
        self.phash: dict[uuid.UUID, int] = {}
        self.query = vectors(1, DIM, seed=seed)[0]

    async def begin(self, conn: AsyncConnection) -> None:
        await conn.execute(insert(dataset).values(id=SET, source="t", key="t", title="t"))
        for name in self.rows:
            await versions.ensure(conn, name, spec(DIM, weights_sha256=name[0] * 64))
            await versions.set_state(conn, name, "ready")

    async def add(self, conn: AsyncConnection, count: int, copies: int = 0) -> None:
        """More images, one or two a record; the last `copies` of each are near-duplicates."""
        ids = [uuid.uuid4() for _ in range(count)]
        made = {name: vectors(count, DIM, self.chance.randrange(10**6)) for name in self.rows}
        for n, own in enumerate(ids):
            self.genus[own] = GENERA[min(int(self.chance.expovariate(0.7)), len(GENERA) - 1)]
            self.phash[own] = self.chance.randrange(1, 2**63)
            if n >= count - copies:
                twin = self.chance.choice(ids[: count - copies])
                self.genus[own] = self.genus[twin]
                self.phash[own] = self.phash[twin] ^ (1 << self.chance.randrange(60))
                for name in made:
                    made[name][n] = made[name][ids.index(twin)]
        fixed = {"dataset_id": SET, "identifier": "x", "fetch_url": "file:///x", "state": "ok"}
        await conn.execute(
            insert(image), [fixed | {"id": own, "phash": self.phash[own]} for own in ids]
        )
        records, links = [], []
        for n, own in enumerate(ids):
            before = (
                ids[n - 1] if n % 3 == 2 and self.genus[own] == self.genus[ids[n - 1]] else None
            )
            key = self.record[before] if before else uuid.uuid4()
            self.record[own] = key
            links.append({"record_id": key, "image_id": own, "position": n})
            if not before:
                records.append({
                    "id": key, "dataset_id": SET, "source": "t", "source_record_id": str(key),
                    "genus": self.genus[own], "verbatim": {}, "content_hash": "x",
                    "country_code": "BR", "event_start": datetime.date(1921, 1, 1),
                    "event_end": datetime.date(1921 + n % 12, 1, 1),
                })  # fmt: skip
        await conn.execute(insert(record), records)
        await conn.execute(insert(record_image), links)
        await facts.refresh(conn, ids)
        for name, rows in made.items():
            await copy_vectors(conn, await versions.get(conn, name), ids, rows)
            self.rows[name] |= dict(zip(ids, rows, strict=True))

    def ranked(self, name: str = "one") -> list[uuid.UUID]:
        """Best first as the database computes it, of equals the lower id."""
        asked = self.query.astype(np.float16).astype(np.float64)
        kept = {key: row.astype(np.float16).astype(float) for key, row in self.rows[name].items()}
        score = {key: row @ asked / np.linalg.norm(row) for key, row in kept.items()}
        return sorted(kept, key=lambda key: (-round(score[key], 9), key))

    def best(self, key_of: dict[uuid.UUID, Any], each: int = 1) -> list[list[uuid.UUID]]:
        groups: dict[Any, list[uuid.UUID]] = {}
        for own in self.ranked():
            groups.setdefault(key_of[own], []).append(own)
        return [members[:each] for members in groups.values()]

    def asked(self, **more: Any) -> dict[str, Any]:
        return {"vector": self.query.tolist(), "vector_version": "one", **more}


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    made = World(seed=1)
    async with engine.begin() as conn:
        await made.begin(conn)
        await made.add(conn, 240, copies=60)
    return made


@pytest.fixture
async def client(settings: Settings, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, database_url)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://m") as made,
    ):
        yield made


async def page(client: httpx.AsyncClient, asked: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(SEARCH, json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(body: dict[str, Any]) -> list[uuid.UUID]:
    return [uuid.UUID(hit["image"]["id"]) for hit in body["hits"]]


async def everything(client: httpx.AsyncClient, asked: dict[str, Any]) -> list[dict[str, Any]]:
    hits, cursor = [], None
    while True:
        body = await page(client, asked | {"cursor": cursor})
        hits += body["hits"]
        cursor = body["next_cursor"]
        if cursor is None:
            return hits


async def test_pages_make_the_list(client, world):
    hits = await everything(client, world.asked(limit=17))
    assert len(hits) == 240
    assert [hit["rank"] for hit in hits] == list(range(1, 241))
    found = ids({"hits": hits})
    assert len(set(found)) == 240
    scores = [hit["score"] for hit in hits]
    # of those that score alike the order is by id, within a page
    assert scores == sorted(scores, reverse=True) or np.diff(scores).max() < 2e-5
    whole = await page(client, world.asked(limit=200))
    assert found[:200] == ids(whole)


MODES: list[dict[str, Any]] = [
    {}, {"fold": True}, {"group_by": "genus"}, {"group_by": "record", "fold": True},
    {"group_by": "genus", "per_group": 3},
]  # fmt: skip


@pytest.mark.slow
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    mode=st.sampled_from(MODES),
    limit=st.integers(4, 60),
    seed=st.integers(0, 10**6),
    added=st.lists(st.integers(1, 40), max_size=4),
)
def test_nothing_is_repeated_or_skipped_while_images_come(
    make_database: Callable[[], AbstractContextManager[str]],
    tmp_path: Any,
    mode: dict[str, Any],
    limit: int,
    seed: int,
    added: list[int],
) -> None:
    with make_database() as url:
        asyncio.run(_pages_with_inserts(url, tmp_path, mode, limit, seed, added))


async def _pages_with_inserts(
    url: str, home: Any, mode: dict[str, Any], limit: int, seed: int, added: list[int]
) -> None:
    engine, world = create_engine(url, poolclass=NullPool), World(seed)
    async with engine.begin() as conn:
        await world.begin(conn)
        await world.add(conn, 90, copies=30)
    there = set(world.genus)
    groups = {"genus": world.genus, "record": world.record}.get(mode.get("group_by", ""), {})
    groups = dict(groups)
    app = create_app(Settings(home=home, database_url=url), url)
    shown: list[dict[str, Any]] = []
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://m") as client,
    ):
        cursor, coming = None, iter(added)
        while True:
            body = await page(client, world.asked(**mode, limit=limit, cursor=cursor))
            shown += body["hits"]
            cursor = body["next_cursor"]
            if cursor is None:
                break
            if count := next(coming, 0):
                async with engine.begin() as conn:
                    await world.add(conn, count, copies=count // 3)
    found = ids({"hits": shown})
    assert len(found) == len(set(found))
    assert [hit["rank"] for hit in shown] == list(range(1, len(shown) + 1))
    folded = [uuid.UUID(own) for hit in shown for own in hit["folded"]]
    if mode.get("group_by"):
        keys = [hit["group"]["key"] for hit in shown]
        runs = [key for n, key in enumerate(keys) if n == 0 or keys[n - 1] != key]
        assert len(runs) == len(set(runs))  # no group comes twice
        assert {None if g is None else str(g) for g in groups.values()} <= set(keys)
    elif mode.get("fold"):
        missed = there - set(found) - set(folded)
        for own in missed:  # shown before, under another name, on an earlier page
            assert any((world.phash[own] ^ world.phash[other]).bit_count() <= 4 for other in found)
    else:
        assert there <= set(found)


@pytest.mark.parametrize("by", ["genus", "record"])
@pytest.mark.parametrize("wide", [False, True])
async def test_the_best_of_every_group(client, world, monkeypatch, by, wide):
    if wide:  # have the database group all that passes
        monkeypatch.setattr("backend.search.gather.WIDEST", 0)
    key_of: dict[uuid.UUID, Any] = {"genus": world.genus, "record": world.record}[by]
    best = world.best(key_of)
    body = await page(client, world.asked(group_by=by, limit=5))
    top = [hit["score"] for hit in body["hits"]]
    assert top == pytest.approx(
        [float(world.rows["one"][b[0]] @ world.query) for b in best[:5]], abs=2e-3
    )
    keys = [hit["group"]["key"] for hit in body["hits"]]
    wanted = [None if key_of[b[0]] is None else str(key_of[b[0]]) for b in best[:5]]
    assert keys == wanted
    for hit in body["hits"]:
        key = hit["group"]["key"]
        size = sum((None if v is None else str(v)) == key for v in key_of.values())
        assert hit["group"]["size"] == size
    assert (body["hits"][0]["group"]["label"]) == (keys[0] or f"no {by}")


async def test_several_of_every_group_best_first(client, world):
    body = await page(client, world.asked(group_by="genus", per_group=3, limit=20))
    found = {key: [] for key in GENERA}
    for hit in body["hits"]:
        found[hit["group"]["key"]].append(hit["score"])
    for key, scores in found.items():
        own = sorted(
            (float(row @ world.query) for own, row in world.rows["one"].items()
             if world.genus[own] == key), reverse=True,
        )  # fmt: skip
        assert scores == pytest.approx(own[:3], abs=2e-3)
    assert body["next_cursor"] is None


@pytest.mark.parametrize(
    ("by", "key", "label"), [("country", "BR", "Brazil"), ("decade", "1920", "1920s")]
)
async def test_groups_have_names(client, world, by, key, label):
    body = await page(client, world.asked(group_by=by))
    groups = {hit["group"]["key"]: hit["group"] for hit in body["hits"]}
    assert groups[key]["label"] == label
    assert set(groups) <= {key, None}


async def test_near_duplicates_stand_under_the_best(client, world, engine):
    plain = ids(await page(client, world.asked(limit=200)))
    body = await page(client, world.asked(limit=100, fold=True))
    found = ids(body)
    folded = {uuid.UUID(own) for hit in body["hits"] for own in hit["folded"]}
    assert folded
    assert not folded & set(found)
    for hit in body["hits"]:
        own = uuid.UUID(hit["image"]["id"])
        for other in map(uuid.UUID, hit["folded"]):
            assert (world.phash[own] ^ world.phash[other]).bit_count() <= 4
            if other in plain:
                assert plain.index(own) < plain.index(other)
    rows = world.rows["one"]
    for n, one in enumerate(found):
        for other in found[n + 1 :]:
            bits = (world.phash[one] ^ world.phash[other]).bit_count()
            assert bits > 4 or rows[one] @ rows[other] < 0.999
    everything_found = await everything(client, world.asked(limit=50, fold=True))
    assert len(everything_found) == 180  # sixty are copies
    async with engine.begin() as conn:  # specimens on plain paper: the same hash, unlike pictures
        await conn.execute(update(image).values(phash=77))
    unlike = await everything(client, world.asked(limit=50, fold=True))
    assert len(unlike) == 180
    async with engine.begin() as conn:
        some = list(world.genus)[:30]
        await conn.execute(update(image).where(image.c.id.in_(some)).values(sha256="same"))
    files = await everything(client, world.asked(limit=50, fold=True))
    assert len(set(ids({"hits": files})) & set(some)) == 1


async def test_nothing_that_scores_less(client, world):
    scores = [float(world.rows["one"][own] @ world.query) for own in world.ranked()]
    least = scores[40] + 1e-3
    wanted = sum(score >= least for score in scores)
    for mode in ({}, {"limit": 7}):
        hits = await everything(client, world.asked(min_score=least, **mode))
        assert abs(len(hits) - wanted) <= 1  # halves round
        assert all(hit["score"] >= least for hit in hits)
    grouped = await page(client, world.asked(min_score=least, group_by="genus", per_group=12))
    assert all(hit["score"] >= least for hit in grouped["hits"])
    none = await page(client, world.asked(min_score=1))
    assert (none["hits"], none["next_cursor"]) == ([], None)


async def test_a_page_goes_on_in_its_version(client, world, engine):
    asked = {"like": str(world.ranked()[0]), "limit": 10}
    first = await page(client, asked)
    async with engine.begin() as conn:
        await versions.set_default(conn, "two")
    second = await page(client, asked | {"cursor": first["next_cursor"]})
    assert second["embed_version"]["embed_version"] == "one"
    assert not set(ids(first)) & set(ids(second))
    assert (await page(client, asked))["embed_version"]["embed_version"] == "two"
    async with engine.begin() as conn:
        await versions.retire(conn, "one")
    gone = await client.post(SEARCH, json=asked | {"cursor": first["next_cursor"]})
    assert "begin again" in problem(gone, 400, "bad-request")


async def test_a_cursor_of_another_search_is_refused(client, world):
    cursor = (await page(client, world.asked(limit=3)))["next_cursor"]
    for changed in ({"fold": True}, {"country": ["BR"]}, {"less_like": [str(world.ranked()[0])]}):
        answer = await client.post(SEARCH, json=world.asked(cursor=cursor, **changed))
        assert "another search" in problem(answer, 400, "bad-request")
    answer = await client.post(SEARCH, json=world.asked(cursor="nonsense"))
    assert "no cursor" in problem(answer, 400, "bad-request")
    assert len(ids(await page(client, world.asked(limit=9, cursor=cursor)))) == 9

"""The atlas: made, added to, made anew, and served."""

import base64
import io
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from core import vectors, versions
from core.atlas.layout import Parameters
from core.db import atlas
from core.db.engine import create_engine
from core.db.tables import image, projection
from core.errors import Conflict
from ingestor.project import project
from tests.api import Museum, named, problem
from tests.integration import collection

pytest_plugins = ("tests.api_fixtures",)
FEW = Parameters(most_fitted=40)


async def embedded(engine: AsyncEngine, count: int, name: str = "a", seed: int = 0) -> list[UUID]:
    """New images with vectors around five centres."""
    async with engine.begin() as conn:
        ids = await collection.add_images(conn, count)
        version = await versions.ensure(conn, name, collection.spec(16))
        made = collection.vectors(count, 16, seed=seed, clusters=5)
        await vectors.copy_vectors(conn, version, ids, made)
        await versions.set_state(conn, name, "ready")
    return ids


async def placed(engine: AsyncEngine) -> dict[UUID, tuple[int, float, float]]:
    async with engine.connect() as conn:
        rows = await conn.execute(select(projection))
        return {row.image_id: (row.number, row.x, row.y) for row in rows}


async def test_every_image_is_placed_and_numbered(engine: AsyncEngine) -> None:
    ids = await embedded(engine, 60)
    told: list[float] = []
    report = await project(engine, "a", progress=lambda _, share: told.append(share))
    found = await placed(engine)
    assert (report.fitted, report.placed, report.images) == (60, 0, 60)
    assert found.keys() == set(ids)
    assert sorted(number for number, _, _ in found.values()) == list(range(60))
    assert told == sorted(told)
    assert told[-1] == 1
    async with engine.connect() as conn:
        made = await atlas.get(conn, 1)
        assert await atlas.waiting(conn, 1) == 0
    assert made is not None
    assert made.params["seed"] == Parameters().seed
    xs = [x for _, x, _ in found.values()]
    assert made.bounds[0] == pytest.approx(min(xs), abs=1e-4)
    assert made.bounds[2] == pytest.approx(max(xs), abs=1e-4)


async def test_the_rest_of_a_large_collection_is_placed_among_a_sample(engine: AsyncEngine) -> None:
    await embedded(engine, 100)
    report = await project(engine, "a", parameters=FEW)
    assert (report.fitted, report.placed, report.images) == (40, 60, 100)
    assert len(await placed(engine)) == 100


async def test_new_images_join_and_the_others_stay(engine: AsyncEngine) -> None:
    await embedded(engine, 60)
    await project(engine, "a")
    before = await placed(engine)
    new = await embedded(engine, 6, seed=1)
    async with engine.connect() as conn:
        assert await atlas.waiting(conn, 1) == 6
    report = await project(engine, "a")
    after = await placed(engine)
    assert (report.fitted, report.placed, report.images) == (0, 6, 66)
    assert {key: after[key] for key in before} == before
    assert sorted(after[each][0] for each in new) == list(range(60, 66))
    again = await project(engine, "a")
    assert (again.placed, again.images) == (0, 66)


async def test_an_outgrown_map_is_made_anew(engine: AsyncEngine) -> None:
    await embedded(engine, 30)
    await project(engine, "a")
    await embedded(engine, 20, seed=1)
    report = await project(engine, "a")
    assert (report.fitted, report.placed) == (50, 0)


async def test_another_seed_or_the_wish_makes_it_anew_and_is_remembered(
    engine: AsyncEngine,
) -> None:
    await embedded(engine, 30)
    await project(engine, "a")
    first = await placed(engine)
    assert (await project(engine, "a", parameters=Parameters(seed=5))).fitted == 30
    other = await placed(engine)
    assert other != first
    assert (await project(engine, "a", fresh=True)).fitted == 30
    assert await placed(engine) == other  # with the seed it had


async def test_nothing_embedded_is_said(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await versions.ensure(conn, "a", collection.spec(16))
    with pytest.raises(Conflict, match="ingest_embed"):
        await project(engine, "a")


async def test_retiring_a_version_deletes_its_map(engine: AsyncEngine) -> None:
    await embedded(engine, 10)
    await embedded(engine, 10, name="b")
    await project(engine, "b")
    async with engine.begin() as conn:
        await versions.retire(conn, "b")
        assert await conn.scalar(select(func.count()).select_from(projection)) == 0
        assert await atlas.get(conn, 2) is None


@pytest.fixture
async def mapped(museum: Museum) -> AsyncIterator[AsyncEngine]:
    """The museum with an atlas of its version `tiny`."""
    engine = create_engine(museum.url)
    await project(engine, "tiny")
    yield engine
    async with engine.begin() as conn:
        await atlas.forget(conn, (await versions.get(conn, "tiny")).id)
    await engine.dispose()


MAP = "/api/v1/atlas/tiny"


def shown(data: bytes) -> np.ndarray:
    """Which points are shown."""
    steps = np.frombuffer(data, "<u2").reshape(2, -1)
    assert ((steps == 65535).sum(axis=0) != 1).all()
    return steps[0] != 65535


async def test_how_the_map_was_made(client: httpx.AsyncClient, mapped: AsyncEngine) -> None:
    made = (await client.get(MAP)).json()
    assert made["fitted"] == made["size"] == 12
    assert made["params"]["seed"] == Parameters().seed
    assert "UMAP" in made["method"]
    assert made["waiting"] == 0


async def test_points_leave_out_what_was_withdrawn(
    client: httpx.AsyncClient, mapped: AsyncEngine
) -> None:
    answer = await client.get(f"{MAP}/points")
    assert answer.headers["x-atlas-revision"] == (await client.get(MAP)).json()["revision"]
    assert shown(answer.content).sum() == 11  # image 9 is of a withdrawn record


async def test_points_of_images_that_are_gone_leave_gaps(
    client: httpx.AsyncClient, mapped: AsyncEngine
) -> None:
    where = projection.c.image_id == named("image 3")
    async with mapped.begin() as conn:
        number = await conn.scalar(select(projection.c.number).where(where))
        await conn.execute(delete(projection).where(where))
        version = (await versions.get(conn, "tiny")).id
        changed = await atlas.get(conn, version)
        assert changed is not None
        await atlas.save(conn, version, {name: getattr(changed, name) for name in (
            "method", "params", "fitted", "placed", "bounds", "labels")})  # fmt: skip
    found = shown((await client.get(f"{MAP}/points")).content)
    assert number >= len(found) or not found[number]
    assert found.sum() == 10


async def test_colours_are_by_number_and_counted(
    client: httpx.AsyncClient, mapped: AsyncEngine
) -> None:
    given = (await client.get(f"{MAP}/colours", params={"by": "species"})).json()
    codes = base64.b64decode(given["codes"])
    async with mapped.connect() as conn:
        of = select(projection.c.number).where(projection.c.image_id == named("image 1"))
        number = await conn.scalar(of)
    entry = given["values"][codes[number]]
    assert (entry["value"], entry["label"]) == ("species:Papilio rubra", "Papilio rubra")
    counted = sum(each["count"] for each in given["values"])
    assert counted + given["others"] + given["missing"] == 11
    decades = (await client.get(f"{MAP}/colours", params={"by": "decade"})).json()
    assert [(each["value"], each["label"]) for each in decades["values"]] == [
        ("1920,1929", "1920s")
    ]
    problem(await client.get(f"{MAP}/colours", params={"by": "taste"}), 400, "bad-request")


async def test_the_mask_is_what_the_facets_count(
    client: httpx.AsyncClient, mapped: AsyncEngine
) -> None:
    asked = {"taxon": "Vanessa"}
    mask = (await client.get(f"{MAP}/mask", params=asked)).json()
    facets = (await client.get("/api/v1/facets", params=asked | {"embed_version": "tiny"})).json()
    bits = np.unpackbits(np.frombuffer(base64.b64decode(mask["mask"]), np.uint8), bitorder="little")
    assert mask["count"] == bits.sum() == facets["total"] == 3


async def test_a_part_of_the_map_filters_everything(
    client: httpx.AsyncClient, mapped: AsyncEngine
) -> None:
    found = await placed(mapped)
    _, x, y = found[named("image 4")]
    around = f"{x - 0.01},{y - 0.01} {x + 0.01},{y - 0.01} {x},{y + 0.02}"
    inside = sum(abs(px - x) < 0.01 and abs(py - y) < 0.02 for _, px, py in found.values())
    asked = {"atlas": around, "embed_version": "tiny"}
    facets = (await client.get("/api/v1/facets", params=asked)).json()
    assert facets["total"] == inside >= 1
    hits = (await client.get("/api/v1/search", params=asked | {"q": "wings"})).json()["hits"]
    assert str(named("image 4")) in {hit["image"]["id"] for hit in hits}
    assert len(hits) == inside


async def test_a_part_of_one_map_finds_the_same_images_in_another_version(
    client: httpx.AsyncClient, mapped: AsyncEngine
) -> None:
    found = await placed(mapped)
    _, x, y = found[named("image 4")]
    around = f"{x - 0.01},{y - 0.01} {x + 0.01},{y - 0.01} {x},{y + 0.02}"

    async def images(**asked: str) -> set[str]:
        answer = await client.get("/api/v1/images", params={"limit": 100, **asked})
        return {hit["image"]["id"] for hit in answer.json()["hits"]}

    own = await images(atlas=around, embed_version="tiny")
    there = {"atlas": f"tiny@{around}", "embed_version": "other"}
    assert await images(**there) == own & await images(embed_version="other")
    assert own == await images(atlas=f"tiny@{around}", embed_version="tiny")
    assert await images(atlas=f"nowhere@{around}") == set()
    fused = {"q": "wings", "fuse": ["tiny", "other"], "atlas": f"tiny@{around}"}
    assert (await client.get("/api/v1/search", params=fused)).status_code == 200
    fused["atlas"] = around
    problem(await client.get("/api/v1/search", params=fused), 400, "bad-request")


async def test_points_are_parted_by_how_like_the_query_they_are(
    client: httpx.AsyncClient, mapped: AsyncEngine
) -> None:
    asked = {"q": "blue wings", "limit": 50, "embed_version": "tiny"}
    hits = (await client.get("/api/v1/search", params=asked)).json()["hits"]
    scores = (await client.get(f"{MAP}/scores", params={"q": "blue wings"})).json()
    codes = base64.b64decode(scores["codes"])
    found = await placed(mapped)
    number = {str(own): int(at) for own, (at, *_) in found.items()}
    order = [codes[number[hit["image"]["id"]]] for hit in hits]
    assert order == sorted(order)
    assert order[0] == 0
    assert sum(level["count"] for level in scores["levels"]) == len(hits) == 11
    assert scores["levels"][0]["least"] == pytest.approx(hits[0]["score"], abs=1e-3)
    problem(await client.get(f"{MAP}/scores"), 400, "bad-request")


async def test_points_say_what_they_show_and_images_where_they_lie(
    client: httpx.AsyncClient, mapped: AsyncEngine
) -> None:
    wanted = [str(named(f"image {n}")) for n in (5, 2)] + [str(named("pending"))]
    where = (await client.get(f"{MAP}/positions", params={"image": wanted})).json()["positions"]
    assert [each["image_id"] for each in where] == wanted[:2]
    numbers = [each["number"] for each in where]
    points = (await client.get(f"{MAP}/images", params={"number": [*numbers, 999]})).json()
    assert [each["image"]["id"] for each in points["points"]] == wanted[:2]
    assert points["points"][1]["record"]["species"] == "Vanessa caerulea"
    assert points["points"][0]["x"] == pytest.approx(where[0]["x"])


async def test_density_is_a_picture_with_ink_where_images_lie(
    client: httpx.AsyncClient, mapped: AsyncEngine
) -> None:
    answer = await client.get(f"{MAP}/density")
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as picture:
        alpha = np.asarray(picture)[..., 3]
    assert 1 <= (alpha > 0).sum() <= 11


async def test_an_image_that_went_away_is_hidden(
    client: httpx.AsyncClient, mapped: AsyncEngine
) -> None:
    before = shown((await client.get(f"{MAP}/points")).content).sum()
    where = update(image).where(image.c.id == named("image 7"))
    async with mapped.begin() as conn:
        await conn.execute(where.values(state="gone"))
        hidden = await atlas.hidden(conn, (await versions.get(conn, "tiny")).id)
        await conn.execute(where.values(state="ok"))
    assert len(hidden) == 12 - before + 1


async def test_a_version_without_a_map_says_how_to_make_one(client: httpx.AsyncClient) -> None:
    detail = problem(await client.get("/api/v1/atlas/other"), 404, "not-found")
    assert "bin/versions project other" in detail
    problem(await client.get("/api/v1/atlas/nope/points"), 404, "unknown-version")

"""The page of a taxon over the API."""

from collections import defaultdict

import httpx
import numpy as np
import pytest
from sqlalchemy import text

from core.db.engine import create_engine
from tests.api import Museum, problem

pytest_plugins = ("tests.api_fixtures",)


async def page(client: httpx.AsyncClient, taxon: str, **params: object) -> dict:
    answer = await client.get(f"/api/v1/taxa/{taxon}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_species(client: httpx.AsyncClient) -> None:
    found = await page(client, "species:Papilio alba")
    assert (found["rank"], found["name"], found["value"]) == (
        "species", "Papilio alba", "species:Papilio alba",
    )  # fmt: skip
    assert [each["value"] for each in found["lineage"]] == [
        "kingdom:Animalia", "family:Papilionidae", "genus:Papilio",
    ]  # fmt: skip
    assert found["common_names"] == ["White swallowtail"]
    assert (found["images"], found["records"]) == (4, 3)  # record 0 has two; one was withdrawn
    assert found["countries"] == [{"value": "CR", "label": "Costa Rica", "count": 4, "state": None}]
    assert found["years"] == [{"year": 1929, "count": 4}]
    assert found["views"][0]["value"] == "dorsal"
    assert found["children"] == []
    shown = [each["record"]["id"] for each in found["gallery"]]
    assert len(shown) == 4
    assert len(set(shown[:3])) == 3
    assert {each["label"] for each in found["links"]} >= {"GBIF", "Wikipedia"}
    assert all(each["url"].startswith("https://") for each in found["links"])


async def test_a_genus(client: httpx.AsyncClient) -> None:
    found = await page(client, "genus:papilio")
    assert found["name"] == "Papilio"
    assert {each["name"]: each["count"] for each in found["children"]} == {
        "Papilio alba": 4, "Papilio rubra": 3,
    }  # fmt: skip
    species = [each["record"]["species"] for each in found["gallery"][:2]]
    assert set(species) == {"Papilio alba", "Papilio rubra"}
    assert [each["value"] for each in found["look_alikes"]] == ["genus:Vanessa"]


@pytest.mark.parametrize("view", [None, "dorsal"])
async def test_look_alikes_are_near_by_their_means(
    client: httpx.AsyncClient, museum: Museum, view: str | None
) -> None:
    engine = create_engine(museum.url)
    async with engine.connect() as conn:
        rows = await conn.execute(
            text("SELECT DISTINCT r.species, e.image_id, e.vector::real[] AS vector FROM"
                 " embedding_v1 e JOIN record_image USING (image_id) JOIN record r"
                 " ON r.id = record_id WHERE r.withdrawn_at IS NULL")
        )  # fmt: skip
        members = defaultdict(list)
        for row in rows:
            members[row.species].append(row.vector)
    await engine.dispose()
    means = {name: np.mean(each, axis=0) for name, each in members.items()}
    own = means.pop("Papilio alba")
    cosines = {
        name: own @ mean / np.linalg.norm(own) / np.linalg.norm(mean)
        for name, mean in means.items()
    }
    params = {"view": view} if view else {}
    found = (await page(client, "species:Papilio alba", **params))["look_alikes"]
    assert [each["name"] for each in found] == sorted(cosines, key=lambda name: -cosines[name])
    for each in found:
        assert each["similarity"] == pytest.approx(cosines[each["name"]], abs=1e-3)
        assert each["image"]["id"]
        assert each["count"] == 3


async def test_a_bare_name_is_that_of_the_lowest_rank(client: httpx.AsyncClient) -> None:
    assert (await page(client, "Vanessa"))["value"] == "genus:Vanessa"
    assert (await page(client, "animalia"))["value"] == "kingdom:Animalia"


async def test_what_nothing_shows(client: httpx.AsyncClient) -> None:
    detail = problem(await client.get("/api/v1/taxa/genus:Morpho"), 404, "not-found")
    assert detail == "No image here shows Morpho"
    answer = await client.get("/api/v1/taxa/tribe:Morphini")
    assert "is not a rank" in problem(answer, 400, "bad-request")
    found = await page(client, "species:Papilio alba", view="ventral")
    assert found["look_alikes"] == []

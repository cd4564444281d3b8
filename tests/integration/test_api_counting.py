"""Facets, timeline, map and tree over the API: what is counted is what a search can find."""

import httpx
import pytest

from tests.api import problem

pytest_plugins = ("tests.api_fixtures",)


async def get(client: httpx.AsyncClient, path: str, **params: object) -> dict:
    answer = await client.get(f"/api/v1/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_usual_facets(client: httpx.AsyncClient) -> None:
    found = await get(client, "facets")
    assert found["total"] == 12
    assert found["embed_version"]["embed_version"] == "tiny"
    by_name = {each["name"]: each for each in found["facets"]}
    assert len(by_name) == 12
    country = by_name["country"]
    assert country["key"] == "country"
    assert country["values"] == [{"value": "CR", "label": "Costa Rica", "count": 10, "state": None}]
    assert country["missing"] == 2
    assert by_name["family"]["values"][0]["value"] == "family:Papilionidae"
    assert by_name["decade"]["values"][0] == {
        "value": "1920,1929", "label": "1920s", "count": 10, "state": None
    }  # fmt: skip
    assert by_name["licence"]["values"][0]["label"] == "CC BY 4.0"


@pytest.mark.parametrize(
    "name", ["species", "genus", "country", "dataset", "decade", "coordinates", "licence"]
)
async def test_a_value_finds_as_many_as_it_says(client: httpx.AsyncClient, name: str) -> None:
    facet = (await get(client, "facets", facet=name))["facets"][0]
    for value in facet["values"]:
        chosen = {facet["key"]: value["value"]}
        found = await get(client, "search", q="wings", limit=50, **chosen)
        assert found["total"] == value["count"]
        again = (await get(client, "facets", facet=name, **chosen))["facets"][0]
        states = {each["value"]: each["state"] for each in again["values"]}
        assert states[value["value"]] == "include"
        assert {each["value"]: each["count"] for each in again["values"]} == {
            each["value"]: each["count"] for each in facet["values"]
        }


async def test_values_are_looked_up_by_a_word(client: httpx.AsyncClient) -> None:
    found = await get(client, "facets", facet=["species", "dataset"], prefix="ALB")
    assert [v["label"] for v in found["facets"][0]["values"]] == ["Papilio alba"]
    assert found["facets"][1]["values"] == []
    found = await get(client, "facets", facet="dataset", prefix="lepid painted")
    assert [v["label"] for v in found["facets"][0]["values"]] == ["Painted Lepidoptera"]


async def test_what_is_excluded_says_what_it_takes_away(client: httpx.AsyncClient) -> None:
    found = await get(client, "facets", facet="species", taxon="-species:Papilio alba")
    alba, *others = found["facets"][0]["values"]
    assert (alba["state"], alba["label"], alba["count"]) == ("exclude", "Papilio alba", 4)
    assert found["total"] == 12 - alba["count"]
    assert sum(each["count"] for each in others) == found["total"] - found["facets"][0]["missing"]


async def test_timeline(client: httpx.AsyncClient) -> None:
    found = await get(client, "timeline", year="1800,1850")
    assert found["total"] == 0
    assert found["years"] == [{"year": 1929, "count": 10}]
    found = await get(client, "timeline")
    assert (found["total"], found["undated"], found["spanning_years"]) == (12, 2, 0)
    assert found["months"] == [0] * 12  # known to the year only
    assert found["spanning_months"] == 10


async def test_map(client: httpx.AsyncClient) -> None:
    found = await get(client, "map", cells=16)
    assert (found["total"], found["with_coordinates"]) == (12, 10)
    (cell,) = found["cells"]
    assert cell["count"] == 10
    assert cell["west"] <= -84.1 < cell["east"]
    assert cell["longitude"] == pytest.approx(-84.1)
    assert cell["east"] - cell["west"] == 22.5
    assert (await get(client, "map", window="0,0,90,90"))["cells"] == []
    answer = await client.get("/api/v1/map", params={"window": "here"})
    assert "here" in problem(answer, 400, "bad-request")


async def test_tree(client: httpx.AsyncClient) -> None:
    top = await get(client, "taxa/tree", taxon="genus:Vanessa")
    assert [(t["value"], t["has_children"]) for t in top["children"]] == [
        ("kingdom:Animalia", True)
    ]
    assert top["unplaced"] == 2  # of no record, or of one withdrawn
    below = await get(client, "taxa/tree", under="kingdom:Animalia", taxon="-Papilionidae")
    (family,) = below["children"]
    assert (family["name"], family["state"], family["count"]) == ("Papilionidae", "exclude", 10)
    genera = await get(client, "taxa/tree", under=family["value"], taxon="Papilio alba")
    assert {t["name"]: t["count"] for t in genera["children"]} == {"Papilio": 7, "Vanessa": 3}
    answer = await client.get("/api/v1/taxa/tree", params={"under": "Papilio"})
    assert "genus:Morpho" in problem(answer, 400, "bad-request")


@pytest.mark.parametrize("path", ["facets", "timeline", "map", "taxa/tree"])
async def test_what_cannot_be_counted_is_said(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/api/v1/{path}", params={"embed_version": "unfinished"})
    assert "being built" in problem(answer, 409, "version-not-ready")
    answer = await client.get(f"/api/v1/{path}", params={"embed_version": "nobody"})
    problem(answer, 404, "unknown-version")
    answer = await client.get(f"/api/v1/{path}", params={"taxon": "rank:x"})
    problem(answer, 400, "bad-request")

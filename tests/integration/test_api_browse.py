"""Looking through what passes filters, page by page."""

import httpx
import pytest

from tests.api import named, problem

pytest_plugins = ("tests.api_fixtures",)


async def pages(client: httpx.AsyncClient, **params: object) -> list[dict]:
    """Every page of an answer, followed to its end."""
    found: list[dict] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await client.get("/api/v1/images", params={**params, **cursor})
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        if found[-1]["next_cursor"] is None:
            return found
        cursor = {"cursor": found[-1]["next_cursor"]}


@pytest.mark.parametrize("filters", [{}, {"country": "CR"}, {"taxon": "-species:Papilio alba"}])
async def test_pages_show_once_what_a_search_shows(client, filters):
    asked = {"q": "wings", "limit": 50, **filters}
    searched = (await client.get("/api/v1/search", params=asked)).json()
    found = await pages(client, limit=5, **filters)
    ids = [hit["image"]["id"] for page in found for hit in page["hits"]]
    assert ids == sorted(hit["image"]["id"] for hit in searched["hits"])
    assert {page["total"] for page in found} == {searched["total"]}
    assert len(found) > 1


async def test_records_come_with_their_images(client):
    (page,) = await pages(client, limit=50, country="CR")
    assert {hit["record"]["country"] for hit in page["hits"]} == {"Costa Rica"}


async def test_images_are_shown_by_their_ids_within_the_filters(client):
    wanted = [str(named(f"image {n}")) for n in (4, 1, 2)]
    (page,) = await pages(client, image=[*wanted, str(named("no such"))])
    assert {hit["image"]["id"] for hit in page["hits"]} == set(wanted)
    (page,) = await pages(client, image=wanted, taxon="species:Papilio alba")
    assert page["total"] < 3


async def test_nothing_passes(client):
    (page,) = await pages(client, country="AQ")
    assert (page["total"], page["hits"]) == (0, [])


async def test_a_cursor_is_an_id(client):
    answer = await client.get("/api/v1/images", params={"cursor": "next"})
    assert "cursor" in problem(answer, 400, "bad-request")

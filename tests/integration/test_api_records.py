"""Similar records and citations over the API."""

import datetime

import httpx
import pytest

from tests.api import named, problem

pytest_plugins = ("tests.api_fixtures",)


async def test_four_kinds_of_similar(client: httpx.AsyncClient) -> None:
    own = str(named("record 3"))  # Papilio alba, of Costa Rica in 1929, by nobody known
    answer = await client.get(f"/api/v1/records/{own}/similar", params={"limit": 4})
    found = answer.json()
    rows = {row["kind"]: row for row in found["rows"]}
    assert list(rows) == ["alike", "genus", "place_decade"]
    assert found["embed_version"]["embed_version"] == "tiny"
    assert rows["genus"]["label"] == "Looks alike in Papilio"
    for row in rows.values():
        shown = [hit["record"]["id"] for hit in row["hits"]]
        assert own not in shown
        assert len(set(shown)) == len(shown) == 4
        scores = [hit["score"] for hit in row["hits"]]
        assert scores == sorted(scores, reverse=True)
    assert {hit["record"]["genus"] for hit in rows["genus"]["hits"]} == {"Papilio"}


async def test_a_row_is_the_search_it_names(client: httpx.AsyncClient) -> None:
    own = named("record 3")
    rows = (await client.get(f"/api/v1/records/{own}/similar?limit=3")).json()["rows"]
    for row in rows:
        answer = await client.get(f"/api/v1/search?{row['search']}&limit=50")
        assert answer.status_code == 200, answer.text
        others = dict.fromkeys(
            hit["record"]["id"]
            for hit in answer.json()["hits"]
            if hit["record"] and hit["record"]["id"] != str(own)
        )
        assert list(others)[:3] == [hit["record"]["id"] for hit in row["hits"]]


async def test_another_version_may_answer(client: httpx.AsyncClient) -> None:
    path = f"/api/v1/records/{named('record 3')}/similar"
    found = (await client.get(path, params={"embed_version": "other"})).json()
    assert found["embed_version"]["embed_version"] == "other"
    assert all("embed_version=other" in row["search"] for row in found["rows"])
    problem(await client.get(path, params={"embed_version": "unfinished"}), 409,
            "version-not-ready")  # fmt: skip


async def test_citations(client: httpx.AsyncClient) -> None:
    path = f"/api/v1/records/{named('record 3')}/citation"
    today = datetime.datetime.now(datetime.UTC).date()
    answer = await client.get(path)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("Papilio alba Linnaeus, 1758. BCM BCM-3. Painted Lepidoptera")
    assert answer.text.endswith(f"Accessed {today}.\n")
    bibtex = await client.get(path, params={"format": "bibtex"})
    assert bibtex.headers["content-type"].startswith("application/x-bibtex")
    assert bibtex.text.startswith("@misc{record-")
    assert "title = {{Papilio alba Linnaeus, 1758, BCM BCM-3}}" in bibtex.text
    ris = await client.get(path, params={"format": "ris"})
    assert "TI  - Papilio alba Linnaeus, 1758, BCM BCM-3\r\n" in ris.text
    assert ris.text.endswith("ER  - \r\n")


async def test_a_picture_is_cited_with_its_own_rights(client: httpx.AsyncClient) -> None:
    path = f"/api/v1/records/{named('record 0')}/citation"
    line = (await client.get(path, params={"image": str(named("image 11"))})).text
    assert line.startswith("A. Painter, CC BY-NC 4.0. Picture of Papilio alba")
    assert "https://museum.example/p.jpg" in line
    ris = await client.get(path, params={"image": str(named("image 11")), "format": "ris"})
    assert "AU  - A. Painter\r\n" in ris.text
    other = await client.get(path, params={"image": str(named("image 5"))})
    assert "no such picture" in problem(other, 404, "not-found")


@pytest.mark.parametrize("part", ["similar", "citation"])
async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient, part: str) -> None:
    problem(await client.get(f"/api/v1/records/{named('nobody')}/{part}"), 404, "not-found")
    gone = await client.get(f"/api/v1/records/{named('record 9')}/{part}")
    assert "withdrew" in problem(gone, 404, "not-found")

"""Another version becomes the default while people search: nobody notices."""

import asyncio
from collections import Counter

import httpx

from tests.api import TOKEN

pytest_plugins = ("tests.api_fixtures",)

SWITCHES = 10
CLIENTS = 4


async def test_no_search_fails_while_the_default_changes(client: httpx.AsyncClient) -> None:
    seen: Counter[tuple[int, str]] = Counter()
    over = asyncio.Event()

    async def search(own: int) -> None:
        number = 0
        while not over.is_set():
            # New words every time, so that they go through the model of the version of the moment.
            answer = await client.get("/api/v1/search", params={"q": f"moth {own} {number}"})
            assert answer.status_code == 200, answer.text
            body = answer.json()
            seen[answer.status_code, body["embed_version"]["embed_version"]] += 1
            assert body["hits"]
            number += 1

    searching = [asyncio.create_task(search(own)) for own in range(CLIENTS)]
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    try:
        for number in range(SWITCHES):
            before = seen.total()
            name = ("other", "tiny")[number % 2]
            answer = await client.post(f"/api/v1/versions/{name}/default", headers=bearer)
            assert answer.status_code == 200
            while seen.total() < before + CLIENTS and not any(s.done() for s in searching):
                await asyncio.sleep(0.01)
    finally:
        over.set()
        await asyncio.gather(*searching)
        await client.post("/api/v1/versions/tiny/default", headers=bearer)
    assert {status for status, _ in seen} == {200}
    assert {version for _, version in seen} == {"tiny", "other"}

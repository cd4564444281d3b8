"""What photos really show, said beside what they were named."""

import httpx

from backend.app import create_app
from tests.api import named, problem

pytest_plugins = ("tests.api_fixtures",)
CORRECTIONS = "/api/v1/corrections"


async def said(client: httpx.AsyncClient, **more: object) -> dict:
    """Say what image 1 shows and give back what all corrections add up to."""
    given = {"photo": str(named("image 1")), "named": "genus:Papilio", "judge": "a", **more}
    answer = await client.post(CORRECTIONS, json=given)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_correction_is_kept_changed_and_taken_back(client):
    before = (await client.get(CORRECTIONS)).json()
    assert before == {"embed_version": "tiny", "judged": 0, "right": 0}
    assert (await said(client, said="species:Morpho menelaus"))["right"] == 0
    now = await said(client, said="genus:papilio")
    assert (now["judged"], now["right"]) == (1, 1)
    other = await said(client, said="species:Papilio alba", judge="b")
    assert (other["judged"], other["right"]) == (2, 1)
    assert (await client.get(CORRECTIONS, params={"embed_version": "other"})).json()["judged"] == 0
    for judge in ("a", "b"):
        await said(client, said=None, judge=judge)
    assert (await client.get(CORRECTIONS)).json() == before


async def test_what_is_no_taxon_or_no_photo_is_refused(client):
    given = {"photo": str(named("image 1")), "said": "a butterfly"}
    assert "genus:Morpho" in problem(await client.post(CORRECTIONS, json=given), 400, "bad-request")
    given = {"photo": "../etc", "said": "genus:Morpho"}
    problem(await client.post(CORRECTIONS, json=given), 400, "bad-request")
    given = {"photo": "0" * 64, "said": "genus:Morpho", "embed_version": "nope"}
    problem(await client.post(CORRECTIONS, json=given), 404, "unknown-version")


async def test_where_feedback_is_off_none_is_taken(museum):
    settings = museum.settings.model_copy(update={"feedback": "off"})
    app = create_app(settings, museum.url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://museum") as own:
            given = {"photo": "0" * 64, "said": "genus:Morpho"}
            problem(await own.post(CORRECTIONS, json=given), 403, "forbidden")

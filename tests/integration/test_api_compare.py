"""Comparing versions, judging and query sets through HTTP over a small real museum."""

import httpx
import pytest
from sqlalchemy import delete

from backend.app import create_app
from core.db.engine import create_engine
from core.db.tables import judgement, query_set
from core.settings import Settings
from tests.api import TOKEN, named, problem

pytest_plugins = ("tests.api_fixtures",)
COMPARE, JUDGEMENTS, SETS = "/api/v1/compare", "/api/v1/judgements", "/api/v1/query-sets"
BOTH = {"version": ["tiny", "other"]}


@pytest.fixture(autouse=True)
async def clean(museum):
    """No judgements and no query sets before a test, nor after."""

    async def remove():
        engine = create_engine(museum.url)
        async with engine.begin() as conn:
            await conn.execute(delete(judgement))
            await conn.execute(delete(query_set))
        await engine.dispose()

    await remove()
    yield
    await remove()


async def compared(client, **params):
    answer = await client.get(COMPARE, params=BOTH | params)
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


async def test_columns_are_the_searches_of_their_versions(client):
    body = await compared(client, q="red wings", limit=4)
    assert [column["version"] for column in body["columns"]] == ["tiny", "other"]
    ranks = {}
    for column in body["columns"]:
        alone = await client.get(
            "/api/v1/search",
            params={"q": "red wings", "limit": 50, "embed_version": column["version"]},
        )
        hits = [hit["image"]["id"] for hit in alone.json()["hits"]]
        assert [hit["image"]["id"] for hit in column["response"]["hits"]] == hits[:4]
        assert column["response"]["timing_ms"]["total"] > 0
        ranks[column["version"]] = {each: rank for rank, each in enumerate(hits, start=1)}
    shown = {hit["image"]["id"] for c in body["columns"] for hit in c["response"]["hits"]}
    assert {change["image_id"] for change in body["changes"]} == shown
    for change in body["changes"]:
        assert change["ranks"] == {v: ranks[v].get(change["image_id"]) for v in ranks}


async def test_how_much_two_versions_agree(client):
    pair = (await compared(client, like=str(named("image 3"))))["pairs"][0]
    assert (pair["a"], pair["b"]) == ("tiny", "other")
    assert pair["overlap_50"] == 1  # eleven images can be shown, both show all
    assert 0 < pair["rank_biased_overlap"] < 1
    assert 0 < pair["agreement"]["species"] <= pair["agreement"]["family"] <= 1


async def test_one_that_cannot_answer_leaves_the_others(client):
    body = await compared(client, q="wings", version=["tiny", "unfinished"])
    first, second = body["columns"]
    assert first["problem"] is None
    assert "still being built" in second["problem"]
    assert second["response"] is None
    assert body["pairs"][0]["overlap_10"] is None


@pytest.mark.parametrize(
    ("params", "status", "said"),
    [
        ({"version": ["tiny"]}, 400, "version"),
        ({"version": ["tiny", "tiny"]}, 400, "twice"),
        ({"version": ["tiny", "nought"]}, 404, "nought"),
        ({"embed_version": "tiny"}, 400, "embed_version"),
        ({"q": ""}, 400, "what to look for"),
    ],
)
async def test_what_cannot_be_compared(client, params, status, said):
    answer = await client.get(COMPARE, params={"q": "wings"} | BOTH | params)
    slug = "unknown-version" if status == 404 else "bad-request"
    assert said in problem(answer, status, slug)


async def judge(client, number, relevant, ranks, judge="me-me-me-me", q="wings"):
    said = {
        "query": {"q": q},
        "image_id": str(named(f"image {number}")),
        "relevant": relevant,
        "ranks": ranks,
        "judge": judge,
    }
    return await client.post(JUDGEMENTS, json=said)


async def test_a_judgement_is_kept_changed_and_taken_back(client):
    body = (await judge(client, 1, True, {"tiny": 1, "other": 3})).json()
    key = (await compared(client, q="wings"))["query_key"]
    assert body["query_key"] == key
    assert body["judgements"] == [{"image_id": str(named("image 1")), "relevant": True}]
    await judge(client, 1, False, {"tiny": 1, "other": 3})
    await judge(client, 2, True, {"tiny": 2, "other": 1})
    params = {"query_key": key, "judge": "me-me-me-me"}
    kept = (await client.get(JUDGEMENTS, params=params)).json()["judgements"]
    assert [each["relevant"] for each in kept] == [False, True]
    body = (await judge(client, 1, None, {})).json()
    assert [each["image_id"] for each in body["judgements"]] == [str(named("image 2"))]
    others = (await client.get(JUDGEMENTS, params=params | {"judge": "somebody"})).json()
    assert others["judgements"] == []


async def test_the_tally_counts_who_ranked_the_good_higher(client):
    await judge(client, 1, True, {"tiny": 1, "other": 3})  # speaks for tiny
    await judge(client, 2, False, {"tiny": 2, "other": None})  # for other
    await judge(client, 3, True, {"tiny": 5, "other": None})  # for tiny
    await judge(client, 4, True, {"tiny": 4, "other": 4})  # for neither
    await judge(client, 5, True, {"tiny": 4})  # other was not asked
    await judge(client, 1, True, {"tiny": 9, "other": 2}, q="legs")  # for other
    answer = await client.get(f"{JUDGEMENTS}/tally", params=BOTH)
    pair = answer.json()["pairs"][0]
    assert pair["judged"] == 5
    assert (pair["results"]["a"], pair["results"]["b"], pair["results"]["ties"]) == (2, 2, 1)
    assert pair["results"]["p_value"] == 1
    assert (pair["queries"]["a"], pair["queries"]["b"]) == (1, 1)
    assert pair["results"]["low"] < 0.5 < pair["results"]["high"]
    key = (await compared(client, q="legs"))["query_key"]
    one = (await client.get(f"{JUDGEMENTS}/tally", params=BOTH | {"query_key": key})).json()
    assert one["pairs"][0]["judged"] == 1


async def test_judgements_that_make_no_sense(client):
    answer = await judge(client, 99, True, {})
    problem(answer, 404, "not-found")
    problem(await judge(client, 1, True, {"nought": 1}), 404, "unknown-version")
    problem(await judge(client, 1, True, {"tiny": 0}), 400, "bad-request")
    problem(await judge(client, 1, True, {}, q=""), 400, "bad-request")
    problem(await judge(client, 1, True, {}, judge="<script>"), 400, "bad-request")


async def serving(museum, **changes):
    settings = Settings(**(museum.settings.model_dump() | changes))
    app = create_app(settings, museum.url)
    return app, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://museum")


async def test_judgements_can_be_off_or_the_operators(museum):
    app, client = await serving(museum, feedback="off")
    async with app.router.lifespan_context(app), client:
        assert "not taken" in problem(await judge(client, 1, True, {}), 403, "forbidden")
    app, client = await serving(museum, feedback="operator")
    async with app.router.lifespan_context(app), client:
        problem(await judge(client, 1, True, {}), 403, "forbidden")
        client.headers["authorization"] = f"Bearer {TOKEN}"
        assert (await judge(client, 1, True, {})).status_code == 200


async def test_too_many_a_minute_are_refused(museum):
    app, client = await serving(museum, feedback_per_minute=3)
    async with app.router.lifespan_context(app), client:
        answers = [await judge(client, 1, True, {}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "At most 3" in problem(answers[-1], 429, "too-many-requests")


CONTENT = {
    "description": "colours",
    "queries": [
        {"label": "reds", "query": {"q": "red wings"}},
        {"query": {"q": "blue wings", "taxon": ["genus:Vanessa"]}},
        {"label": "like three", "query": {"like": str(named("image 3"))}},
    ],
}


async def test_a_query_set_is_saved_listed_run_and_deleted(client):
    saved = await client.put(f"{SETS}/colours of wings", json=CONTENT)
    assert saved.status_code == 200, saved.text
    listed = (await client.get(SETS)).json()["sets"]
    assert [(each["name"], each["size"]) for each in listed] == [("colours of wings", 3)]
    full = (await client.get(f"{SETS}/colours of wings")).json()
    assert full["queries"][1]["query"]["taxon"] == ["genus:Vanessa"]
    await judge(client, 1, True, {"tiny": 1, "other": 2}, q="red wings")
    run = f"{SETS}/colours of wings/run"
    first = (await client.get(run, params=BOTH | {"limit": 2})).json()
    assert (first["total"], first["next_offset"]) == (3, 2)
    assert [row["label"] for row in first["rows"]] == ["reds", "blue wings"]
    reds = first["rows"][0]
    assert [each["judged"] for each in reds["versions"]] == [1, 1]
    assert [each["ndcg_10"] for each in reds["versions"]] == [1, 1]
    assert reds["pairs"][0]["overlap_10"] is not None
    alone = (await compared(client, q="red wings"))["pairs"][0]
    assert reds["pairs"][0] == alone
    rest = (await client.get(run, params=BOTH | {"offset": 2})).json()
    assert (len(rest["rows"]), rest["next_offset"]) == (1, None)
    assert (await client.delete(f"{SETS}/colours of wings")).status_code == 204
    problem(await client.get(f"{SETS}/colours of wings"), 404, "not-found")
    problem(await client.delete(f"{SETS}/colours of wings"), 404, "not-found")


async def test_query_sets_that_could_not_be_repeated(client):
    upload = {"queries": [{"query": {"image": "a" * 64}}]}
    assert "forgotten" in problem(await client.put(f"{SETS}/x", json=upload), 400, "bad-request")
    nothing = {"queries": [{"query": {"taxon": ["Vanessa"]}}]}
    assert "nothing" in problem(await client.put(f"{SETS}/x", json=nothing), 400, "bad-request")
    problem(await client.put(f"{SETS}/x", json={"queries": []}), 400, "bad-request")
    problem(await client.put(f"{SETS}/-x", json=CONTENT), 400, "bad-request")

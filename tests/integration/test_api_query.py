"""What a query can be made of, beyond one text or one picture."""

import uuid

import httpx
import numpy as np
import pytest

from core import vectors, versions
from core.db.engine import create_engine
from tests.api import Museum, named, problem

pytest_plugins = ("tests.api_fixtures",)
SEARCH = "/api/v1/search"


async def scores(client: httpx.AsyncClient, **params: object) -> dict[uuid.UUID, float]:
    answer = await client.get(SEARCH, params={"limit": 100, **params})
    assert answer.status_code == 200, answer.text
    return {uuid.UUID(hit["image"]["id"]): hit["score"] for hit in answer.json()["hits"]}


async def stored(museum: Museum, name: str = "tiny") -> dict[uuid.UUID, np.ndarray]:
    """Every vector of a version, read past the API."""
    engine = create_engine(museum.url)
    async with engine.connect() as conn:
        version = await versions.get(conn, name)
        made = {
            key: (await vectors.stored_vector(conn, version, key)).values for key in museum.pictures
        }
    await engine.dispose()
    return made


def expected(query: np.ndarray, kept: dict[uuid.UUID, np.ndarray]) -> dict[uuid.UUID, float]:
    asked = query / np.linalg.norm(query)
    return {key: float(row @ asked) for key, row in kept.items() if key != named("image 9")}


async def test_less_like_moves_away(client, museum):
    kept = await stored(museum)
    one, two, three = (kept[named(f"image {n}")] for n in (1, 2, 4))
    away = (two + three) / np.linalg.norm(two + three)
    less = [str(named("image 2")), str(named("image 4"))]
    found = await scores(client, like=named("image 1"), less_like=less, less_weight=0.3)
    assert found == pytest.approx(expected(one - 0.3 * away, kept), abs=2e-3)
    plain = await scores(client, like=named("image 1"))
    nothing = await scores(client, like=named("image 1"), less_like=less, less_weight=0)
    assert nothing == pytest.approx(plain, abs=1e-6)
    assert found[named("image 2")] < plain[named("image 2")]


async def test_words_and_uploads_can_be_less(client, museum):
    files = {"image": ("mine.jpg", museum.pictures[named("image 2")])}
    upload = (await client.post("/api/v1/uploads", files=files)).json()["id"]
    kept = await stored(museum)
    by_upload = await scores(client, like=named("image 1"), less_like=upload)
    wanted = expected(kept[named("image 1")] - 0.5 * kept[named("image 2")], kept)
    assert by_upload == pytest.approx(wanted, abs=0.03)  # it went through JPEG once more
    red, blue = [await scores(client, q=q) for q in ("red wings", "blue wings")]
    apart = await scores(client, q="red wings", less="blue wings")
    moved = {key: red[key] - 0.5 * blue[key] for key in red}
    ratio = [apart[key] / moved[key] for key in moved if abs(moved[key]) > 0.01]
    assert ratio == pytest.approx([ratio[0]] * len(ratio), rel=0.1)
    answer = await client.post(SEARCH, data={"q": "red", "less": ["blue", "green"]})
    assert answer.json()["query"]["less"] == ["blue", "green"]


async def test_like_a_record_is_like_the_mean_of_its_pictures(client, museum):
    kept = await stored(museum)
    mean = kept[named("image 0")] + kept[named("image 11")]
    found = await scores(client, like_record=named("record 0"))
    assert found == pytest.approx(expected(mean, kept), abs=2e-3)
    withdrawn = await client.get(SEARCH, params={"like_record": str(named("record 9"))})
    assert "has no picture" in problem(withdrawn, 404, "not-found")


@pytest.mark.parametrize(
    ("params", "status", "said"),
    [
        ({"less": "blue"}, 400, "Say what to look for"),
        ({"q": "a", "less_like": "7"}, 400, "less_like"),
        ({"q": "a", "less_like": str(named("nothing"))}, 404, "has no vector"),
        ({"q": "a", "less_like": "0" * 64}, 404, "no longer kept"),
        ({"q": "a", "less": "a", "less_weight": 1}, 400, "cancel out"),
        ({"q": "a", "less": ["b"] * 21}, 400, "less"),
        ({"q": "a", "less_weight": 1.1}, 400, "less_weight"),
    ],
)
async def test_what_cannot_be_less_is_said(client, params, status, said):
    slug = {400: "bad-request", 404: "not-found"}[status]
    assert said in problem(await client.get(SEARCH, params=params), status, slug)


async def listed(client: httpx.AsyncClient, **params: object) -> list[uuid.UUID]:
    answer = await client.get(SEARCH, params={"limit": 100, **params})
    return [uuid.UUID(hit["image"]["id"]) for hit in answer.json()["hits"]]


async def test_several_versions_answer_by_their_ranks(client):
    alone = {name: await listed(client, q="blue wings", embed_version=name)
             for name in ("tiny", "other")}  # fmt: skip
    asked = {"q": "blue wings", "fuse": ["tiny", "other"], "limit": 100}
    body = (await client.get(SEARCH, params=asked)).json()
    assert [each["embed_version"] for each in body["embed_versions"]] == ["tiny", "other"]
    for hit in body["hits"]:
        # the withdrawn image 9 has a rank of its own, which nobody is shown
        own = uuid.UUID(hit["image"]["id"])
        for name, ranking in alone.items():
            assert 0 <= hit["ranks"][name] - (ranking.index(own) + 1) <= 1
        assert hit["score"] == pytest.approx(sum(1 / (60 + r) for r in hit["ranks"].values()))
    fused = [hit["score"] for hit in body["hits"]]
    assert fused == sorted(fused, reverse=True)
    assert len(fused) == 11
    assert (body["path"], body["expected_recall"], body["compared"]) == ("exact", 1.0, 24)


async def test_fused_pages_make_the_list(client):
    asked = {"q": "wings", "less": ["red"], "fuse": ["tiny", "other"]}
    whole = (await client.get(SEARCH, params=asked | {"limit": 100})).json()["hits"]
    found, cursor = [], ""
    while cursor is not None:
        body = (await client.get(SEARCH, params=asked | {"limit": 4, "cursor": cursor})).json()
        found, cursor = found + body["hits"], body["next_cursor"]
    assert found == whole


async def test_fused_answers_are_grouped_and_folded(client):
    asked = {"like": str(named("image 3")), "fuse": ["tiny", "other"]}
    body = (await client.get(SEARCH, params=asked | {"group_by": "species"})).json()
    groups = [hit["group"] for hit in body["hits"]]
    assert sorted(g["key"] or "" for g in groups) == [
        "", "Papilio alba", "Papilio rubra", "Vanessa caerulea",
    ]  # fmt: skip
    assert groups[0]["key"] == "Papilio alba"
    assert all(group["size"] is None for group in groups)
    folded = (await client.get(SEARCH, params=asked | {"fold": "true"})).json()
    assert folded["hits"][0]["image"]["id"] == str(named("image 3"))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"fuse": "tiny"}, "two to four different"),
        ({"fuse": ["tiny", "tiny"]}, "two to four different"),
        ({"fuse": ["tiny", "other"], "embed_version": "tiny"}, "either embed_version or fuse"),
        ({"fuse": ["tiny", "other"], "min_score": 0.1}, "no cosines"),
        ({"fuse": ["tiny", "other"], "atlas": "0,0 1,0 1,1"}, "An atlas is of one"),
        ({"group_by": "colour"}, "group_by"),
        ({"group_by": "genus", "limit": 200, "per_group": 12}, "at most 600"),
    ],
)
async def test_what_cannot_be_fused_or_grouped_is_said(client, params, said):
    answer = await client.get(SEARCH, params={"q": "wings"} | params)
    assert said in problem(answer, 400, "bad-request")


async def test_a_vector_of_one_version_takes_no_part_in_another(client, museum):
    """However it comes into a query: alone, with words, against something, or fused."""
    vector = (await stored(museum))[named("image 5")].tolist()
    own = {"vector": vector, "vector_version": "tiny"}
    for more in (
        {},
        {"q": "wings"},
        {"like": str(named("image 1"))},
        {"like_record": str(named("record 1"))},
        {"less": ["wings"]},
        {"less_like": [str(named("image 2"))]},
        {"group_by": "species", "fold": True},
    ):
        answer = await client.post(SEARCH, json=own | more | {"embed_version": "other"})
        problem(answer, 409, "wrong-space")
        fused = await client.post(SEARCH, json=own | more | {"fuse": ["tiny", "other"]})
        problem(fused, 409, "wrong-space")
        assert (await client.post(SEARCH, json=own | more)).status_code == 200


async def test_vectors_to_compute_with(client, museum):
    asked = {"texts": ["blue wings", "red wings"], "embed_version": "other"}
    answer = await client.post("/api/v1/embed", json=asked)
    body = answer.json()
    assert body["embed_version"]["embed_version"] == "other"
    assert np.linalg.norm(body["vectors"], axis=1) == pytest.approx([1, 1], abs=1e-3)
    by_vector = {"vector": body["vectors"][0], "vector_version": "other", "limit": 100}
    found = await client.post(SEARCH, json=by_vector | {"embed_version": "other"})
    by_words = await scores(client, q="blue wings", embed_version="other")
    assert {
        uuid.UUID(hit["image"]["id"]): hit["score"] for hit in found.json()["hits"]
    } == pytest.approx(by_words, abs=1e-4)
    files = {"image": ("mine.jpg", museum.pictures[named("image 2")])}
    upload = (await client.post("/api/v1/uploads", files=files)).json()["id"]
    (vector,) = (await client.post("/api/v1/embed", json={"image": upload})).json()["vectors"]
    assert vector @ (await stored(museum))[named("image 2")] >= 0.99


@pytest.mark.parametrize(
    ("asked", "status", "slug"),
    [
        ({}, 400, "bad-request"),
        ({"texts": ["a"], "image": "0" * 64}, 400, "bad-request"),
        ({"texts": [" "]}, 400, "bad-request"),
        ({"texts": ["a"] * 65}, 400, "bad-request"),
        ({"texts": ["a"], "colour": "red"}, 400, "bad-request"),
        ({"image": "0" * 64}, 404, "not-found"),
        ({"texts": ["a"], "embed_version": "unfinished"}, 409, "version-not-ready"),
    ],
)
async def test_what_has_no_vector_is_said(client, asked, status, slug):
    problem(await client.post("/api/v1/embed", json=asked), status, slug)


async def test_why_an_image_was_found(client, museum):
    kept = await stored(museum)
    asked = {
        "q": "Papilio alba from Costa Rica", "like": str(named("image 3")), "less": ["red"],
        "less_like": str(named("image 1")), "image_id": str(named("image 6")), "fold": "true",
    }  # fmt: skip
    body = (await client.get(f"{SEARCH}/why", params=asked)).json()
    assert [(part["kind"], part["label"]) for part in body["parts"]] == [
        ("words", asked["q"]),
        ("picture", asked["like"]),
        ("less", asked["less_like"]),
        ("less", "red"),
    ]
    picture, against = (kept[named(f"image {n}")] for n in (3, 1))
    assert body["parts"][1]["score"] == pytest.approx(picture @ kept[named("image 6")], abs=2e-3)
    assert body["parts"][2]["score"] == pytest.approx(against @ kept[named("image 6")], abs=2e-3)
    plain = {key: asked[key] for key in ("q", "like", "less", "less_like")}
    assert body["score"] == pytest.approx(
        (await scores(client, **plain))[named("image 6")], abs=2e-3
    )
    assert 0 < len(body["words"]) <= 8
    above = [word["above"] for word in body["words"]]
    assert above == sorted(above, reverse=True)
    assert above[-1] > 0
    shared = {each["name"]: each["value"] for each in body["shared"]}
    assert shared["species"] == "Papilio alba"
    assert shared["institution_code"] == "BCM"
    said = {each["name"]: each["value"] for each in body["named"]}
    assert said == {"species": "Papilio alba", "genus": "Papilio", "country": "Costa Rica"}


async def test_why_nothing_is_shared(client):
    asked = {"like_record": str(named("record 1")), "image_id": str(named("image 0"))}
    body = (await client.get(f"{SEARCH}/why", params=asked)).json()
    assert "species" not in {each["name"] for each in body["shared"]}
    assert body["named"] == []
    alone = asked | {"image_id": str(named("image 10"))}
    assert (await client.get(f"{SEARCH}/why", params=alone)).json()["shared"] == []


@pytest.mark.parametrize(
    ("asked", "status", "slug"),
    [
        ({"q": "a"}, 400, "bad-request"),
        ({"image_id": str(named("image 0"))}, 400, "bad-request"),
        ({"q": "a", "image_id": str(named("nothing"))}, 404, "not-found"),
        ({"q": "a", "image_id": str(named("image 9"))}, 404, "not-found"),
        ({"q": "a", "image_id": str(named("pending"))}, 404, "not-found"),
    ],
)
async def test_what_cannot_be_explained_is_said(client, asked, status, slug):
    problem(await client.get(f"{SEARCH}/why", params=asked), status, slug)

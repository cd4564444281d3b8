"""Search through HTTP over a small real museum."""

import asyncio
import uuid

import httpx
import numpy as np
import pytest
from sqlalchemy import update

from core import vectors, versions
from core.db.engine import create_engine
from core.db.tables import embed_version
from tests.api import Museum, draw, named, problem

pytest_plugins = ("tests.api_fixtures",)
SEARCH = "/api/v1/search"


def ids(answer: httpx.Response) -> list[uuid.UUID]:
    assert answer.status_code == 200, answer.text
    return [uuid.UUID(hit["image"]["id"]) for hit in answer.json()["hits"]]


async def stored(museum: Museum, image_id: uuid.UUID, name: str = "tiny") -> np.ndarray:
    """The vector of an image, read past the API."""
    engine = create_engine(museum.url)
    async with engine.connect() as conn:
        version = await versions.get(conn, name)
        values = (await vectors.stored_vector(conn, version, image_id)).values
    await engine.dispose()
    return values


async def test_by_words(client, museum):
    answer = await client.get(SEARCH, params={"q": "a white butterfly", "limit": 5})
    body = answer.json()
    assert body["query"] == {
        "q": "a white butterfly", "image": None, "like": None, "like_record": None,
        "image_weight": 0.5, "less": [], "less_like": [], "less_weight": 0.5, "fuse": [],
        "limit": 5, "group_by": None, "per_group": 1, "fold": False, "min_score": None,
        "filters": {},
    }  # fmt: skip
    assert body["embed_version"]["embed_version"] == "tiny"
    assert body["embed_version"]["dim"] == 48
    assert body["total"] == 12
    assert (body["path"], body["compared"], body["expected_recall"]) == ("exact", 12, 1.0)
    assert [hit["rank"] for hit in body["hits"]] == [1, 2, 3, 4, 5]
    scores = [hit["score"] for hit in body["hits"]]
    assert scores == sorted(scores, reverse=True)
    timing = body["timing_ms"]
    assert timing["encode"] > 0
    assert timing["search"] > 0
    assert timing["decode"] == 0
    assert timing["total"] >= timing["encode"] + timing["search"] + timing["rows"] - 0.1
    assert "encode;dur=" in answer.headers["server-timing"]


@pytest.mark.parametrize("number", range(10, 12))
async def test_a_picture_sent_finds_itself_first(client, museum, number):
    files = {"image": ("mine.jpg", museum.pictures[named(f"image {number}")])}
    answer = await client.post(SEARCH, files=files)
    assert ids(answer)[0] == named(f"image {number}")
    assert answer.json()["hits"][0]["score"] >= 0.999
    assert answer.json()["timing_ms"]["decode"] > 0


async def test_an_uploaded_picture_finds_itself_first(client, museum):
    files = {"image": ("mine.jpg", museum.pictures[named("image 4")])}
    upload = (await client.post("/api/v1/uploads", files=files)).json()
    for answer in (
        await client.get(SEARCH, params={"image": upload["id"]}),
        await client.post(SEARCH, json={"image": upload["id"]}),
        await client.post(SEARCH, data={"image": upload["id"]}),
    ):
        assert ids(answer)[0] == named("image 4")
        assert answer.json()["hits"][0]["score"] >= 0.999
        assert answer.json()["query"]["image"] == upload["id"]


async def test_like_an_image_of_the_museum(client):
    answer = await client.get(SEARCH, params={"like": str(named("image 3"))})
    assert ids(answer)[0] == named("image 3")
    assert answer.json()["hits"][0]["score"] == pytest.approx(1, abs=1e-3)
    assert answer.json()["timing_ms"]["encode"] == 0


async def test_the_weight_moves_from_words_to_picture(client):
    async def scores(**params):
        answer = await client.get(SEARCH, params={"limit": 100, **params})
        return {hit["image"]["id"]: hit["score"] for hit in answer.json()["hits"]}

    like = str(named("image 3"))
    words, picture = await scores(q="red wings"), await scores(like=like)
    assert await scores(q="red wings", like=like, image_weight=0) == pytest.approx(words, abs=2e-3)
    both = await scores(q="red wings", like=like, image_weight=1)
    assert both == pytest.approx(picture, abs=2e-3)
    half = await scores(q="red wings", like=like)
    added = {key: words[key] + picture[key] for key in words}
    ratio = [half[key] / added[key] for key in words]
    assert ratio == pytest.approx([ratio[0]] * len(ratio), rel=0.02)


async def test_pictures_share_the_weight_of_pictures(client, museum):
    first, second = [await stored(museum, named(f"image {n}")) for n in (1, 2)]
    files = {"image": ("2.jpg", museum.pictures[named("image 2")])}
    data = {"like": str(named("image 1")), "limit": "100"}
    answer = await client.post(SEARCH, data=data, files=files)
    scores = {hit["image"]["id"]: hit["score"] for hit in answer.json()["hits"]}
    middle = (first + second) / np.linalg.norm(first + second)
    assert scores[str(named("image 1"))] == pytest.approx(middle @ first, abs=2e-3)
    assert scores[str(named("image 2"))] == pytest.approx(middle @ second, abs=2e-3)


async def test_each_version_answers_with_its_own_model(client):
    answers = [
        await client.get(SEARCH, params={"q": "blue wings", "embed_version": name, "limit": 100})
        for name in ("tiny", "other")
    ]
    assert [a.json()["embed_version"]["embed_version"] for a in answers] == ["tiny", "other"]
    first, second = ([hit["score"] for hit in a.json()["hits"]] for a in answers)
    assert first != second


async def test_an_image_shows_its_first_record_and_names_the_others(client):
    answer = await client.get(SEARCH, params={"like": str(named("image 8")), "limit": 1})
    hit = answer.json()["hits"][0]
    first, second = sorted([named("record 8"), named("again 8")])
    assert hit["record"]["id"] == str(first)
    assert hit["also_in"] == [str(second)]
    assert hit["record"]["dataset"] == {
        "id": hit["record"]["dataset"]["id"],
        "title": "Painted Lepidoptera",
    }


async def test_withdrawn_records_are_passed_over_without_loss(client):
    answer = await client.get(SEARCH, params={"like": str(named("image 9")), "limit": 5})
    found = ids(answer)
    assert named("image 9") not in found
    assert len(found) == 5
    everything = ids(await client.get(SEARCH, params={"q": "wings", "limit": 100}))
    assert set(everything) == {named(f"image {n}") for n in range(12)} - {named("image 9")}


async def test_an_image_without_a_record_is_shown(client):
    answer = await client.get(SEARCH, params={"like": str(named("image 10")), "limit": 1})
    assert answer.json()["hits"][0]["record"] is None


async def test_a_copy_is_shown_only_where_it_may_be(client):
    answer = await client.get(SEARCH, params={"q": "wings", "limit": 100})
    shown = {hit["image"]["id"]: hit["image"] for hit in answer.json()["hits"]}
    closed = shown[str(named("image 10"))]
    assert closed["thumbnail_url"] is None
    assert closed["image_url"] is None
    assert closed["source_url"] == "https://museum.example/p.jpg"
    assert closed["licence"]["code"] == "ALL-RIGHTS-RESERVED"
    remote = shown[str(named("image 11"))]
    assert remote["thumbnail_url"].startswith(f"/api/v1/images/{named('image 11')}/thumbnail")
    local = shown[str(named("image 0"))]
    assert local["image_url"].startswith(f"/api/v1/images/{named('image 0')}/file")
    assert local["credit"] == "A. Painter, CC BY 4.0"


async def test_a_vector_of_ones_own(client, museum):
    vector = 3 * await stored(museum, named("image 5"))
    asked = {"vector": vector.tolist(), "vector_version": "tiny"}
    answer = await client.post(SEARCH, json=asked)
    assert ids(answer)[0] == named("image 5")
    wrong = {**asked, "embed_version": "other"}
    problem(await client.post(SEARCH, json=wrong), 409, "wrong-space")
    problem(await client.post(SEARCH, json={**wrong, "q": "wings"}), 409, "wrong-space")
    short = {**asked, "vector": [1.0, 0.0]}
    problem(await client.post(SEARCH, json=short), 409, "wrong-space")
    nothing = {**asked, "vector": [0.0] * 48}
    problem(await client.post(SEARCH, json=nothing), 400, "bad-request")
    problem(await client.post(SEARCH, json={"vector": [1.0]}), 400, "bad-request")
    problem(
        await client.post(SEARCH, json={"vector_version": "tiny", "q": "a"}), 400, "bad-request"
    )


@pytest.mark.parametrize(
    ("params", "status", "slug"),
    [
        ({}, 400, "bad-request"),
        ({"q": ""}, 400, "bad-request"),
        ({"q": "  ", "image": "", "like": ""}, 400, "bad-request"),
        ({"q": "a", "limit": 0}, 400, "bad-request"),
        ({"q": "a", "limit": 201}, 400, "bad-request"),
        ({"q": "a", "limit": "many"}, 400, "bad-request"),
        ({"q": "a", "image_weight": 1.5}, 400, "bad-request"),
        ({"q": "a", "image_weight": "nan"}, 400, "bad-request"),
        ({"q": "a", "colour": "red"}, 400, "bad-request"),
        ({"q": "a", "month": "13"}, 400, "bad-request"),
        ({"q": "a", "bbox": "1,2"}, 400, "bad-request"),
        ({"q": "a", "taxon": "tribe:x"}, 400, "bad-request"),
        ({"q": "a", "coordinates": "perhaps"}, 400, "bad-request"),
        ({"taxon": "Papilio"}, 400, "bad-request"),
        ({"q": "a" * 1001}, 400, "bad-request"),
        ({"like": "not-an-id"}, 400, "bad-request"),
        ({"like": str(named("nothing"))}, 404, "not-found"),
        ({"like": str(named("pending"))}, 404, "not-found"),
        ({"image": "0" * 64}, 404, "not-found"),
        ({"image": "../etc"}, 400, "bad-request"),
        ({"q": "a", "embed_version": "nothing"}, 404, "unknown-version"),
        ({"q": "a", "embed_version": "a\0b"}, 400, "bad-request"),
        ({"q": "a", "embed_version": "unfinished"}, 409, "version-not-ready"),
    ],
)
async def test_what_cannot_be_answered_is_said(client, params, status, slug):
    detail = problem(await client.get(SEARCH, params=params), status, slug)
    assert len(detail) > 10
    assert "\n" not in detail


async def test_an_unknown_version_lists_those_that_exist(client):
    answer = await client.get(SEARCH, params={"q": "a", "embed_version": "nope"})
    assert "tiny" in problem(answer, 404, "unknown-version")


async def test_a_retired_version_is_refused(client, museum):
    engine = create_engine(museum.url)

    async def state(value):
        async with engine.begin() as conn:
            named_other = embed_version.c.embed_version == "other"
            await conn.execute(update(embed_version).where(named_other).values(state=value))

    await state("retired")
    try:
        answer = await client.get(SEARCH, params={"q": "a", "embed_version": "other"})
        assert "retired" in problem(answer, 409, "version-not-ready")
    finally:
        await state("ready")
        await engine.dispose()


@pytest.mark.parametrize(
    "data", [b"<html>", b"<svg xmlns='x'/>", b"nonsense", draw(0)[:3000]], ids=repr
)
async def test_what_is_no_picture_is_refused(client, data):
    for address in (SEARCH, "/api/v1/uploads", "/api/search"):
        answer = await client.post(address, files={"image": ("a.jpg", data)})
        problem(answer, 422, "unreadable-image")


async def test_too_large_a_picture_is_refused(client, museum):
    limit = museum.settings.max_upload_bytes
    for size in (limit + 1, 2 * limit):
        for address in (SEARCH, "/api/v1/uploads", "/api/search"):
            answer = await client.post(address, files={"image": ("a.jpg", bytes(size))})
            problem(answer, 413, "too-large")


async def test_too_large_a_picture_without_a_length_is_refused(client, museum):
    async def endless():
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(2 * museum.settings.max_upload_bytes // 1_000_000):
            yield bytes(1_000_000)

    kind = {"content-type": "multipart/form-data; boundary=x"}
    for address in (SEARCH, "/api/v1/uploads"):
        answer = await client.post(address, content=endless(), headers=kind)
        problem(answer, 413, "too-large")


async def test_an_empty_file_field_counts_as_none(client):
    files = {"image": ("", b"")}
    answer = await client.post(SEARCH, data={"q": "wings"}, files=files)
    assert len(ids(answer)) == 11
    problem(await client.post(SEARCH, data={"q": ""}, files=files), 400, "bad-request")


async def test_a_picture_and_an_upload_contradict(client, museum):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\n' + b"0" * 64 + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        + draw(1) + b"\r\n--x--\r\n"
    )  # fmt: skip
    kind = {"content-type": "multipart/form-data; boundary=x"}
    problem(await client.post(SEARCH, content=body, headers=kind), 400, "bad-request")


@pytest.mark.parametrize(
    "kind",
    ["application/json", "multipart/form-data", "text/plain", "multipart/form-data; boundary=x"],
)
async def test_a_body_that_cannot_be_read_is_refused(client, kind):
    answer = await client.post(SEARCH, content=b"{[", headers={"content-type": kind})
    problem(answer, 400, "bad-request")


async def test_many_at_once_answer_as_one_by_one(client):
    words = [f"wings number {n}" for n in range(24)]
    alone = [ids(await client.get(SEARCH, params={"q": q})) for q in words[:4]]
    together = await asyncio.gather(*(client.get(SEARCH, params={"q": q}) for q in words))
    assert [ids(answer) for answer in together][:4] == alone


async def test_only_pictures_alone_are_easy(client, museum, monkeypatch):
    """What lies off the pictures is searched with the effort that words need."""
    asked = []
    nearest = vectors.nearest

    async def watched(*args, modality, **more):
        asked.append(modality)
        return await nearest(*args, modality=modality, **more)

    monkeypatch.setattr(vectors, "nearest", watched)
    like = str(named("image 3"))
    vector = {"vector": [1.0] * 48, "vector_version": "tiny"}
    for body in (
        {"like": like},
        {"q": "wings", "like": like, "image_weight": 1},
        {"q": "wings"},
        {"q": "wings", "like": like},
        vector,
        vector | {"like": like},
        {"like": like, "less": ["wings"]},
        {"like": like, "less": ["wings"], "less_weight": 0},
    ):
        assert (await client.post(SEARCH, json=body)).status_code == 200
    assert asked == ["image", "image", "text", "text", "text", "text", "apart", "image"]


FILTERED = [
    ({"taxon": "Papilio rubra"}, {1, 4, 7}),
    ({"taxon": ["Papilio", "-species:Papilio alba"]}, {1, 4, 7}),
    ({"taxon": "-Papilionidae"}, {10}),
    ({"country": "Costa Rica", "year": "1929", "coordinates": "true", "text": "SWALLOW"},
     {0, 3, 6, 11}),
    ({"bbox": "-85,9,-84,10", "institution": "bcm", "licence": "-CC-BY-NC-4.0"}, set(range(9))),
    ({"month": "6"}, set()),
    ({"view": "dorsal", "date": "1930,"}, set()),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "wanted"), FILTERED)
async def test_only_what_passes_the_filters(client, museum, filters, wanted):
    asked = {"q": "wings", "limit": 50}
    many = {"files": {"image": ("a.jpg", museum.pictures[named("image 1")])}}
    for answer in (
        await client.get(SEARCH, params=asked | filters),
        await client.post(SEARCH, json=asked | filters),
        await client.post(SEARCH, data=asked | filters),
        await client.post(SEARCH, data=asked | filters, **many),
    ):
        assert set(ids(answer)) == {named(f"image {n}") for n in wanted}
        assert 0 <= answer.json()["total"] - len(wanted) <= 1  # image 9, of a withdrawn record
        echo = answer.json()["query"]["filters"]
        again = await client.get(SEARCH, params=asked | echo)
        assert (
            again.json()["hits"]
            == (await client.get(SEARCH, params=asked | filters)).json()["hits"]
        )
        assert again.json()["query"]["filters"] == echo


async def test_the_predecessors_form(client, museum):
    files = {"image": ("moth.jpg", museum.pictures[named("image 0")])}
    answer = await client.post("/api/search?limit=3", data={"search_param": ""}, files=files)
    body = answer.json()
    assert body.keys() == {
        "search_param", "filename", "record_count", "records", "embed_version",
    }  # fmt: skip
    assert body["search_param"] is None
    assert body["filename"] == "moth.jpg"
    assert body["record_count"] == len(body["records"]) == 3
    first = body["records"][0]
    assert first["external_id"] == str(named("image 0"))
    assert first["id"] == str(named("record 0"))
    assert first["specimen_id"] == "record 0"
    assert first["scientific_name"] == "Papilio alba Linnaeus, 1758"
    assert first["name"] == first["common_name"] == "White swallowtail"
    assert (first["latitude"], first["longitude"]) == (9.9, -84.1)
    assert first["collection_date"] == "1929"
    assert first["embed_version"] == body["embed_version"] == "tiny"
    assert (await client.get(first["media_url"])).content == museum.pictures[named("image 0")]


async def test_the_predecessors_form_by_words(client):
    answer = await client.post(
        "/api/search", params={"embed_version": "other"}, data={"search_param": "wings"}
    )
    assert answer.json()["search_param"] == "wings"
    assert answer.json()["embed_version"] == "other"
    assert answer.json()["record_count"] == 11
    problem(await client.post("/api/search"), 400, "bad-request")
    data = {"search_param": "a"}
    problem(await client.post("/api/search?limit=101", data=data), 400, "bad-request")

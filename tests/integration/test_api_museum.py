"""Records, images, uploads, versions and the summary through HTTP over a small real museum."""

import asyncio
import datetime
import io

import httpx
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select, update

from backend.app import create_app
from backend.uploads.service import forgetting
from core import images
from core.db.tables import upload
from core.encoders import openclip
from core.settings import Settings
from core.storage import Store
from tests.api import TOKEN, draw, named, problem
from tests.museums import BIRD
from tests.paths import SHARED_DATA, needs_shared

pytest_plugins = ("tests.api_fixtures",)


@pytest.fixture(scope="module")
def birds():
    """A real dual encoder, trained by others."""
    return openclip.load(str(BIRD), str(BIRD.with_suffix(".safetensors")))


async def test_a_record_in_full(client):
    body = (await client.get(f"/api/v1/records/{named('record 0')}")).json()
    assert body["scientific_name"] == "Papilio alba Linnaeus, 1758"
    assert body["verbatim"] == {"eventDate": "1929", "Notes": "behind glass"}
    assert body["event_date"] == "1929"
    assert (body["event_start"], body["event_end"]) == ("1929-01-01", "1929-12-31")
    assert body["taxonomy"][0] == {"rank": "kingdom", "name": "Animalia"}
    assert body["taxonomy"][-1] == {"rank": "species", "name": "Papilio alba"}
    issue = body["issues"][0]
    assert issue["name"] == "RECORDED_DATE_INVALID"
    assert issue["text"] != issue["name"]
    assert [image["id"] for image in body["images"]] == [
        str(named("image 0")),
        str(named("image 11")),
    ]
    assert body["dataset"]["publisher"] == "BioCosmos Museum"
    assert body["licence"]["label"] == "CC0 1.0"
    assert body["source_url"] == "https://museum.example/painted"
    assert body["citation"].startswith(
        "Papilio alba Linnaeus, 1758. BCM BCM-0. Painted Lepidoptera"
    )


async def test_an_image_not_fetched_yet_is_named_without_a_copy(client):
    body = (await client.get(f"/api/v1/records/{named('record 1')}")).json()
    assert [image["thumbnail_url"] is None for image in body["images"]] == [False, True]
    answer = await client.get(f"/api/v1/images/{named('pending')}/thumbnail")
    problem(answer, 404, "not-found")


async def test_no_record(client):
    problem(await client.get(f"/api/v1/records/{named('nothing')}"), 404, "not-found")
    answer = await client.get(f"/api/v1/records/{named('record 9')}")
    assert "withdrew" in problem(answer, 404, "not-found")
    problem(await client.get("/api/v1/records/12"), 400, "bad-request")


async def test_an_original_is_sent_as_it_is(client, museum):
    answer = await client.get(f"/api/v1/images/{named('image 0')}/file")
    assert answer.content == museum.pictures[named("image 0")]
    assert answer.headers["content-type"] == "image/jpeg"  # not the text/html that was claimed
    assert answer.headers["x-content-type-options"] == "nosniff"
    part = await client.get(
        f"/api/v1/images/{named('image 0')}/file", headers={"Range": "bytes=10-19"}
    )
    assert part.status_code == 206
    assert part.content == answer.content[10:20]


async def test_a_thumbnail_is_small_and_kept_for_ever(client):
    search = await client.get("/api/v1/search", params={"like": str(named("image 0"))})
    address = search.json()["hits"][0]["image"]["thumbnail_url"]
    answer = await client.get(address)
    assert max(Image.open(io.BytesIO(answer.content)).size) <= 512
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]
    again = await client.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    plain = await client.get(f"/api/v1/images/{named('image 0')}/thumbnail")
    assert "immutable" not in plain.headers["cache-control"]


@pytest.mark.parametrize("part", ["thumbnail", "file"])
async def test_the_gate(client, part):
    closed = await client.get(f"/api/v1/images/{named('image 10')}/{part}")
    assert "https://museum.example/p.jpg" in problem(closed, 403, "forbidden")
    problem(await client.get(f"/api/v1/images/{named('image 9')}/{part}"), 404, "not-found")
    problem(await client.get(f"/api/v1/images/{named('nothing')}/{part}"), 404, "not-found")


async def test_a_lost_file_is_said(client, museum):
    store = Store(museum.settings.home)
    path = store.path(images.sha256(museum.pictures[named("image 2")]), "thumbs")
    hidden = path.rename(path.with_suffix(".hidden"))
    try:
        answer = await client.get(f"/api/v1/images/{named('image 2')}/thumbnail")
        assert "missing" in problem(answer, 404, "not-found")
        assert (await client.get(f"/api/v1/images/{named('image 2')}/file")).status_code == 200
    finally:
        hidden.rename(path)


def with_place(data: bytes, size: tuple[int, int] | None = None) -> bytes:
    """The picture with a maker's name and a turn in its EXIF."""
    image = Image.open(io.BytesIO(data))
    if size:
        image = image.resize(size)
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "SecretCamera", 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif, quality=95)
    return buffer.getvalue()


async def test_an_upload_is_upright_small_and_without_metadata(client):
    data = with_place(draw(1), (3000, 1500))
    assert b"SecretCamera" in data
    answer = await client.post("/api/v1/uploads", files={"image": ("x.jpg", data)})
    assert answer.status_code == 201
    body = answer.json()
    assert (body["width"], body["height"]) == (1024, 2048)
    kept = await client.get(body["url"])
    assert kept.headers["content-type"] == "image/webp"
    assert b"SecretCamera" not in kept.content
    assert Image.open(io.BytesIO(kept.content)).size == (1024, 2048)
    assert not Image.open(io.BytesIO(kept.content)).getexif()
    expires = datetime.datetime.fromisoformat(body["expires_at"])
    left = expires - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(hours=23) < left <= datetime.timedelta(hours=24, minutes=1)


@needs_shared
@pytest.mark.parametrize(
    "photo",
    ["wikimedia_birds/cave_swallow.jpg", "illinois_wildflowers/cardinal-flower-usfws-barnes.jpg",
     "costa_rica_trees/mango.jpg", "wikimedia_birds/mountain_chickadee.jpg"],
)  # fmt: skip
async def test_the_copy_of_a_real_photo_is_the_same_picture_to_a_real_model(client, birds, photo):
    data = (SHARED_DATA / "images" / photo).read_bytes()
    upload = (await client.post("/api/v1/uploads", files={"image": (photo, data)})).json()
    assert max(upload["width"], upload["height"]) <= 2048
    copy = (await client.get(upload["url"])).content
    both = [images.decode(each, max_pixels=10**8, max_bytes=10**8) for each in (data, copy)]
    first, second = birds.encode_images(np.stack([birds.prepare(image) for image in both]))
    assert first @ second >= 0.999


async def test_an_upload_is_deleted_in_time_though_nobody_sends_another(engine, settings):
    app = create_app(settings, settings.database_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://museum") as own:
            kept = (await own.post("/api/v1/uploads", files={"image": draw(1)})).json()["id"]
            gone = (await own.post("/api/v1/uploads", files={"image": draw(2)})).json()["id"]
            over = func.now() - datetime.timedelta(seconds=1)
            async with engine.begin() as conn:
                await conn.execute(
                    update(upload).where(upload.c.sha256 == gone).values(expires_at=over)
                )
            sweep = asyncio.create_task(forgetting(app.state.services, every=0.05))
            for _ in range(200):
                async with engine.connect() as conn:
                    left = (await conn.scalars(select(upload.c.sha256))).all()
                if left == [kept]:
                    break
                await asyncio.sleep(0.05)
            sweep.cancel()
    assert left == [kept]


async def test_an_expired_upload_is_gone_and_then_deleted(client, engine, settings):
    app = create_app(settings, settings.database_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://museum") as own:
            first = (await own.post("/api/v1/uploads", files={"image": draw(1)})).json()
            async with engine.begin() as conn:
                await conn.execute(
                    update(upload).values(expires_at=func.now() - datetime.timedelta(seconds=1))
                )
            assert "again" in problem(await own.get(first["url"]), 404, "not-found")
            await own.post("/api/v1/uploads", files={"image": draw(2)})
            async with engine.connect() as conn:
                kept = (await conn.scalars(select(upload.c.sha256))).all()
            assert len(kept) == 1
            assert first["id"] not in kept


async def test_versions_with_their_coverage(client):
    listed = (await client.get("/api/v1/versions")).json()["versions"]
    assert [(v["embed_version"], v["state"], v["embedded"], v["images"]) for v in listed] == [
        ("tiny", "ready", 12, 12),
        ("other", "ready", 12, 12),
        ("unfinished", "building", 0, 12),
    ]
    assert [v["is_default"] for v in listed] == [True, False, False]
    assert listed[0]["preprocess"]["size"] == 64


async def test_the_operator_chooses_the_default(client):
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for name in ("other", "tiny"):
        answer = await client.post(f"/api/v1/versions/{name}/default", headers=bearer)
        defaults = [v["embed_version"] for v in answer.json()["versions"] if v["is_default"]]
        assert defaults == [name]
        summary = (await client.get("/api/v1/summary")).json()
        assert summary["default_version"] == name
    answer = await client.post("/api/v1/versions/nothing/default", headers=bearer)
    problem(answer, 404, "unknown-version")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer \xe9"])
async def test_nobody_else_chooses_the_default(client, header):
    headers = {"Authorization": header.encode("latin-1")}
    answer = await client.post("/api/v1/versions/other/default", headers=headers)
    problem(answer, 403, "forbidden")


async def test_without_a_token_nobody_is_the_operator(settings):
    app = create_app(settings, settings.database_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://museum") as own:
            headers = {"Authorization": "Bearer "}
            answer = await own.post("/api/v1/versions/tiny/default", headers=headers)
            assert "BIOCOSMOS_OPERATOR_TOKEN" in problem(answer, 403, "forbidden")


async def test_the_summary_counts_what_is_there(client):
    body = (await client.get("/api/v1/summary")).json()
    counts = {key: value for key, value in body.items() if isinstance(value, int)}
    assert counts == {"records": 10, "images": 12, "datasets": 1, "species": 3, "countries": 1}
    assert body["default_version"] == "tiny"
    assert {e["label"] for e in body["examples"]} == {
        "Papilio alba",
        "Papilio rubra",
        "Vanessa caerulea",
    }
    facets = (await client.get("/api/v1/facets", params={"facet": "species"})).json()
    images = {value["label"]: value["count"] for value in facets["facets"][0]["values"]}
    listed = [images[example["label"]] for example in body["examples"]]
    assert listed[0] == max(images.values())
    # One of each genus comes first, so the last, of a genus that is there, may be no rarer.
    assert {example["label"].split()[0] for example in body["examples"][:2]} == {
        "Papilio",
        "Vanessa",
    }
    for example in body["examples"]:
        assert (await client.get(example["image"]["thumbnail_url"])).status_code == 200
    assert body["updated_at"]


async def test_the_main_groups_part_all_that_is_found(client):
    groups = (await client.get("/api/v1/summary")).json()["groups"]
    tree = (await client.get("/api/v1/taxa/tree")).json()
    assert sum(group["count"] for group in groups) == tree["total"] - tree["unplaced"]
    assert [group["count"] for group in groups] == sorted(
        (group["count"] for group in groups), reverse=True
    )
    for group in groups:
        found = await client.get("/api/v1/images", params={"taxon": group["value"]})
        assert found.json()["total"] == group["count"]
        shown = await client.get(group["image"]["thumbnail_url"])
        assert shown.status_code == 200


async def test_a_picture_is_kept_with_its_credit(client, museum):
    own = named("image 0")
    answer = await client.get(f"/api/v1/images/{own}/credited")
    assert answer.status_code == 200
    assert f'filename="{own}.' in answer.headers["content-disposition"]
    assert b"A. Painter" in answer.content
    with (
        Image.open(io.BytesIO(answer.content)) as kept,
        Image.open(io.BytesIO(museum.pictures[own])) as published,
    ):
        assert np.array_equal(np.asarray(kept), np.asarray(published))
    refused = await client.get(f"/api/v1/images/{named('image 10')}/credited")
    problem(refused, 403, "forbidden")


async def test_an_empty_museum_says_what_to_do(settings):
    app = create_app(settings, settings.database_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://museum") as own:
            body = (await own.get("/api/v1/summary")).json()
            assert body["records"] == 0
            assert body["default_version"] is None
            assert body["examples"] == []
            assert (await own.get("/api/v1/versions")).json() == {"versions": []}
            answer = await own.get("/api/v1/search", params={"q": "a"})
            assert "ingest_embed" in problem(answer, 404, "unknown-version")


async def test_what_is_read_cannot_write(museum):
    app = create_app(museum.settings, museum.url)
    async with app.router.lifespan_context(app):
        engine = app.state.services.reader
        with pytest.raises(Exception, match="read-only"):
            async with engine.begin() as conn:
                await conn.execute(update(upload).values(width=1))


async def test_the_museum_survives_without_its_database():
    gone = "postgresql://127.0.0.1:1/nothing"
    app = create_app(Settings(database_url=gone), gone)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://museum") as own:
            for address in ("/readyz", "/api/v1/summary", "/api/v1/search?q=a"):
                detail = problem(await own.get(address), 503, "unavailable")
                assert "cannot be reached" in detail
            problem(await own.post("/api/v1/uploads", files={"image": draw(1)}), 503, "unavailable")
            assert (await own.get("/healthz")).json() == {"status": "ok"}

"""The server speaks real HTTP, and lies when told to."""

import asyncio
import io
import urllib.request
import zipfile
from collections.abc import AsyncIterator

import aiohttp
import pytest
from PIL import Image

from core.sample import Museum, draw_museum
from core.sample.files import file_bytes
from core.sample.server import SampleServer


@pytest.fixture(scope="module")
def museum() -> Museum:
    return draw_museum(seed=5, size="tiny")


@pytest.fixture
async def server(museum: Museum) -> AsyncIterator[SampleServer]:
    async with SampleServer(museum) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"User-Agent": "test (me@example.org)"}) as session:
        yield session


async def test_images_come_as_they_are_and_visits_are_logged(
    server: SampleServer, http: aiohttp.ClientSession, museum: Museum
) -> None:
    name = next(iter(museum.files))
    async with http.get(f"{server.url}/images/{name}") as answer:
        assert answer.status == 200
        assert answer.content_type == "image/jpeg"
        assert await answer.read() == file_bytes(museum.files[name])
    async with http.get(f"{server.url}/images/nothing.jpg") as answer:
        assert answer.status == 404
    assert [v.path for v in server.visits] == [f"/images/{name}", "/images/nothing.jpg"]
    assert server.visits[0].user_agent == "test (me@example.org)"
    assert server.visits[0].at <= server.visits[1].at


async def test_iiif_gives_the_best_fit(
    server: SampleServer, http: aiohttp.ClientSession, museum: Museum
) -> None:
    name = next(n for n, f in museum.files.items() if f.encoding == "jpeg-exif")
    async with http.get(f"{server.url}/iiif/2/{name}/full/!100,80/0/default.jpg") as answer:
        picture = Image.open(io.BytesIO(await answer.read()))
    assert picture.format == "JPEG"
    assert picture.width == 100 or picture.height == 80
    assert picture.width <= 100
    assert picture.height <= 80
    async with http.get(f"{server.url}/iiif/2/{name}/full/pct:5/0/default.jpg") as answer:
        assert answer.status == 400
    async with http.get(f"{server.url}/iiif/2/{name}/info.json") as answer:
        assert (await answer.json())["@id"] == f"{server.url}/iiif/2/{name}"


async def test_the_archive_links_to_this_server(
    server: SampleServer, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{server.url}/archive.zip") as answer:
        archive = zipfile.ZipFile(io.BytesIO(await answer.read()))
    assert f"{server.url}/images/".encode() in archive.read("multimedia.txt")


async def test_throttling_ends_after_the_told_number_of_requests(
    server: SampleServer, http: aiohttp.ClientSession, museum: Museum
) -> None:
    url = f"{server.url}/images/{next(iter(museum.files))}"
    server.misbehave("/images/*", "429", times=2, retry_after=3)
    seen = []
    for _ in range(3):
        async with http.get(url) as answer:
            seen.append((answer.status, answer.headers.get("Retry-After")))
    assert seen == [(429, "3"), (429, "3"), (200, None)]


async def test_faults(server: SampleServer, http: aiohttp.ClientSession, museum: Museum) -> None:
    a, b, c, d = list(museum.files)[:4]
    server.misbehave(f"/images/{a}", "503")
    server.misbehave(f"/images/{b}", "html")
    server.misbehave(f"/images/{c}", "truncate")
    server.misbehave(f"/images/{d}", "disconnect")
    async with http.get(f"{server.url}/images/{a}") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    async with http.get(f"{server.url}/images/{b}") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    with pytest.raises(aiohttp.ClientPayloadError):
        async with http.get(f"{server.url}/images/{c}") as answer:
            await answer.read()
    with pytest.raises(aiohttp.ClientError):
        await http.get(f"{server.url}/images/{d}")


@pytest.mark.parametrize(
    ("fault", "status", "kind", "start"),
    [
        ("403", 403, "application/octet-stream", b""),
        ("denied", 200, "text/html", b"<html>"),
        ("pending", 200, "image/svg+xml", b"<?xml"),
        ("type", 200, "text/plain", b"\xff\xd8"),
        ("loop", 302, "application/octet-stream", b""),
        ("maze", 302, "application/octet-stream", b""),
        ("elsewhere", 302, "application/octet-stream", b""),
    ],
)
async def test_it_answers_with_other_things_than_pictures(
    server: SampleServer, http: aiohttp.ClientSession, museum: Museum, fault, status, kind, start
) -> None:
    path = f"/images/{next(iter(museum.files))}"
    server.misbehave("/images/*", fault, to="http://elsewhere.example", after=1, times=1)
    seen = []
    for _ in range(3):
        async with http.get(server.url + path, allow_redirects=False) as answer:
            seen.append((answer.status, answer.content_type))
            data = await answer.read()
            if len(seen) == 2:
                assert data.startswith(start)
                where = answer.headers.get("Location")
    assert seen == [(200, "image/jpeg"), (status, kind), (200, "image/jpeg")]
    there = {"loop": path, "maze": f"{path}?room=1", "elsewhere": f"http://elsewhere.example{path}"}
    assert where == there.get(fault)


async def test_it_drips_resets_and_packs(
    server: SampleServer, http: aiohttp.ClientSession, museum: Museum
) -> None:
    slow, reset, bomb = list(museum.files)[:3]
    server.misbehave(f"/images/{slow}", "slow")
    server.misbehave(f"/images/{reset}", "reset")
    server.misbehave(f"/images/{bomb}", "bomb")
    with pytest.raises(asyncio.TimeoutError):
        async with http.get(
            f"{server.url}/images/{slow}", timeout=aiohttp.ClientTimeout(total=0.3)
        ) as answer:
            await answer.read()
    with pytest.raises(aiohttp.ClientOSError):
        await http.get(f"{server.url}/images/{reset}")
    async with http.head(f"{server.url}/images/{bomb}", auto_decompress=False) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers["Content-Length"]) < 1_000_000


async def test_a_hanging_server_is_left_by_the_client_and_can_stop(
    server: SampleServer, http: aiohttp.ClientSession
) -> None:
    server.misbehave("*", "hang")
    with pytest.raises(asyncio.TimeoutError):
        await http.get(f"{server.url}/archive.zip", timeout=aiohttp.ClientTimeout(total=0.2))


def test_it_runs_in_a_thread_for_synchronous_callers(museum: Museum) -> None:
    name = next(iter(museum.files))
    with SampleServer(museum) as running:
        with urllib.request.urlopen(f"{running.url}/images/{name}") as answer:
            assert answer.read() == file_bytes(museum.files[name])
        assert running.visits[0].path == f"/images/{name}"

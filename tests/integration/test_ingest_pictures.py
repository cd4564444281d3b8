"""Images from links, archives and folders to what can be shown and searched."""

import asyncio
import io
import zipfile
from contextvars import ContextVar

import pytest
from aiohttp import web
from PIL import Image
from sqlalchemy import text

from core.errors import InvalidSetting
from core.settings import Settings
from core.storage import Store
from ingestor import lanes, leases
from ingestor.manners import Manners
from ingestor.pictures import fetch_images
from ingestor.run import ingest
from ingestor.sources.dwca import DwcaSource
from ingestor.sources.folder import FolderSource
from tests.integration.ingested import value
from tests.unit.ingestor.archives import simple
from tests.unit.ingestor.web import serving


def picture(number=0, size=(900, 600), kind="JPEG"):
    image = Image.effect_noise(size, 20 + number).convert("RGB")
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()


GOOD = picture()
BRISK = Manners(base=0.001, probe_first=0.05, probes=3)


async def link(engine, tmp_path, *links):
    path = simple(tmp_path / "a.zip", {"a": list(links)})
    with DwcaSource(path, tmp_path) as source:
        await ingest(engine, source)


async def states(engine):
    query = "SELECT identifier, state, reason, attempts, lease_until FROM image"
    async with engine.connect() as connection:
        found = list(await connection.execute(text(query)))
    assert all(row.lease_until is None for row in found)
    return {row.identifier.rpartition("/")[2]: row for row in found}


async def test_a_folder_becomes_files_and_thumbnails_and_its_bad_images_say_why(
    engine, settings, tmp_path
):
    root = tmp_path / "museum"
    root.mkdir()
    for number in range(12):
        (root / f"{number}.jpg").write_bytes(picture(number))
    (root / "cut.jpg").write_bytes(GOOD[: len(GOOD) // 2])
    (root / "page.jpg").write_bytes(b"<!doctype html><html><body>moved</body></html>")
    (root / "turned.png").write_bytes(picture(1, (40, 30), "PNG"))
    await ingest(engine, FolderSource(root))
    seen = []
    counts = await fetch_images(engine, settings, progress=lambda *given: seen.append(given))
    assert counts.states == {"ok": 13, "invalid": 2}
    assert seen[-1] == (15, 15)
    found = await states(engine)
    assert "truncated" in found["cut.jpg"].reason
    assert "web page" in found["page.jpg"].reason
    store = Store(settings.home)
    async with engine.connect() as connection:
        kept = list(await connection.execute(text("SELECT * FROM image WHERE state = 'ok'")))
    for row in kept:
        original = (root / row.identifier).read_bytes()
        assert store.read(row.sha256) == original
        assert row.bytes == len(original)
        expected = (40, 30) if row.identifier == "turned.png" else (900, 600)
        assert (row.width, row.height) == expected
        with Image.open(io.BytesIO(store.read(row.sha256, "thumbs"))) as small:
            assert max(small.size) == min(512, max(expected))
        assert row.phash is not None
    again = await fetch_images(engine, settings)
    assert not again.states


async def test_images_inside_a_zip_are_read_in_place(engine, settings, tmp_path):
    path = simple(tmp_path / "a.zip", {"a": ["img/1.jpg", "img/none.jpg"]})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("img/1.jpg", GOOD)
    with DwcaSource(path, tmp_path) as source:
        receipt = await ingest(engine, source)
    assert receipt.rejected == {"the source holds no such file": 1}
    assert (await fetch_images(engine, settings)).states == {"ok": 1}


async def test_every_answer_of_a_host_becomes_a_state(engine, settings, tmp_path):
    flaky = 0

    async def answer(request):
        nonlocal flaky
        match request.path:
            case "/good.jpg":
                return web.Response(body=GOOD)
            case "/page.jpg":
                return web.Response(text="<html><body>Sign in first", content_type="text/html")
            case "/drawing.jpg":
                return web.Response(text="<svg xmlns='http://www.w3.org/2000/svg'/>")
            case "/denied.jpg":
                return web.Response(status=403)
            case "/flaky.jpg":
                flaky += 1
                return web.Response(body=GOOD) if flaky > 2 else web.Response(status=500)
            case "/later.jpg":
                return web.Response(status=503, headers={"Retry-After": "100"})
        return web.Response(status=404)

    names = ["good", "page", "drawing", "denied", "flaky", "none"]
    # What denies has a host of its own: its closed breaker would decide over the others' order.
    async with serving(answer) as server, serving(answer) as denying:
        hosts = {"denied": denying}
        urls = [f"{hosts.get(name, server).url}/{name}.jpg" for name in names]
        await link(engine, tmp_path, *urls)
        counts = await fetch_images(engine, settings, rate=100.0, manners=BRISK)
        await link(engine, tmp_path, f"{server.url}/later.jpg")
        later = await fetch_images(engine, settings, rate=100.0)
    found = await states(engine)
    assert {name: found[f"{name}.jpg"].state for name in names} == {
        "good": "ok",
        "page": "invalid",
        "drawing": "invalid",
        "denied": "blocked",
        "flaky": "ok",
        "none": "gone",
    }
    assert found["flaky.jpg"].attempts == 3
    assert found["denied.jpg"].reason.startswith("gave up after 3 attempts: the host answered 403")
    assert counts.states == {"ok": 2, "invalid": 2, "blocked": 1, "gone": 1}
    assert later.states == {"retry": 1}
    wait = await value(
        engine,
        "SELECT extract(epoch FROM retry_at - now()) FROM image WHERE state = 'retry'",
    )
    assert 90 < float(str(wait)) <= 100
    assert all(agent.startswith("BioCosmos/") for agent in server.agents)


async def test_an_image_that_never_comes_is_given_up(engine, settings, tmp_path):
    async def broken(request):
        good = request.path == "/good.jpg"
        return web.Response(body=GOOD) if good else web.Response(status=500)

    patient = Manners(base=0.001, breaker_after=100)
    async with serving(broken) as server:
        await link(engine, tmp_path, f"{server.url}/1.jpg", f"{server.url}/good.jpg")
        await fetch_images(engine, settings, rate=1000.0, manners=patient)
    found = await states(engine)
    assert found["1.jpg"].state == "blocked"
    assert found["1.jpg"].reason.startswith("gave up after 10 attempts")
    assert found["good.jpg"].state == "ok"
    assert server.paths.count("/1.jpg") == 10


async def test_a_host_that_never_recovers_is_given_up_with_few_requests(engine, settings, tmp_path):
    async def refuse(request):
        return web.Response(text="<html>Access denied</html>")

    async with serving(refuse) as server:
        await link(engine, tmp_path, *(f"{server.url}/{n}.jpg" for n in range(20)))
        counts = await fetch_images(engine, settings, rate=1000.0, manners=BRISK)
        assert counts.states["blocked"] + counts.states["retry"] > 0
    found = await states(engine)
    assert {row.state for row in found.values()} == {"blocked"}
    assert "given up: the host sent a page that says we are blocked" in found["7.jpg"].reason
    assert len(server.times) <= 8


async def test_other_hosts_are_not_asked_without_a_contact(engine, settings, tmp_path):
    await link(engine, tmp_path, "http://museum.example/1.jpg")
    with pytest.raises(InvalidSetting, match="BIOCOSMOS_CONTACT"):
        await fetch_images(engine, settings)
    assert (await states(engine))["1.jpg"].state == "pending"


async def test_without_a_rate_only_what_lies_here_is_read(engine, settings, tmp_path):
    """Links that an earlier archive left pending are no business of a folder's."""
    await link(engine, tmp_path, "http://museum.example/far.jpg")
    root = tmp_path / "photos"
    root.mkdir()
    (root / "1.jpg").write_bytes(GOOD)
    await ingest(engine, FolderSource(root))
    assert (await fetch_images(engine, settings, rate=None)).states == {"ok": 1}
    assert (await states(engine))["far.jpg"].state == "pending"


async def test_two_workers_share_the_work_and_fetch_nothing_twice(
    engine, settings, tmp_path, monkeypatch
):
    """However late the second begins: until it does, the host is slow."""
    monkeypatch.setattr(lanes, "ROUND", 0.1)
    began: set[str] = set()
    worker = ContextVar[str]("worker")
    lease = leases.lease_of_host

    async def noticed(connection, host):
        began.add(worker.get())
        return await lease(connection, host)

    async def slow(request):
        await asyncio.sleep(0.02 if len(began) == 2 else 0.3)
        return web.Response(body=GOOD)

    async def work(name):
        worker.set(name)
        return await fetch_images(engine, settings, rate=500.0)

    monkeypatch.setattr(leases, "lease_of_host", noticed)
    async with serving(slow) as server:
        await link(engine, tmp_path, *(f"{server.url}/{n}.jpg" for n in range(150)))
        both = await asyncio.gather(work("one"), work("other"))
    assert sum(counts.states["ok"] for counts in both) == 150
    assert all(counts.states["ok"] for counts in both)
    assert len(server.paths) == len(set(server.paths)) == 150


async def test_what_a_dead_worker_had_taken_is_done_by_the_next(engine, settings, tmp_path):
    async def answer(request):
        return web.Response(body=GOOD)

    async with serving(answer) as server:
        await link(engine, tmp_path, f"{server.url}/1.jpg", f"{server.url}/2.jpg")
        host = server.url.removeprefix("http://")
        for _ in range(2):
            async with engine.begin() as connection:
                assert await leases.lease_of_host(connection, host)
        assert (await fetch_images(engine, settings, rate=100.0)).states == {"ok": 2}


async def test_the_limit_counts_images(engine, settings, tmp_path):
    root = tmp_path / "museum"
    root.mkdir()
    for number in range(5):
        (root / f"{number}.jpg").write_bytes(GOOD)
    await ingest(engine, FolderSource(root))
    assert (await fetch_images(engine, settings, limit=2)).states == {"ok": 2}
    assert await value(engine, "SELECT count(*) FROM image WHERE state = 'pending'") == 3


async def test_an_image_too_large_to_decode_is_refused(engine, database_url, tmp_path):
    root = tmp_path / "museum"
    root.mkdir()
    (root / "1.jpg").write_bytes(GOOD)
    await ingest(engine, FolderSource(root))
    small = Settings(home=tmp_path / "home", database_url=database_url, max_image_pixels=10_000)
    counts = await fetch_images(engine, small)
    assert counts.states == {"invalid": 1}
    assert "pixels" in (await states(engine))["1.jpg"].reason

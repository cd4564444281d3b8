"""What the operator sees of fetching, and what becomes of images that may not be copied."""

import io

from aiohttp import web
from PIL import Image
from rich.console import Console
from sqlalchemy import text

from core.storage import Store
from ingestor import status
from ingestor.manners import Manners
from ingestor.pictures import fetch_images
from tests.faults.museum import link
from tests.unit.ingestor.web import serving

BRISK = Manners(base=0.001, worth_waiting=0.0)


def picture(number):
    data = io.BytesIO()
    Image.effect_noise((640, 480), 20 + number).convert("RGB").save(data, "JPEG")
    return data.getvalue()


async def test_status_tells_of_hosts_and_reasons(engine, settings):
    async def answer(request):
        if request.path == "/refused":
            return web.Response(status=403)
        return (
            web.Response(body=picture(1)) if request.path == "/good" else web.Response(status=404)
        )

    async with serving(answer) as server, serving(answer) as other:
        await link(engine, [f"{server.url}/{name}" for name in ("good", "a", "b")])
        await link(engine, [f"{other.url}/refused"])
        await fetch_images(engine, settings, rate=100.0, manners=BRISK)
        found = await status.read(engine)
    assert {row.state: row.images for row in found.states} == {"ok": 1, "gone": 2, "retry": 1}
    refused, well = found.hosts
    assert (refused.breaker, refused.waiting, refused.errors) == ("open", 1, 1)
    assert (well.breaker, well.waiting, well.requests) == ("closed", 0, 4)
    gone, waits = found.reasons
    assert (gone.state, gone.images) == ("gone", 2)
    assert gone.sample == f"{server.url}/a"
    assert waits.reason == "the host answered 403 Forbidden"
    console = Console(width=200, record=True, file=io.StringIO())
    status.show(found, console)
    shown = console.export_text()
    assert "open, 60 s more" in shown or "open, 59 s more" in shown
    assert "50 of 100" in shown
    assert "the host answered 404 Not Found" in shown


async def test_what_may_not_be_copied_is_kept_for_work_only(engine, settings):
    async def answer(request):
        return web.Response(body=picture(int(request.path[1:])))

    async with serving(answer) as server:
        await link(engine, [f"{server.url}/{n}" for n in range(3)])
        async with engine.begin() as connection:
            for n, licence in enumerate(("CC-BY-4.0", "ALL-RIGHTS-RESERVED", None)):
                await connection.execute(
                    text("UPDATE image SET licence = :licence WHERE fetch_url LIKE :url"),
                    {"licence": licence, "url": f"%/{n}"},
                )
        counts = await fetch_images(engine, settings, rate=100.0)
        assert counts.states == {"ok": 3}
        async with engine.connect() as connection:
            query = text("SELECT id, sha256, licence FROM image")
            rows = list(await connection.execute(query))
    store = Store(settings.home)
    for row in rows:
        shown = row.licence == "CC-BY-4.0"
        assert store.has(row.sha256, "images") is shown
        assert store.has(row.sha256, "thumbs") is shown
        assert store.has(row.sha256, "private") is not shown
        assert store.find(row.sha256).read_bytes()

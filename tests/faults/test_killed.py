"""Workers and Postgres die without warning; the end is that of an undisturbed run."""

import random
import signal
import tempfile
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from core.db.embedded import serve as serve_database
from core.db.embedded import server_processes
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.settings import Settings
from core.storage import Store
from ingestor.manners import Manners
from ingestor.pictures import fetch_images
from tests.faults.museum import link, start

BRISK = Manners(base=0.01, probe_first=0.2, probe_longest=0.4)
RATE = 30.0
SLOW = 5.0
"""Requests a second that leave workers something to do for as long as they are killed."""
COPIES = 6
SEED = 11


def links(server, names, copies=4):
    """Links to every picture, `copies` times, and what the server does to some of them."""
    a, b, c, d, e = names[:5]
    server.misbehave(f"/images/{a}", "404")
    server.misbehave(f"/images/{b}", "html")
    server.misbehave(f"/images/{c}", "loop")
    server.misbehave(f"/images/{d}", "500", times=3, retry_after=None)
    server.misbehave(f"/images/{e}", "truncate", times=2)
    return [f"{server.url}/images/{name}?n={n}" for name in names for n in range(copies)]


async def outcome(engine, base):
    """All that does not depend on when it was written or on the server's port."""
    query = text(
        "SELECT fetch_url, state, reason, sha256, width, height, bytes, phash, lease_until"
        " FROM image"
    )
    async with engine.connect() as connection:
        rows = [tuple(row) for row in await connection.execute(query)]
    return sorted((url.removeprefix(base), *rest) for url, *rest in rows)


async def undisturbed(engine, settings, server, names, copies=4):
    await link(engine, links(server, names, copies))
    await fetch_images(engine, settings, rate=500.0, manners=BRISK)
    return await outcome(engine, server.url)


async def unfinished(engine):
    query = "SELECT count(*) FROM image WHERE state IN ('pending', 'leased', 'retry')"
    async with engine.connect() as connection:
        return (await connection.execute(text(query))).scalar_one()


async def kill_now_and_then(engine, server, begin, times):
    """Keep two workers running; `times` times let one ask the server something, then kill one."""
    chance = random.Random(SEED)
    running = [begin() for _ in range(2)]
    for _ in range(times):
        asked = len(server.visits)
        while len(server.visits) == asked and await unfinished(engine):
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.4))
        victim = running.pop(chance.randrange(2))
        victim.kill()
        victim.communicate()
        assert victim.returncode == -signal.SIGKILL, "it had nothing left to do"
        running.append(begin())
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.slow
async def test_killed_workers_change_nothing(
    engine, settings, make_database, serve, names, tmp_path
):
    with make_database() as url:
        other = create_engine(url)
        calm = Settings(home=tmp_path / "calm", database_url=url)
        expected = await undisturbed(other, calm, serve(1), names, COPIES)
        await other.dispose()
    assert {row[1] for row in expected} == {"ok", "gone", "invalid"}
    server = serve(2)
    await link(engine, links(server, names, COPIES))
    await kill_now_and_then(engine, server, lambda: start(settings, SLOW, BRISK), 20)
    assert await unfinished(engine) > 0  # else the last of them would have found nothing to do
    await fetch_images(engine, settings, rate=500.0, manners=BRISK)
    found = await outcome(engine, server.url)
    assert found == expected
    store = Store(settings.home)
    assert all(store.has(row[3], kind) for row in found if row[3] for kind in ("images", "thumbs"))


@pytest.mark.slow
async def test_a_killed_postgres_changes_nothing(engine, settings, serve, names, tmp_path):
    expected = await undisturbed(engine, settings, serve(1), names)
    server = serve(2)
    with tempfile.TemporaryDirectory(prefix="biocosmos-test-") as folder:
        home = Path(folder)
        with serve_database(home) as url:
            migrate(url)
            mine = Settings(home=home, database_url=url)
            before = create_engine(url)
            await link(before, links(server, names))
            await before.dispose()
            worker = start(mine, RATE, BRISK)
            while len(server.visits) < 30:
                time.sleep(0.05)
            for process in server_processes(home.resolve() / "postgres"):
                process.kill()
            _, said = worker.communicate(timeout=60)
            assert worker.returncode == 1
            assert said.startswith("The database cannot be reached")
            assert said.count("\n") == 1
        with serve_database(home) as url:
            after = create_engine(url)
            mine = Settings(home=home, database_url=url)
            assert 0 < await unfinished(after) < len(expected)
            await fetch_images(after, mine, rate=RATE, manners=BRISK)
            assert await outcome(after, server.url) == expected
            await after.dispose()

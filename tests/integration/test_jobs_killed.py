"""Workers that are killed while they read: what they did is not done again, nothing is lost."""

import asyncio
import os
import subprocess
import sys

import pytest

from core.db.engine import create_engine
from core.jobs import args, queue
from tests.integration.ingested import everything, value
from tests.paths import ROOT
from tests.unit.ingestor.archives import simple

RECORDS = 4000
KILLS = (600, 2000)
"""Records that are there when the worker is killed."""

WORKER = """
import asyncio, sys
from core.db.engine import create_engine
from core.jobs import worker
from core.settings import Settings
from ingestor.tasks import tasks
worker.LOOK = 0.5

async def main():
    engine = create_engine(sys.argv[1])
    settings = Settings(home=sys.argv[2], database_url=sys.argv[1])
    await worker.work(engine, tasks(engine, settings), ["ingest"], stale=1.0)

asyncio.run(main())
"""


def start(url, home):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, url, home],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


async def ask(engine, path):
    given = args.parse("ingest", {"source": "dwca", "path": str(path), "images": False})
    async with engine.begin() as connection:
        return await queue.enqueue(connection, "ingest", args.dump(given), label=given.label)


async def until(engine, process, query, least):
    while (await value(engine, query)) < least:
        assert process.poll() is None, process.communicate()[1]
        await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_killed_workers_leave_the_database_of_one_that_was_not(tmp_path, make_database):
    path = simple(
        tmp_path / "a.zip", {f"r{n}": [f"http://h/{n}.jpg"] * (n % 3) for n in range(RECORDS)}
    )
    records = "SELECT count(*) FROM record"
    done = "SELECT count(*) FROM job WHERE state = 'done' AND parent_id IS NULL"
    left = []
    for kills in ((), KILLS):
        with make_database() as url:
            engine = create_engine(url)
            own = await ask(engine, path)
            for least in kills:
                process = start(url, tmp_path / "home")
                await until(engine, process, records, least)
                process.kill()
                process.communicate()
            process = start(url, tmp_path / "home")
            await until(engine, process, done, 1)
            process.terminate()
            process.communicate()
            left.append(await everything(engine))
            attempts = "SELECT attempts FROM job WHERE id = :own"
            assert await value(engine, attempts, own=own) == len(kills) + 1
            read = "SELECT done FROM job WHERE parent_id = :own"
            assert await value(engine, read, own=own) == RECORDS  # gone on with, not begun again
            await engine.dispose()
    assert len(left[0]["records"]) == RECORDS
    assert left[0] == left[1]

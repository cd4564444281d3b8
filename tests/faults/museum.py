"""A museum that misbehaves, links to its pictures, and the processes that fetch them."""

import itertools
import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict
from uuid import uuid4

from sqlalchemy import insert, text

from core.db.tables import dataset, image
from tests.museums import environment
from tests.paths import ROOT


async def link(engine, urls):
    """Make an image of every link, as ingesting them would."""
    owner = uuid4()
    async with engine.begin() as connection:
        values = {"id": owner, "source": "test", "key": str(owner), "title": "Test"}
        await connection.execute(insert(dataset), values)
        fixed = {"dataset_id": owner, "licence": "CC-BY-4.0"}
        rows = [{"id": uuid4(), "identifier": url, "fetch_url": url} | fixed for url in urls]
        await connection.execute(insert(image), rows)


async def images(engine):
    """What became of them, by link."""
    query = "SELECT fetch_url, state, reason, sha256, attempts, lease_until FROM image"
    async with engine.connect() as connection:
        return {row.fetch_url: row for row in await connection.execute(text(query))}


async def host(engine, server):
    """The state of a server's host."""
    query = text("SELECT * FROM host WHERE name = :name")
    async with engine.connect() as connection:
        name = server.url.removeprefix("http://")
        return (await connection.execute(query, {"name": name})).one()


def start(settings, rate, manners):
    """Start a process that fetches."""
    options = {
        "url": settings.database_url,
        "home": str(settings.home),
        "rate": rate,
        "manners": asdict(manners),
    }
    command = [sys.executable, "-m", "tests.faults.worker", json.dumps(options)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(settings.home), stderr=subprocess.PIPE, text=True
    )


@contextmanager
def workers(count, settings, rate, manners):
    """So many processes that fetch; at the end they are waited for."""
    running = [start(settings, rate, manners) for _ in range(count)]
    try:
        yield running
        for process in running:
            _, said = process.communicate(timeout=120)
            assert process.returncode == 0, said
    finally:
        for process in running:
            process.kill()
            process.communicate()


def windows(visits, rate):
    """The shortest time in which `rate` + 1 requests came, in seconds."""
    times = sorted(visit.at for visit in visits)
    pairs = zip(times, itertools.islice(times, rate, None), strict=False)
    return min(later - earlier for earlier, later in pairs)

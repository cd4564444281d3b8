"""A museum that misbehaves, links to its pictures, and the processes that fetch them."""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from bisect import bisect
from contextlib import contextmanager
from dataclasses import asdict
from uuid import uuid4

from sqlalchemy import insert, text

from core.db.tables import dataset, image
from tests.museums import environment
from tests.paths import ROOT

ROUNDS = 3
"""Looks of a server's loop between a request's arrival and its log entry, at most."""


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


@contextmanager
def looks(server):
    """When the server had time to look for requests: what it logs may have come since the last.

    On a busy machine that is long before, and a request that was logged late is no proof that the
    next one came too soon after it.
    """
    seen = [time.monotonic()]

    async def look():
        while True:
            seen.append(time.monotonic())
            await asyncio.sleep(0.002)

    looking = asyncio.run_coroutine_threadsafe(look(), server._loop)
    try:
        yield seen
    finally:
        looking.cancel()


def windows(visits, rate, seen):
    """The shortest time in which `rate` + 1 requests can have come, in seconds.

    `seen` are the server's looks. Some pass between a request's arrival and its log entry: its
    connection is accepted in one and read in the next.
    """
    came = sorted(visit.at for visit in visits)
    since = [seen[max(0, bisect(seen, at) - ROUNDS)] for at in came]
    pairs = zip(since, itertools.islice(came, rate, None), strict=False)
    return min(later - earlier for earlier, later in pairs)

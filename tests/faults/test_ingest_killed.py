"""Processes that read sources die without warning; the end is that of an undisturbed run."""

import random
import subprocess
import sys
import time

import pytest
from sqlalchemy import text

from core.db.engine import create_engine
from core.sample.archive import write_archive
from tests.integration.ingested import everything
from tests.museums import environment
from tests.paths import ROOT

SEED = 5
KILLS = 8
SHOWN = {
    "specimens": "SELECT id, specimen_id, occurrence_key, catalog_key FROM record ORDER BY id",
    "images": "SELECT id, same_as FROM image ORDER BY id",
    "links": "SELECT record_id, image_id, position, merged FROM record_image ORDER BY 1, 2",
}


async def all_there_is(engine):
    async with engine.connect() as connection:
        shown = {
            name: [tuple(row) for row in await connection.execute(text(query))]
            for name, query in SHOWN.items()
        }
    return await everything(engine) | shown


def begin(home, url, server, *args):
    """Start `bin/ingest` with these arguments."""
    given = environment(home) | {
        "BIOCOSMOS_DATABASE_URL": url,
        "BIOCOSMOS_CONTACT": "me@example.org",
        "BIOCOSMOS_GBIF_URL": server.url,
        "BIOCOSMOS_IDIGBIO_URL": server.url,
        "BIOCOSMOS_IDIGBIO_MEDIA_URL": f"{server.url}/",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ingestor.cli", *map(str, args), "--no-images"],
        cwd=ROOT,
        env=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def to_the_end(process):
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said


@pytest.mark.slow
async def test_killed_readers_lose_nothing_and_pair_nothing_wrongly(
    engine, settings, database_url, make_database, serve, tmp_path
):
    """Three sources of one museum, two at a time, killed again and again as they ask or write."""
    server = serve()
    archive = write_archive(server.museum, tmp_path / "museum.zip", server.url)
    rq = '{"kingdom":["animalia","plantae"]}'
    sources = [
        ("gbif", "--param", "occurrenceStatus=PRESENT", "--taxon", "Animalia"),
        ("idigbio", "--rq", rq),
        ("dwca", archive),
    ]
    with make_database() as url:
        for source in sources:
            to_the_end(begin(tmp_path / "calm", url, server, *source, "--rate", 1000))
        calm = create_engine(url)
        expected = await all_there_is(calm)
        await calm.dispose()
    assert len(expected["specimens"]) > len(server.museum.records)
    assert any(row[1] for row in expected["specimens"])
    chance = random.Random(SEED)
    killed = 0
    while killed < KILLS:
        running = [
            begin(settings.home, database_url, server, *source, "--rate", 20)
            for source in chance.sample(sources, 2)
        ]
        asked = len(server.visits)
        while len(server.visits) == asked and any(each.poll() is None for each in running):
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 1.0))
        for process in running:
            process.kill()
            process.communicate()
            killed += process.returncode == -9
    for source in sources:
        to_the_end(begin(settings.home, database_url, server, *source, "--rate", 1000))
    assert await all_there_is(engine) == expected

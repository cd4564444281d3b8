"""Bringing what changed: against the sample museum's server in the role of the portals."""

import datetime
import os
import shutil

import pytest
from PIL import Image
from sqlalchemy import text

from core.jobs import args
from core.jobs.running import tracked
from core.settings import Settings
from ingestor.tasks import perform
from ingestor.work import Teller, Work
from tests.integration.ingested import value
from tests.unit.ingestor.archives import simple

pytest_plugins = ("tests.portals",)

OLD, NEW = "2020-01-01T00:00:00.000+00:00", "2099-01-01T00:00:00.000+00:00"


@pytest.fixture
def here(tmp_path, server, database_url):
    return Settings(
        home=tmp_path / "home",
        database_url=database_url,
        contact="me@example.org",
        gbif_url=server.url,
        idigbio_url=server.url,
        idigbio_media_url=server.url,
    )


async def do(engine, settings, kind, **given):
    """Do a job as the command line does; returns what it said and its counts."""
    asked = args.parse(kind, given)
    async with tracked(engine, kind, args.label(kind, asked), args.dump(asked)) as job:
        await perform(Work(engine, settings, Teller(job)), kind, asked)
    said = await events(engine, job.id)
    return said, job.counts


async def events(engine, own):
    asked = text("SELECT message FROM job_event WHERE job_id = :own ORDER BY id")
    async with engine.connect() as connection:
        return "\n".join(await connection.scalars(asked, {"own": own}))


async def change(engine, statement, **given):
    async with engine.begin() as connection:
        await connection.execute(text(statement), given)


async def current(engine):
    return await value(engine, "SELECT count(*) FROM record WHERE withdrawn_at IS NULL")


def gbif(server):
    return {"source": "gbif", "taxon": ("Animalia",), "images": False, "rate": 1000}


async def sync(engine, settings, **given):
    return await do(engine, settings, "sync", images=False, rate=1000, **given)


async def test_gbif_is_asked_for_what_changed_and_the_rest_is_left_alone(
    server, engine, here
) -> None:
    occurrences = server.portals.gbif.occurrences
    for each in occurrences:
        each["lastInterpreted"] = OLD
    await do(engine, here, "ingest", **gbif(server))
    before = await current(engine)
    changed, looked_at, gone = [each for each in occurrences if each.get("media")][:3]
    changed |= {"lastInterpreted": NEW, "recordedBy": "Somebody Else"}
    looked_at["lastInterpreted"] = NEW
    occurrences.remove(gone)
    _, counts = await sync(engine, here)
    assert (counts["changed"], counts["unchanged"], counts["seen"]) == (1, 1, 2)
    assert (
        await value(engine, "SELECT count(*) FROM record WHERE recorded_by = 'Somebody Else'") == 1
    )
    assert await current(engine) == before  # a part was read: nothing is known to be gone
    _, counts = await sync(engine, here, whole=True)
    assert counts["withdrawn"] == 1
    assert await current(engine) == before - 1


async def test_after_a_month_a_source_is_read_as_a_whole(server, engine, here) -> None:
    for each in server.portals.gbif.occurrences:
        each["lastInterpreted"] = OLD
    await do(engine, here, "ingest", **gbif(server))
    server.portals.gbif.occurrences.remove(
        next(each for each in server.portals.gbif.occurrences if each.get("media"))
    )
    _, counts = await sync(engine, here)
    assert counts["withdrawn"] == 0
    await change(engine, "UPDATE source SET whole_at = now() - interval '31 days'")
    _, counts = await sync(engine, here)
    assert counts["withdrawn"] == 1


async def test_idigbio_is_asked_for_what_changed(server, engine, here) -> None:
    records = server.portals.idigbio.records
    for each in records:
        each["indexTerms"]["datemodified"] = OLD
    rq = {"institutioncode": records[0]["indexTerms"]["institutioncode"]}
    await do(engine, here, "ingest", source="idigbio", rq=rq, images=False, rate=1000)
    known = await current(engine)
    assert known > 1
    mine = next(r for r in records if r["indexTerms"]["hasImage"] and _of(r, rq))
    mine["indexTerms"]["datemodified"] = NEW
    mine["data"]["dwc:recordedBy"] = "Somebody Else"
    _, counts = await sync(engine, here)
    assert (counts["changed"], counts["seen"]) == (1, 1)
    assert await current(engine) == known


def _of(record, rq):
    return record["indexTerms"]["institutioncode"] == rq["institutioncode"]


async def test_an_archive_that_is_the_same_is_not_read_again(engine, here, tmp_path) -> None:
    path = simple(tmp_path / "a.zip", {"a": [], "b": []})
    await do(engine, here, "ingest", source="dwca", path=str(path), images=False)
    said, counts = await sync(engine, here)
    assert "nothing changed" in said
    assert counts["seen"] == 0
    simple(tmp_path / "a.zip", {"a": []})
    _, counts = await sync(engine, here, source="dwca")
    assert (counts["seen"], counts["withdrawn"]) == (1, 1)


async def test_an_archive_behind_a_link_is_asked_for_by_its_marks(server, engine, here) -> None:
    url = f"{server.url}/archive.zip"
    await do(engine, here, "ingest", source="dwca", path=url, images=False)
    said, _ = await sync(engine, here)
    assert "nothing changed" in said
    asked = [visit for visit in server.visits if visit.path == "/archive.zip"]
    assert len(asked) == 2


async def test_pictures_that_were_replaced_in_a_folder_are_read_again(
    engine, here, tmp_path
) -> None:
    folder = tmp_path / "Papilio_machaon"
    folder.mkdir()
    for name in ("a", "b"):
        Image.effect_noise((64, 48), 30).save(folder / f"{name}.png")
    await do(engine, here, "ingest", source="folder", path=str(folder))
    shas = "SELECT string_agg(sha256, ' ' ORDER BY identifier) FROM image WHERE state = 'ok'"
    before = str(await value(engine, shas)).split()
    Image.effect_noise((70, 50), 90).save(folder / "b.png")
    later = datetime.datetime.now().timestamp() + 5
    os.utime(folder / "b.png", (later, later))
    await do(engine, here, "sync")
    after = str(await value(engine, shas)).split()
    assert after[0] == before[0]
    assert after[1] != before[1]
    (folder / "a.png").unlink()
    _, counts = await do(engine, here, "sync")
    assert counts["withdrawn"] == 1


async def test_dead_links_are_asked_for_again_after_a_month(server, engine, here) -> None:
    await do(engine, here, "ingest", **gbif(server))
    await change(engine, "UPDATE image SET state = 'gone', reason = '404', updated_at = now()")
    await sync(engine, here, dataset="no such source")
    waiting = "SELECT count(*) FROM image WHERE state = 'retry'"
    assert await value(engine, waiting) == 0
    await change(engine, "UPDATE image SET updated_at = now() - interval '31 days'")
    said, counts = await sync(engine, here, dataset="no such source")
    dead = await value(engine, "SELECT count(*) FROM image")
    assert counts["links looked at again"] == dead == await value(engine, waiting)
    assert "a month ago" in said


async def test_what_was_no_picture_is_not_sent_again(server, engine, here) -> None:
    await do(engine, here, "ingest", **gbif(server))
    wrong = next(name for name, file in server.museum.files.items() if file.encoding == "html")
    url = f"{server.url}/images/{wrong}"
    await change(engine, "DELETE FROM record_image USING image WHERE image_id = id"
                 " AND fetch_url <> :url", url=url)  # fmt: skip
    await change(engine, "DELETE FROM image WHERE fetch_url <> :url", url=url)
    await do(engine, here, "download", rate=1000)
    state = "SELECT state || ' ' || (etag IS NOT NULL) FROM image"
    while (await value(engine, state)).startswith(
        "retry"
    ):  # asked twice: it may have been bad luck
        await change(engine, "UPDATE image SET retry_at = now()")
        await do(engine, here, "download", rate=1000)
    assert await value(engine, state) == "invalid true"
    reason = await value(engine, "SELECT reason FROM image")
    await change(engine, "UPDATE image SET updated_at = now() - interval '31 days'")
    await do(engine, here, "sync", dataset="no such source", rate=1000)
    assert await value(engine, state) == "invalid true"
    assert await value(engine, "SELECT reason FROM image") == reason
    server.museum.files[wrong], kept = (
        next(file for file in server.museum.files.values() if file.encoding != "html"),
        server.museum.files[wrong],
    )
    server.drawn.pop(wrong)
    await change(engine, "UPDATE image SET updated_at = now() - interval '31 days'")
    await do(engine, here, "sync", dataset="no such source", rate=1000)
    server.museum.files[wrong] = kept
    assert await value(engine, state) == "ok true"


async def test_a_licence_that_was_opened_lets_the_copy_be_shown(server, engine, here) -> None:
    await do(engine, here, "ingest", **{**gbif(server), "limit": 40})
    await change(engine, "UPDATE image SET licence = 'ALL-RIGHTS-RESERVED'")
    await do(engine, here, "download", rate=1000)
    private = list((here.home / "private").rglob("*"))
    fetched = await value(engine, "SELECT count(DISTINCT sha256) FROM image WHERE state = 'ok'")
    assert len([each for each in private if each.is_file()]) == fetched > 0
    assert not (here.home / "thumbs").exists()
    await change(engine, "UPDATE image SET licence = 'CC0-1.0'")
    server.visits.clear()
    await sync(engine, here, source="folder")
    shown = [each for each in (here.home / "thumbs").rglob("*") if each.is_file()]
    assert len(shown) == fetched
    assert not [each for each in (here.home / "private").rglob("*") if each.is_file()]
    assert not server.visits
    shutil.rmtree(here.home / "images")  # lost: it has to be fetched again
    await sync(engine, here, source="folder")
    assert await value(engine, "SELECT count(*) FROM image WHERE state = 'ok'") == 0


async def test_a_source_that_fails_does_not_hold_up_the_others(engine, here, tmp_path) -> None:
    for name in ("one", "two"):
        path = simple(tmp_path / f"{name}.zip", {name: []})
        await do(engine, here, "ingest", source="dwca", path=str(path), images=False)
    (tmp_path / "one.zip").unlink()
    said, _ = await sync(engine, here)
    assert "one.zip does not exist" in said
    assert "two.zip: nothing changed" in said

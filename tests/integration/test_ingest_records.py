"""Ingesting records: nothing lost, nothing twice, nothing paired wrongly."""

import asyncio
import random

import pytest
from sqlalchemy import text

from core.errors import Conflict
from ingestor import records, run
from ingestor.jobs import only_one
from ingestor.run import ingest
from ingestor.sources.dwca import DwcaSource
from ingestor.sources.folder import FolderSource
from tests.integration.ingested import everything, pairs, value
from tests.paths import SHARED_DATA, needs_shared
from tests.unit.ingestor.archives import (
    MULTIMEDIA,
    field,
    simple,
    table,
    tsv,
    write,
)

DOWNLOAD = SHARED_DATA / "records/dwca/rgbif_gbif_download/0000066-140928181241064.zip"


def archive(tmp_path, media, name="a.zip", **options):
    return simple(tmp_path / name, media, **options)


async def bring(engine, path, tmp_path, *, page_size=5, **options):
    with DwcaSource(path, tmp_path / "unpacked", page_size=page_size) as source:
        return await ingest(engine, source, **options)


@needs_shared
async def test_a_real_download_comes_in_whole_and_again_changes_nothing(engine, tmp_path):
    seen = []
    with DwcaSource(DOWNLOAD, tmp_path) as source:
        receipt = await ingest(engine, source, progress=lambda *given: seen.append(given))
    assert (receipt.seen, receipt.new, receipt.unchanged) == (470, 470, 0)
    assert seen[-1] == (470, 470)
    assert await value(engine, "SELECT count(*) FROM dataset") == 26
    # 21 image files are shared by many records; 5 links lead to pages about an image
    assert receipt.images_new == await value(engine, "SELECT count(*) FROM image")
    assert receipt.images_linked == await value(engine, "SELECT count(*) FROM record_image")
    assert receipt.images_linked > 5 * receipt.images_new
    before = await everything(engine)
    again = await bring(engine, DOWNLOAD, tmp_path, page_size=500)
    assert (again.new, again.changed, again.unchanged) == (0, 0, 470)
    assert (again.withdrawn, again.images_new) == (0, 0)
    assert await everything(engine) == before


@needs_shared
async def test_a_real_folder_comes_in_with_both_sides_of_a_specimen_together(engine):
    images = SHARED_DATA / "images"
    receipt = await ingest(engine, FolderSource(images, images / "records.csv"))
    assert (receipt.seen, receipt.images_linked, receipt.rejected) == (576, 745, {})
    both = await value(
        engine,
        "SELECT count(*) FROM (SELECT record_id FROM record_image JOIN image ON id = image_id"
        " WHERE view IN ('dorsal', 'ventral') GROUP BY 1 HAVING count(DISTINCT view) = 2) AS s",
    )
    assert both == 169


async def test_no_image_ends_up_with_another_record(engine, tmp_path):
    chance = random.Random(7)
    media = {f"r{n}": [f"http://h/{n}-{k}.jpg" for k in range(n * 5 % 8)] for n in range(60)}
    order = list(range(sum(map(len, media.values()))))
    chance.shuffle(order)
    receipt = await bring(engine, archive(tmp_path, media, order=order), tmp_path)
    assert receipt.seen == 60
    assert await pairs(engine) == {record: set(links) for record, links in media.items()}


async def test_an_image_of_two_records_is_one_image_with_two_links(engine, tmp_path):
    media = {"a": ["http://h/1.jpg"], "b": ["http://h/1.jpg", "http://h/1.jpg"]}
    receipt = await bring(engine, archive(tmp_path, media), tmp_path)
    assert (receipt.images_new, receipt.images_linked) == (1, 2)


async def test_pages_with_few_images_or_none_do_not_end_the_run(engine, tmp_path):
    media = {f"r{n}": ["http://h/only.jpg"] if n == 90 else [] for n in range(100)}
    assert (await bring(engine, archive(tmp_path, media), tmp_path)).seen == 100
    assert (await pairs(engine))["r90"] == {"http://h/only.jpg"}


async def test_a_bad_row_costs_itself_alone_and_is_kept_with_its_reason(engine, tmp_path):
    header = ("id", "scientificName", "recordedBy")
    lines = [
        *[(f"r{n}", "Papilio machaon", "x" * 5000) for n in range(12)],
        ("", "", ""),
        ("shifted", "a", "b", "c"),
        ("r12", "Papilio\0machaon", "nul"),
    ]
    links = [("r1", "http://h/1.jpg"), ("r1", "http://h/song.mp3"), ("nobody", "http://h/2.jpg")]
    path = write(
        tmp_path / "a.zip",
        {"o.txt": tsv(header, *lines), "m.txt": tsv(("id", "u"), *links)},
        table("core", "o.txt", ["occurrenceID", "scientificName", "recordedBy"]),
        table("extension", "m.txt", field("identifier", 1), row_type=MULTIMEDIA),
    )
    receipt = await bring(engine, path, tmp_path)
    assert receipt.seen == 12
    async with engine.connect() as connection:
        found = await connection.execute(text("SELECT locator, reason, verbatim FROM rejection"))
        rejected = {row.locator: row for row in found}
    assert set(rejected) == {"o.txt:15", "o.txt:16", "m.txt:3", "m.txt:4"}
    assert "4 cells where 3 are expected" in rejected["o.txt:15"].reason
    assert rejected["m.txt:4"].verbatim == {"identifier": "http://h/2.jpg"}
    assert sum(receipt.rejected.values()) == 4
    assert await value(engine, "SELECT recorded_by FROM record LIMIT 1") == "x" * 5000


async def test_a_row_the_database_cannot_hold_costs_itself_alone(engine, tmp_path):
    chance = random.Random(1)
    rows = [(f"r{n}", f"YPM {n}") for n in range(11)]
    for n in (3, 7):  # longer than an index can hold, and not to be compressed
        rows[n] = (f"r{n}", "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9000)))
    path = write(
        tmp_path / "a.zip",
        {"o.txt": tsv(("id", "catalogNumber"), *rows)},
        table("core", "o.txt", ["occurrenceID", "catalogNumber"]),
    )
    receipt = await bring(engine, path, tmp_path)
    assert receipt.seen == 9
    assert receipt.rejected == {"the database cannot hold the row": 2}
    kept = "SELECT length(verbatim->>'catalogNumber') FROM rejection WHERE locator = 'o.txt:5'"
    assert await value(engine, kept) == 9000


async def test_changes_withdrawals_and_returns(engine, tmp_path):
    def museum(*rows):
        eml = '<eml packageId="urn:museum/v1"><dataset><title>Museum</title></dataset></eml>'
        return write(
            tmp_path / "a.zip",
            {"o.txt": tsv(("id", "sex"), *rows), "eml.xml": eml},
            table("core", "o.txt", ["occurrenceID", "sex"]),
            metadata="eml.xml",
        )

    async def state():
        receipt = await bring(engine, museum(*rows), tmp_path)
        return (receipt.new, receipt.changed, receipt.unchanged, receipt.withdrawn)

    rows = [("1", "male"), ("2", "male"), ("3", "male")]
    assert await state() == (3, 0, 0, 0)
    rows = [("1", "male"), ("2", "female")]
    assert await state() == (0, 1, 1, 1)
    gone = "SELECT occurrence_id FROM record WHERE withdrawn_at IS NOT NULL"
    assert await value(engine, gone) == "3"
    rows = [("3", "male"), ("2", "female"), ("1", "male")]
    assert await state() == (0, 0, 3, 0)
    assert await value(engine, "SELECT count(withdrawn_at) FROM record") == 0
    # a part of an archive withdraws nothing
    await bring(engine, museum(("1", "male")), tmp_path, limit=1)
    assert await value(engine, "SELECT count(withdrawn_at) FROM record") == 0


async def test_one_download_does_not_withdraw_what_another_showed_since(engine, tmp_path):
    def download(name, *ids):
        rows = [(i, "dataset-1") for i in ids]
        return write(
            tmp_path / name,
            {"o.txt": tsv(("id", "d"), *rows)},
            table("core", "o.txt", ["gbifID", "datasetKey"]),
        )

    await bring(engine, download("one.zip", "1", "2", "3"), tmp_path)
    await bring(engine, download("two.zip", "3", "4"), tmp_path)
    receipt = await bring(engine, download("one.zip", "1"), tmp_path)
    assert receipt.withdrawn == 1
    gone = "SELECT source_record_id FROM record WHERE withdrawn_at IS NOT NULL"
    assert await value(engine, gone) == "2"


async def test_images_that_left_a_record_are_no_longer_linked(engine, tmp_path):
    await bring(engine, archive(tmp_path, {"a": ["http://h/1", "http://h/2"], "b": []}), tmp_path)
    await bring(engine, archive(tmp_path, {"a": ["http://h/2"], "b": []}), tmp_path)
    assert await pairs(engine) == {"a": {"http://h/2"}, "b": set()}


async def test_a_mended_row_is_no_longer_rejected(engine, tmp_path):
    def museum(*row):
        return write(
            tmp_path / "a.zip",
            {"o.txt": tsv(("id", "sex"), ("1", "male"), row)},
            table("core", "o.txt", ["occurrenceID", "sex"]),
        )

    await bring(engine, museum("2", "male", "shifted"), tmp_path)
    assert await value(engine, "SELECT count(*) FROM rejection") == 1
    await bring(engine, museum("2", "male"), tmp_path)
    assert await value(engine, "SELECT count(*) FROM rejection") == 0


@pytest.mark.parametrize("failing", [1, 3, 6])
async def test_a_failed_write_loses_nothing_and_the_next_run_goes_on(
    engine, tmp_path, monkeypatch, failing
):
    media = {f"r{n}": [f"http://h/{n}-{k}.jpg" for k in range(n % 4)] for n in range(30)}
    path = archive(tmp_path, media)
    calls = 0
    whole = records.write_batch

    async def fail(connection, batch, job):
        nonlocal calls
        calls += 1
        counts = await whole(connection, batch, job)
        if calls == failing:  # after the statements, before the commit
            raise OSError("the disk is full")
        return counts

    monkeypatch.setattr(run.records, "write_batch", fail)
    with pytest.raises(OSError, match="disk is full"):
        await bring(engine, path, tmp_path)
    assert await value(engine, "SELECT count(*) FROM record") == 5 * (failing - 1)
    assert "disk is full" in str(await value(engine, "SELECT error FROM job"))
    receipt = await bring(engine, path, tmp_path)
    assert (receipt.seen, receipt.new) == (30, 30)  # over both goes
    assert calls == 7
    assert await pairs(engine) == {record: set(links) for record, links in media.items()}
    assert await value(engine, "SELECT count(*) FROM job WHERE state = 'done'") == 1


async def test_a_run_that_broke_off_starts_anew_when_the_archive_has_changed(
    engine, tmp_path, monkeypatch
):
    path = archive(tmp_path, {f"r{n}": [] for n in range(20)})

    async def fail(connection, job):
        raise OSError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(run.records, "withdraw_unseen", fail)
        with pytest.raises(OSError, match="gone"):
            await bring(engine, path, tmp_path)
    path = archive(tmp_path, {f"r{n}": [] for n in range(5, 26)})
    receipt = await bring(engine, path, tmp_path)
    assert (receipt.seen, receipt.new, receipt.withdrawn) == (21, 6, 5)


async def test_a_stopped_run_goes_on_where_it_was(engine, tmp_path):
    media = {f"r{n}": [f"http://h/{n}.jpg"] for n in range(200)}
    path = archive(tmp_path, media)
    under_way = asyncio.Event()
    going = asyncio.create_task(bring(engine, path, tmp_path, progress=lambda *_: under_way.set()))
    await under_way.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert await value(engine, "SELECT state FROM job") == "cancelled"
    before = await value(engine, "SELECT count(*) FROM record")
    assert 0 < int(str(before)) < 200
    receipt = await bring(engine, path, tmp_path)
    assert (receipt.new, receipt.unchanged) == (200, 0)
    assert await pairs(engine) == {record: set(links) for record, links in media.items()}


async def test_two_processes_do_not_ingest_the_same_archive_at_once(engine, tmp_path):
    path = archive(tmp_path, {"a": []})
    with DwcaSource(path, tmp_path) as source:
        async with only_one(engine, source):
            with pytest.raises(Conflict, match=r"a\.zip is being ingested"):
                await ingest(engine, source)
        assert (await ingest(engine, source)).seen == 1


async def test_what_an_older_interpreter_read_is_read_again_though_unchanged(engine, tmp_path):
    path = archive(tmp_path, {"a": ["http://h/1.jpg"], "b": []})
    await bring(engine, path, tmp_path)
    before = await everything(engine)
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE record SET scientific_name = 'as it was read before', interpreter = 0"
                " WHERE occurrence_id = 'a'"
            )
        )
    receipt = await bring(engine, path, tmp_path)
    assert (receipt.new, receipt.changed, receipt.unchanged) == (0, 0, 2)
    assert await everything(engine) == before

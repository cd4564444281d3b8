"""The same museum from several sources: every specimen shown once, every source kept."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text

from backend.images.queries import of_record
from backend.records import service
from backend.records.queries import by_id, same_specimen
from core.db.engine import create_engine
from core.sample.archive import write_archive
from core.storage import Store
from core.vectors import copy_vectors
from core.versions import ensure
from ingestor.manners import Manners
from ingestor.merging import merge_all, unmerge_all
from ingestor.pictures import fetch_images
from ingestor.run import ingest
from ingestor.sources.dwca import DwcaSource
from ingestor.sources.gbif import open_gbif
from ingestor.sources.gbif_query import make_query
from ingestor.sources.idigbio import open_idigbio, parse_rq
from tests.integration.collection import spec, vectors
from tests.integration.ingested import everything, value
from tests.unit.ingestor.archives import MULTIMEDIA, field, table, tsv, write

pytest_plugins = ("tests.portals",)

BRISK = Manners(base=0.01, probe_first=0.1, probe_longest=0.2, placeholder=0.05)
SHOWN = "SELECT id FROM record WHERE specimen_id IS NULL AND withdrawn_at IS NULL"
ALL = '{"kingdom":["animalia","plantae"]}'
STATE = {
    "specimens": "SELECT id, specimen_id FROM record ORDER BY id",
    "images": "SELECT id, same_as FROM image ORDER BY id",
    "links": "SELECT record_id, image_id, position, merged FROM record_image ORDER BY 1, 2",
}


async def from_archive(engine, server, tmp_path):
    path = write_archive(server.museum, tmp_path / "museum.zip", server.url)
    with DwcaSource(path, tmp_path / "unpacked") as source:
        return await ingest(engine, source)


async def from_gbif(engine, server, portal):
    query = await make_query(portal, server.url, taxa=("Animalia", "Plantae"))
    return await ingest(engine, await open_gbif(portal, server.url, query))


async def from_idigbio(engine, server, portal):
    return await ingest(engine, await open_idigbio(portal, server.url, server.url, parse_rq(ALL)))


async def state(engine):
    async with engine.connect() as connection:
        return {
            name: [tuple(row) for row in await connection.execute(text(query))]
            for name, query in STATE.items()
        }


@pytest.mark.slow
async def test_three_sources_make_one_museum(engine, settings, server, portal, drawn, tmp_path):
    await from_idigbio(engine, server, portal)
    alone = await value(engine, f"SELECT count(*) FROM ({SHOWN}) AS shown")
    await from_gbif(engine, server, portal)
    await from_archive(engine, server, tmp_path)
    # the archive knows all records, and its own come first
    assert alone < await value(engine, f"SELECT count(*) FROM ({SHOWN}) AS shown")
    assert await value(engine, f"SELECT count(*) FROM ({SHOWN}) AS shown") == len(drawn.records)
    shown = f"SELECT count(*) FROM record WHERE id IN ({SHOWN}) AND source <> 'dwca'"
    assert await value(engine, shown) == 0
    wrong = (
        "SELECT count(*) FROM record r JOIN record s ON s.id = r.specimen_id"
        " WHERE lower(r.occurrence_id) <> lower(s.occurrence_id)"
    )
    assert await value(engine, wrong) == 0
    # a specimen's images, once each, in whatever size the portals have them
    once = (
        "SELECT count(*) FROM image i JOIN record_image ri ON ri.image_id = i.id"
        f" WHERE same_as IS NULL AND record_id IN ({SHOWN})"
    )
    stills = {(m.record, m.file) for m in drawn.media if m.type == "StillImage"}
    assert await value(engine, once) == len(stills)
    await fetch_images(engine, settings, rate=1000.0, limit=40, manners=BRISK)
    assert await value(engine, once) == len(stills)


async def test_the_order_of_the_sources_makes_no_difference_and_again_changes_nothing(
    engine, make_database, server, portal, tmp_path
):
    await from_archive(engine, server, tmp_path)
    await asyncio.gather(from_gbif(engine, server, portal), from_idigbio(engine, server, portal))
    one = await state(engine)
    with make_database() as url:
        other = create_engine(url)
        await from_idigbio(other, server, portal)
        await from_gbif(other, server, portal)
        await from_archive(other, server, tmp_path)
        found = await state(other)
        await other.dispose()
    assert found == one
    before = await everything(engine)
    await from_gbif(engine, server, portal)
    assert await merge_all(engine) == 0
    assert await state(engine) == one
    assert await everything(engine) == before


async def test_a_record_says_who_else_publishes_it(engine, server, portal):
    await from_gbif(engine, server, portal)
    await from_idigbio(engine, server, portal)
    merged = "SELECT id, specimen_id FROM record WHERE specimen_id IS NOT NULL ORDER BY id LIMIT 1"
    images = []
    async with engine.connect() as connection:
        theirs, shown = (await connection.execute(text(merged))).one()
        for own, other, source in ((shown, theirs, "idigbio"), (theirs, shown, "gbif")):
            rows = await same_specimen(connection, own)
            detail = service.detail(
                await by_id(connection, own), await of_record(connection, own), rows
            )
            assert [(each.id, each.source) for each in detail.also_published] == [(other, source)]
            assert detail.shown_as == (shown if own == theirs else None)
            images.append({image.id for image in detail.images})
    assert images[0] == images[1] != set()


async def test_an_older_database_is_merged_by_a_command_and_apart_again(engine, server, portal):
    await from_gbif(engine, server, portal)
    apart = await state(engine)
    await from_idigbio(engine, server, portal)
    merged = await state(engine)
    count = await value(engine, "SELECT count(*) FROM record WHERE specimen_id IS NOT NULL")
    assert count > 50
    assert await unmerge_all(engine) == count
    assert await value(engine, "SELECT count(*) FROM record_image WHERE merged") == 0
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE record SET occurrence_key = NULL, catalog_key = NULL")
        )
    assert await merge_all(engine) == count
    assert await state(engine) == merged
    assert await state(engine) != apart


def records(path, rows, media=()):
    """An archive of (occurrenceID, institutionCode, catalogNumber, family), and (id, link)."""
    names = ["occurrenceID", "institutionCode", "catalogNumber", "family", "scientificName"]
    lines = [(*row, "Papilio machaon") for row in rows]
    return write(
        path,
        {"o.txt": tsv(names, *lines), "m.txt": tsv(("id", "identifier"), *media)},
        table("core", "o.txt", names),
        table("extension", "m.txt", field("identifier", 1), row_type=MULTIMEDIA),
    )


async def bring(engine, path, tmp_path):
    with DwcaSource(path, tmp_path / "unpacked") as source:
        return await ingest(engine, source)


async def shown_by(engine):
    """The number of every current record that is shown instead of another, by its own."""
    query = (
        "SELECT r.catalog_number, s.dataset_id = r.dataset_id, s.catalog_number FROM record r"
        " JOIN record s ON s.id = r.specimen_id"
    )
    async with engine.connect() as connection:
        return sorted(row[0] for row in await connection.execute(text(query)))


async def test_what_changes_is_told_apart_again(engine, tmp_path):
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    own = [("urn:m:000001", "M", "M 1", "Papilionidae"), ("urn:m:000002", "M", "M 2", "Pieridae")]
    records(first, own)
    records(second, [("a", "M", "1", "Papilionidae"), ("b", "M", "2", "Papilionidae")])
    await bring(engine, first, tmp_path)
    await bring(engine, second, tmp_path)
    assert len(await shown_by(engine)) == 1  # the families of M 2 differ
    records(second, [("a", "M", "3", "Papilionidae"), ("b", "M", "2", "Pieridae")])
    await bring(engine, second, tmp_path)
    (one,) = await shown_by(engine)
    assert one.endswith("2")
    records(second, [("a", "M", "3", "Papilionidae")])
    await bring(engine, second, tmp_path)  # withdrawn
    assert await shown_by(engine) == []
    records(second, [("a", "M", "3", "Papilionidae"), ("b", "M", "2", "Pieridae")])
    await bring(engine, second, tmp_path)
    assert len(await shown_by(engine)) == 1
    records(second, [("b", "M", "2", "Pieridae"), ("c", "M", "M-2", "Pieridae")])
    await bring(engine, second, tmp_path)  # a number that a dataset uses twice
    assert await shown_by(engine) == []


async def test_pictures_with_the_same_bytes_make_one_specimen_once_they_are_here(
    engine, settings, server, tmp_path
):
    good = [n for n, f in server.museum.files.items() if f.encoding == "jpeg"][:3]
    for name, archive, prefix in (("x", "a.zip", ""), ("y", "b.zip", "?copy")):
        media = [
            (f"{name}{n}", f"{server.url}/images/{file}{prefix}") for n, file in enumerate(good)
        ]
        rows = [(f"{name}{n}", "", f"{name}{n}", "Papilionidae") for n in range(3)]
        await bring(engine, records(tmp_path / archive, rows, media), tmp_path)
    assert await shown_by(engine) == []
    await asyncio.gather(
        fetch_images(engine, settings, rate=500.0), fetch_images(engine, settings, rate=500.0)
    )
    assert len(await shown_by(engine)) == 3
    assert await value(engine, "SELECT count(*) FROM image WHERE same_as IS NOT NULL") == 3
    assert await value(engine, "SELECT count(*) FROM record_image WHERE merged") == 3


async def test_a_picture_that_stands_for_many_joins_nothing(engine, settings, server, tmp_path):
    name = next(n for n, f in server.museum.files.items() if f.encoding == "jpeg")
    for archive, mark in (("a.zip", "x"), ("b.zip", "y")):
        links = [(f"{mark}{n}", f"{server.url}/images/{name}?{mark}{n}") for n in range(3)]
        rows = [(f"{mark}{n}", "", "", "") for n in range(3)]
        await bring(engine, records(tmp_path / archive, rows, links), tmp_path)
    await fetch_images(engine, settings, rate=500.0)
    assert await shown_by(engine) == []


async def test_what_is_folded_has_no_vector_and_its_facts_find_the_shown_one(
    engine, settings, server, tmp_path
):
    name = next(n for n, f in server.museum.files.items() if f.encoding == "jpeg")
    link = f"{server.url}/images/{name}"
    own, theirs = tmp_path / "a.zip", tmp_path / "b.zip"
    await bring(
        engine,
        records(own, [("urn:m:000001", "", "", "Papilionidae")], [("urn:m:000001", link)]),
        tmp_path,
    )
    await fetch_images(engine, settings, rate=500.0)
    async with engine.begin() as connection:
        version = await ensure(connection, "v", spec())
        ids = list(await connection.scalars(text("SELECT id FROM image")))
        await copy_vectors(connection, version, ids, vectors(1, 8))
    found = "SELECT count(*) FROM embedding"
    facts = "SELECT cardinality(facets) FROM embedding"
    before = await value(engine, facts)
    rows = [("URN:m:000001", "MSS", "77", "Papilionidae")]
    await bring(engine, records(theirs, rows, [(rows[0][0], link)]), tmp_path)
    assert await value(engine, found) == 1
    assert await value(engine, facts) == before + 2  # their dataset and institution
    preferred = await value(engine, "SELECT specimen_id FROM record WHERE specimen_id IS NOT NULL")
    assert preferred is not None
    await fetch_images(engine, settings, rate=500.0)
    assert await value(engine, "SELECT count(*) FROM image WHERE same_as IS NOT NULL") == 1
    assert await value(engine, found) <= 1
    hidden = (
        "SELECT count(*) FROM embedding JOIN image i ON i.id = image_id WHERE same_as IS NOT NULL"
    )
    assert await value(engine, hidden) == 0


ONCE = """
SELECT fetch_url FROM image GROUP BY 1 HAVING count(*) > 1 AND bool_and(state = 'ok')
 AND count(*) FILTER (WHERE same_as IS NULL) = 1
"""
UNEQUAL = """
SELECT count(*) FROM image JOIN image AS shown ON shown.id = image.same_as
 WHERE (image.state, image.sha256) IS DISTINCT FROM (shown.state, shown.sha256)
"""


async def test_a_picture_that_two_portals_name_is_fetched_once(
    engine, settings, server, portal, tmp_path
):
    await from_archive(engine, server, tmp_path)
    await from_gbif(engine, server, portal)
    await fetch_images(engine, settings, rate=1000.0, manners=BRISK)
    async with engine.connect() as connection:
        shared = (await connection.scalars(text(ONCE))).all()
    asked = Counter(server.url + visit.path for visit in server.visits)
    assert len(shared) > 20
    assert {asked[url] for url in shared} == {1}
    assert await value(engine, UNEQUAL) == 0
    assert await value(engine, "SELECT count(*) FROM image WHERE state = 'pending'") == 0


async def test_what_is_read_later_has_the_pictures_that_are_here(
    engine, settings, server, portal, tmp_path
):
    await from_archive(engine, server, tmp_path)
    await fetch_images(engine, settings, rate=1000.0, manners=BRISK)
    await from_gbif(engine, server, portal)
    folded = "SELECT count(*) FROM image WHERE same_as IS NOT NULL AND state = '{}'"
    pending = await value(engine, folded.format("pending"))
    assert pending > 20
    server.visits.clear()
    await fetch_images(engine, settings, rate=1000.0, manners=BRISK)
    assert await value(engine, UNEQUAL) == 0
    assert len(server.visits) < pending
    assert await value(engine, folded.format("ok")) > 20


async def test_a_picture_that_is_lost_at_one_portal_is_had_from_the_other(
    engine, settings, server, portal, tmp_path
):
    await from_archive(engine, server, tmp_path)
    await from_idigbio(engine, server, portal)
    elsewhere = (
        "SELECT count(*) FROM image JOIN image AS shown ON shown.id = image.same_as"
        " WHERE image.fetch_url <> shown.fetch_url AND {}"
    )
    folded = await value(engine, elsewhere.format("true"))
    assert folded > 0
    server.misbehave("/images/*", "404")
    await fetch_images(engine, settings, rate=1000.0, manners=BRISK)
    had = elsewhere.format("image.state <> 'ok' AND shown.state = 'ok'")
    assert await value(engine, had) > 0  # the other portal's copy is shown now
    nobody = (
        "SELECT count(*) FROM image WHERE same_as IS NULL AND state <> 'ok' AND EXISTS"
        " (SELECT FROM image AS other WHERE other.same_as = image.id AND other.state = 'ok')"
    )
    assert await value(engine, nobody) == 0


async def test_a_copy_is_shown_where_one_of_the_portals_allows_it(
    engine, settings, server, portal, tmp_path
):
    await from_archive(engine, server, tmp_path)
    await from_gbif(engine, server, portal)
    pairs = (
        "SELECT id, same_as, fetch_url FROM image WHERE same_as IS NOT NULL AND licence LIKE 'CC%'"
    )
    async with engine.begin() as connection:
        found = (await connection.execute(text(pairs))).all()
        there = [row for row in found if row.fetch_url.rpartition("/")[2] in server.museum.files]
        folded, shown, _ = there[0]  # some of the museum's pictures are lost
        close = text("UPDATE image SET licence = 'ALL-RIGHTS-RESERVED' WHERE id = :id")
        await connection.execute(close, {"id": shown})
    await fetch_images(engine, settings, rate=1000.0, manners=BRISK)
    query = text("SELECT state, sha256 FROM image WHERE id IN (:one, :other)")
    async with engine.connect() as connection:
        rows = (await connection.execute(query, {"one": folded, "other": shown})).all()
    assert rows[0] == rows[1]
    assert rows[0].state == "ok"
    store = Store(settings.home)
    assert all(store.has(rows[0].sha256, kind) for kind in ("images", "thumbs"))

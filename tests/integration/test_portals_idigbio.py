"""iDigBio and IIIF end to end: servers that behave as the real ones do, a real database behind."""

import random
import uuid

import pytest
from sqlalchemy import text

from core.errors import PortalError, UnreadableSource
from core.sample.places import COLLECTIONS
from core.sample.portal_museum import dataset_key
from core.settings import Settings
from ingestor.pictures import fetch_images
from ingestor.run import ingest
from ingestor.sources.idigbio import open_idigbio, parse_rq
from ingestor.sources.iiif import IiifSource
from tests.integration.ingested import everything, pairs, value
from tests.paths import needs_shared
from tests.portals import published
from tests.unit.ingestor.recorded import idigbio_records

pytest_plugins = ("tests.portals",)

RECORDS, MEDIA = "/v2/search/records", "/v2/search/media"
ALL = '{"kingdom":["animalia","plantae"]}'


async def opened(server, portal, rq=ALL, **options):
    options = {"page_size": 7} | options
    return await open_idigbio(portal, server.url, server.url, parse_rq(rq), **options)


async def test_every_record_comes_with_its_own_images_and_once(server, portal, drawn, engine):
    receipt = await ingest(engine, await opened(server, portal))
    truth = published(drawn, server)
    assert await pairs(engine) == truth
    assert receipt.seen == receipt.new == len(truth)
    assert receipt.complete
    assert any("Sound" in reason for reason in receipt.rejected)
    before = await everything(engine)
    again = await ingest(engine, await opened(server, portal, page_size=50))
    assert (again.new, again.changed, again.withdrawn) == (0, 0, 0)
    assert await everything(engine) == before


async def test_a_recordset_is_a_dataset_with_its_attribution(server, portal, engine):
    await ingest(engine, await opened(server, portal))
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT key, title, licence FROM dataset"))
        found = {row.key: (row.title, row.licence) for row in rows}
    home = COLLECTIONS[1]
    assert found[dataset_key(home.key)] == (home.title, "CC-BY-4.0")
    assert len(found) == 3


async def test_requests_are_few_and_sorted_by_uuid(server, portal, drawn, engine):
    await ingest(engine, await opened(server, portal, page_size=20))
    paths = [visit.path for visit in server.visits]
    pages = -(-len(published(drawn, server)) // 20)
    assert paths.count(RECORDS) == pages + 2  # counted before and after
    assert paths.count(MEDIA) == pages


async def test_dates_invented_by_the_index_are_not_stored(server, portal, engine):
    await ingest(engine, await opened(server, portal))
    wrong = (
        "SELECT count(*) FROM record WHERE event_start = event_end"
        " AND verbatim->>'dwc:eventDate' ~ '^[0-9]{4}$'"
    )
    years = "SELECT count(*) FROM record WHERE verbatim->>'dwc:eventDate' ~ '^[0-9]{4}$'"
    assert await value(engine, years) > 0
    assert await value(engine, wrong) == 0


async def test_images_come_from_the_portals_rendition(server, portal, drawn, engine, tmp_path):
    await ingest(engine, await opened(server, portal), limit=12)
    home = Settings(home=tmp_path / "home", contact="me@example.org")
    counts = await fetch_images(engine, home, rate=500)
    assert counts.states["ok"] >= 12
    assert all(not path.startswith("/images/") for path in (v.path for v in server.visits))
    widest = await value(engine, "SELECT max(greatest(width, height)) FROM image")
    assert widest <= 600
    kept = await value(engine, "SELECT count(*) FROM image WHERE identifier NOT LIKE '%/images/%'")
    assert kept == 0


async def test_a_broken_run_goes_on_where_it_stopped(server, portal, drawn, engine):
    pages = 0

    def stop(done, total):
        nonlocal pages
        pages += 1
        if pages == 3:
            server.misbehave(MEDIA, "garble")

    with pytest.raises(PortalError, match="goes on from here"):
        await ingest(engine, await opened(server, portal), progress=stop)
    # the page that was under way when the third was written is kept too
    assert await value(engine, "SELECT count(*) FROM record") in (21, 28)
    server.rules.clear()
    receipt = await ingest(engine, await opened(server, portal))
    assert receipt.seen == receipt.new == len(published(drawn, server))
    assert await pairs(engine) == published(drawn, server)


async def test_trouble_in_the_middle_changes_nothing(server, portal, drawn, engine):
    faults = ["429", "503", "garble", "html", "disconnect", "truncate"]

    def worse(done, total):
        if faults:
            server.misbehave("/v2/search/*", faults.pop(), times=1, retry_after=0)

    receipt = await ingest(engine, await opened(server, portal), progress=worse)
    assert not faults
    assert receipt.complete
    assert await pairs(engine) == published(drawn, server)


async def test_what_is_added_and_removed_while_reading_shifts_no_page(server, portal, engine):
    held = server.portals.idigbio
    stable = {item["uuid"] for item in held.records if item["indexTerms"]["hasImage"]}
    rng = random.Random(7)

    def change(done, total):
        own = str(uuid.UUID(int=rng.getrandbits(128)))
        item = {"uuid": own, "data": {"dwc:catalogNumber": own}, "indexTerms": {}}
        item["indexTerms"] = {"recordset": "s", "hasImage": True, "kingdom": "plantae"}
        held.records.insert(0, item)
        gone = held.records.pop(rng.randrange(len(held.records)))
        stable.discard(gone["uuid"])

    await ingest(engine, await opened(server, portal), progress=change)
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT source_record_id FROM record"))
        found = list(rows.scalars())
    assert stable <= set(found)
    assert len(found) == len(set(found))


async def test_a_medium_that_is_listed_but_not_given_is_accounted_for(server, portal, engine):
    lost = server.portals.idigbio.media.pop(0)
    receipt = await ingest(engine, await opened(server, portal))
    reason = "iDigBio lists the medium with its record but does not give it"
    assert receipt.rejected[reason] == len(lost["indexTerms"]["records"])


async def test_a_portal_that_ignores_the_bound_is_noticed(server, portal, engine):
    honest = server.portals.idigbio.search

    def forgetful(what, asked):
        rq = {k: v for k, v in asked.get("rq", {}).items() if k != "uuid"}
        return honest(what, {**asked, "rq": rq})

    server.portals.idigbio.search = forgetful
    with pytest.raises(PortalError, match="not asked for"):
        await ingest(engine, await opened(server, portal))


async def test_records_that_are_withheld_are_no_reason_to_withdraw(server, portal, engine):
    await ingest(engine, await opened(server, portal))
    honest = server.portals.idigbio.search

    def lying(what, asked):
        answer = honest(what, asked)
        if what == "records" and asked["limit"] and "uuid" in asked["rq"]:
            answer |= {"items": [], "itemCount": 0}
        return answer

    server.portals.idigbio.search = lying
    receipt = await ingest(engine, await opened(server, portal))
    assert not receipt.complete
    assert receipt.withdrawn == 0
    assert "but showed 7" in receipt.notes[0]


@needs_shared
async def test_real_records_come_through_whole(server, portal, engine):
    held = server.portals.idigbio
    held.records, held.media = idigbio_records(), []
    listed = sum(len(r["indexTerms"].get("mediarecords", [])) for r in held.records)
    source = await opened(server, portal, '{"hasImage":[true,false]}', page_size=4)
    receipt = await ingest(engine, source)
    with_images = [r for r in held.records if "hasImage" in r["indexTerms"]]
    assert receipt.seen == len(with_images) == 31
    assert sum(receipt.rejected.values()) == listed > 0
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT source_record_id, verbatim FROM record"))
        verbatim = {row.source_record_id: row.verbatim for row in rows}
    for record in with_images:
        kept = verbatim[record["uuid"]]
        assert set(record["data"]) <= set(kept)
        for name, given_value in record["data"].items():
            if isinstance(given_value, str):
                assert kept[name] == given_value


@pytest.mark.parametrize("version", [2, 3])
async def test_a_collection_of_manifests_is_a_museum(server, portal, drawn, engine, version):
    url = f"{server.url}/presentation/{version}/collection.json"
    receipt = await ingest(engine, IiifSource(portal, url))
    truth = published(drawn, server)
    found = await pairs(engine)
    assert {record: links for record, links in found.items() if links} == {
        record: links for record, links in truth.items() if links
    }
    assert receipt.seen == len(drawn.records)
    assert await value(engine, "SELECT title FROM dataset") == "Sample museum"
    renditions = "SELECT count(*) FROM image WHERE fetch_url NOT LIKE '%/full/!1024,1024/%'"
    assert await value(engine, renditions) == 0
    before = await everything(engine)
    again = await ingest(engine, IiifSource(portal, url))
    assert again.unchanged == len(drawn.records)
    assert await everything(engine) == before


async def test_a_broken_run_over_a_collection_goes_on(server, portal, drawn, engine):
    url = f"{server.url}/presentation/3/collection.json"

    def stop(done, total):
        server.misbehave("*/manifest.json", "503", retry_after=0)

    with pytest.raises(PortalError):
        await ingest(engine, IiifSource(portal, url), progress=stop)
    assert await value(engine, "SELECT count(*) FROM record") == 10
    server.rules.clear()
    receipt = await ingest(engine, IiifSource(portal, url))
    assert receipt.seen == receipt.new == len(drawn.records)


async def test_a_manifest_that_is_gone_does_not_stop_the_others(server, portal, drawn, engine):
    name = drawn.records[3]["occurrenceID"].removeprefix("urn:uuid:")
    server.misbehave(f"*/{name}/manifest.json", "404")
    url = f"{server.url}/presentation/2/collection.json"
    receipt = await ingest(engine, IiifSource(portal, url))
    assert receipt.seen == len(drawn.records) - 1
    assert any("404" in r or "answered" in r for r in receipt.rejected)


async def test_one_manifest_and_one_image_service(server, portal, drawn, engine):
    name = drawn.records[0]["occurrenceID"].removeprefix("urn:uuid:")
    one = await ingest(
        engine, IiifSource(portal, f"{server.url}/presentation/3/{name}/manifest.json")
    )
    file = drawn.media[0].file
    image = await ingest(engine, IiifSource(portal, f"{server.url}/iiif/2/{file}/info.json"))
    assert (one.seen, image.seen, image.images_linked) == (1, 1, 1)
    with pytest.raises(UnreadableSource, match="neither"):
        await ingest(engine, IiifSource(portal, f"{server.url}{RECORDS}"))

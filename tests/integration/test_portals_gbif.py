"""GBIF end to end: a server that behaves as GBIF does, a real database behind."""

import copy
from collections import Counter

import pytest
from sqlalchemy import text

from core.errors import InvalidSetting, PortalError
from core.settings import Settings
from ingestor.pictures import fetch_images
from ingestor.run import ingest
from ingestor.sources.gbif import open_gbif
from ingestor.sources.gbif_download import Download, GbifDownload
from ingestor.sources.gbif_query import make_query
from tests import portals
from tests.integration.ingested import everything, pairs, value
from tests.paths import needs_shared
from tests.unit.ingestor.recorded import distinct_gbif

pytest_plugins = ("tests.portals",)

SEARCH = "/v1/occurrence/search"


async def opened(server, portal, *, page_size=7, window=100_000, **kw):
    query = await make_query(portal, server.url, taxa=("Animalia", "Plantae"))
    return await open_gbif(portal, server.url, query, page_size=page_size, window=window, **kw)


def published(drawn, server):
    """What a search for still images shows: no record that has none."""
    return {record: links for record, links in portals.published(drawn, server).items() if links}


async def test_every_record_comes_with_its_own_images_and_once(server, portal, drawn, engine):
    receipt = await ingest(engine, await opened(server, portal))
    truth = published(drawn, server)
    assert await pairs(engine) == truth
    assert (receipt.new, receipt.seen) == (len(truth), len(truth))
    assert receipt.complete
    reasons = "".join(receipt.rejected)
    assert "Sound" in reasons
    before = await everything(engine)
    again = await ingest(engine, await opened(server, portal, page_size=50))
    assert (again.new, again.changed, again.unchanged) == (0, 0, len(truth))
    assert again.withdrawn == 0
    assert await everything(engine) == before


async def test_datasets_are_described_once_with_citation_and_doi(server, portal, engine):
    await ingest(engine, await opened(server, portal))
    asked = Counter(v.path for v in server.visits if "/dataset/" in v.path)
    assert len(asked) == 3
    assert set(asked.values()) == {1}
    async with engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT title, publisher, licence, citation, doi FROM dataset ORDER BY doi")
        )
        first = rows.first()
    assert tuple(first) == (
        "Beetles and shells of the Halden Cabinet",
        "Halden Cabinet of Nature",
        "CC-BY-4.0",
        "Halden Cabinet of Nature. Beetles and shells of the Halden Cabinet.",
        "10.5072/sample-hcn-inv",
    )


async def test_a_dataset_that_is_gone_does_not_stop_the_run(server, portal, engine):
    server.portals.gbif.datasets.clear()
    receipt = await ingest(engine, await opened(server, portal))
    assert receipt.complete
    assert await value(engine, "SELECT count(*) FROM dataset WHERE title <> ''") == 3


@pytest.mark.parametrize("window", [40, 15, 9])
async def test_past_the_window_the_search_is_cut_and_nothing_is_lost(
    server, portal, drawn, engine, window
):
    server.portals.gbif.window = window
    receipt = await ingest(engine, await opened(server, portal, window=window))
    assert receipt.complete
    assert receipt.seen == len(published(drawn, server))
    assert await pairs(engine) == published(drawn, server)


async def test_a_limit_reads_no_more_and_withdraws_nothing(server, portal, engine):
    receipt = await ingest(engine, await opened(server, portal), limit=10)
    assert receipt.seen == 10
    assert not receipt.complete
    assert await value(engine, "SELECT count(*) FROM record") == 10


@pytest.mark.parametrize("window", [100_000, 15])
async def test_a_broken_run_goes_on_where_it_stopped(server, portal, drawn, engine, window):
    server.portals.gbif.window = window
    source = await opened(server, portal, window=window)
    pages = 0

    def stop(done, total):
        nonlocal pages
        pages += 1
        if pages == 4:
            server.misbehave(SEARCH, "garble")

    with pytest.raises(PortalError, match="goes on from here"):
        await ingest(engine, source, progress=stop)
    read = await value(engine, "SELECT count(*) FROM record")
    assert 0 < read < len(published(drawn, server))
    server.rules.clear()
    visits = len(server.visits)
    receipt = await ingest(engine, await opened(server, portal, window=window))
    assert receipt.seen == len(published(drawn, server))
    assert receipt.unchanged == 0, "no record was read twice"
    assert len(server.visits) > visits
    assert await pairs(engine) == published(drawn, server)


async def test_trouble_in_the_middle_changes_nothing(server, portal, drawn, engine):
    source = await opened(server, portal)
    faults = ["429", "503", "garble", "html", "disconnect", "truncate"]

    def worse(done, total):
        if faults:
            server.misbehave(SEARCH, faults.pop(), times=1, retry_after=0)

    receipt = await ingest(engine, source, progress=worse)
    assert not faults
    assert receipt.complete
    assert await pairs(engine) == published(drawn, server)


async def mutated(engine, server, portal, change):
    """Ingest while `change` is made to what GBIF holds, after every page but the last."""
    source = await opened(server, portal, page_size=10)
    pages = 0

    def told(done, total):
        nonlocal pages
        pages += 1
        change(server.portals.gbif.occurrences, pages)

    return await ingest(engine, source, progress=told)


async def counted(engine):
    return await value(engine, "SELECT count(*) FROM record")


async def test_pages_that_shift_back_repeat_records_but_store_them_once(server, portal, engine):
    def insert(occurrences, page):
        new = copy.deepcopy(occurrences[0])
        new |= {"key": 100 + page, "gbifID": str(100 + page), "occurrenceID": f"new {page}"}
        if page <= 3:
            occurrences.insert(0, new)

    total = len(
        server.portals.gbif.search([("mediaType", "StillImage"), ("limit", "0")])["results"]
    )
    receipt = await mutated(engine, server, portal, insert)
    have = [
        o
        for o in server.portals.gbif.occurrences
        if any(m["type"] == "StillImage" for m in o["media"])
    ]
    assert total == 0  # limit 0 gives none
    assert await counted(engine) == len(have)
    assert receipt.seen == len(have)
    assert receipt.complete


async def test_pages_that_shift_forward_lose_nothing(server, portal, engine):
    removed = []

    def remove(occurrences, page):
        if page in (1, 2):
            removed.append(occurrences.pop(0))

    receipt = await mutated(engine, server, portal, remove)
    left = {
        o["gbifID"]
        for o in server.portals.gbif.occurrences
        if any(m["type"] == "StillImage" for m in o["media"])
    }
    async with engine.connect() as connection:
        found = set(
            (await connection.execute(text("SELECT source_record_id FROM record"))).scalars()
        )
    assert left <= found
    assert receipt.seen == len(found)
    assert len(removed) == 2


async def test_records_that_gbif_counts_but_withholds_are_no_reason_to_withdraw(
    server, portal, engine, drawn
):
    await ingest(engine, await opened(server, portal))
    gbif = server.portals.gbif
    honest = gbif.search

    def lying(question):
        answer = honest(question)
        shown = [o for o in answer["results"] if o["key"] % 5]
        return answer | {"results": shown or answer["results"]}

    gbif.search = lying
    receipt = await ingest(engine, await opened(server, portal))
    assert not receipt.complete
    assert "but showed" in "".join(receipt.notes)
    assert receipt.withdrawn == 0


async def test_a_record_that_left_gbif_is_withdrawn(server, portal, engine):
    await ingest(engine, await opened(server, portal))
    gone = server.portals.gbif.occurrences.pop(0)
    receipt = await ingest(engine, await opened(server, portal))
    assert receipt.withdrawn == 1
    query = "SELECT occurrence_id FROM record WHERE withdrawn_at IS NOT NULL"
    assert await value(engine, query) == gone["occurrenceID"]


async def test_an_occurrence_without_a_key_is_kept_as_a_rejection(server, portal, engine):
    del server.portals.gbif.occurrences[3]["key"]
    receipt = await ingest(engine, await opened(server, portal))
    assert receipt.rejected["the occurrence has no key"] == 1
    assert receipt.complete


@needs_shared
async def test_real_occurrences_come_through_whole(server, portal, engine):
    real = distinct_gbif()
    server.portals.gbif.occurrences = real
    query = await make_query(
        portal, server.url, extra=["occurrenceStatus=PRESENT", "mediaType=StillImage"]
    )
    source = await open_gbif(portal, server.url, query, page_size=50, window=200)
    receipt = await ingest(engine, source)
    shown = [o for o in real if any(m.get("type") == "StillImage" for m in o["media"])]
    assert receipt.seen == len(shown) > 200
    assert receipt.complete
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT source_record_id, verbatim FROM record"))
        verbatim = {row.source_record_id: row.verbatim for row in rows}
        rows = await connection.execute(
            text(
                "SELECT source_record_id, identifier FROM record JOIN record_image"
                " ON record_id = record.id JOIN image ON image.id = image_id"
            )
        )
        linked = {(row.source_record_id, row.identifier) for row in rows}
    for occurrence in shown:
        kept = verbatim[occurrence["gbifID"]]
        assert {k for k, v in occurrence.items() if v not in ("", None)} <= set(kept)
    expected = {
        (o["gbifID"], m["identifier"])
        for o in shown
        for m in o["media"]
        if "identifier" in m and m["type"] == "StillImage"
    }
    assert linked == expected


def account(tmp_path, server, **more):
    return Settings(
        home=tmp_path / "home",
        contact="me@example.org",
        gbif_url=server.url,
        gbif_user="curator",
        gbif_password="secret",
        **more,
    )


async def downloaded(server, portal, tmp_path, engine, told=None):
    settings = account(tmp_path, server)
    query = await make_query(portal, server.url, taxa=("Animalia", "Plantae"))
    download = Download(portal, settings, query, poll=0.01)
    path = await download.fetch(told.append if told is not None else lambda _: None)
    with GbifDownload(path, settings.home / "archives", query, server.url) as source:
        receipt = await ingest(engine, source)
    download.used()
    return receipt, download


async def test_a_download_gives_the_very_records_of_the_search(
    server, portal, tmp_path, engine, drawn
):
    await ingest(engine, await opened(server, portal))
    ids = {row[0] for row in (await everything(engine))["records"]}
    links = (await everything(engine))["links"]
    told = []
    server.misbehave("/v1/occurrence/download/request", "420", times=1, retry_after=None)
    receipt, download = await downloaded(server, portal, tmp_path, engine, told)
    after = await everything(engine)
    assert ids <= {row[0] for row in after["records"]}
    assert {row[:2] for row in links} <= {row[:2] for row in after["links"]}
    assert receipt.changed == len(ids)
    assert {row[3] for row in after["images"]} == {row[2] for row in after["images"]}
    assert [line.rpartition(" ")[2] for line in told[1:]] == ["preparing", "running", "succeeded"]
    assert download.doi == "10.15468/dl.sample"
    assert server.portals.gbif.requested[0]["format"] == "DWCA"


async def test_a_download_is_asked_for_once_however_often_the_run_stops(
    server, portal, tmp_path, engine
):
    server.misbehave("/v1/occurrence/download/000*", "503", retry_after=0)
    with pytest.raises(PortalError):
        await downloaded(server, portal, tmp_path, engine)
    server.rules.clear()
    await downloaded(server, portal, tmp_path, engine)
    assert len(server.portals.gbif.requested) == 1
    await downloaded(server, portal, tmp_path, engine)
    assert len(server.portals.gbif.requested) == 2


async def test_a_download_needs_an_account(server, portal):
    query = await make_query(portal, server.url, taxa=("Animalia",))
    with pytest.raises(InvalidSetting, match="BIOCOSMOS_GBIF_USER"):
        Download(portal, Settings(gbif_url=server.url), query)


async def test_renditions_of_a_download_are_those_of_the_search(server, portal, tmp_path, engine):
    whole = f"{server.url}/iiif/2/00001-dorsal.jpg/full/full/0/default.jpg"
    occurrence = server.portals.gbif.occurrences[0]
    occurrence |= {"media": [{"type": "StillImage", "identifier": whole}], "extensions": {}}
    query = "SELECT fetch_url FROM image WHERE identifier LIKE '%/iiif/%'"
    small = whole.replace("/full/full/", "/full/!1024,1024/")
    await ingest(engine, await opened(server, portal))
    assert await value(engine, query) == small
    await downloaded(server, portal, tmp_path, engine)
    assert await value(engine, query) == small


async def test_images_come_from_gbifs_cache_when_asked(server, portal, tmp_path, engine):
    await ingest(engine, await opened(server, portal, rendition="cache"), limit=5)
    home = Settings(home=tmp_path / "home", contact="me@example.org", gbif_url=server.url)
    counts = await fetch_images(engine, home, rate=200)
    assert counts.states["ok"] >= 5
    asked = [v.path for v in server.visits if v.path.startswith("/v1/image/cache/1200x/")]
    assert len(asked) == await value(engine, "SELECT count(*) FROM image")
    own = "SELECT count(*) FROM image WHERE identifier LIKE '%/v1/image/cache/%'"
    assert await value(engine, own) == 0

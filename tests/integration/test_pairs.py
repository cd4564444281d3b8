"""No image ever goes to another record: GBIF, iDigBio and archives, whatever order they come in."""

import asyncio
import hashlib
import uuid
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.db.engine import create_engine
from core.sample.server import SampleServer
from core.settings import Settings
from ingestor.interpret import interpret
from ingestor.sources.dwca import DwcaSource
from ingestor.sources.gbif import open_gbif
from ingestor.sources.gbif_query import make_query
from ingestor.sources.idigbio import open_idigbio, parse_rq
from ingestor.sources.portal import Portal
from tests.unit.ingestor.archives import simple

pytest_plugins = ("tests.portals",)

DATASET = str(uuid.uuid5(uuid.NAMESPACE_URL, "dataset"))
EXTENSION = "http://rs.gbif.org/terms/1.0/Multimedia"
IDENTIFIER = "http://purl.org/dc/terms/identifier"
THOROUGHLY = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def named(kind, number):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}{number}"))


@st.composite
def holdings(draw):
    """Records with 0 to 7 media, shared ones among them, in an order of their own; page sizes."""
    owners = [named("r", n) for n in range(draw(st.integers(1, 15)))]
    pool = [f"https://m.example/{named('m', n)}.jpg" for n in range(draw(st.integers(1, 40)))]
    links = st.lists(st.sampled_from(pool), max_size=7, unique=True)
    truth = {owner: draw(links) for owner in draw(st.permutations(owners))}
    return truth, draw(st.permutations(pool)), draw(st.integers(1, 6))


@pytest.fixture(scope="module")
def held(drawn):
    with SampleServer(drawn) as running:
        yield running


@pytest.fixture(scope="module")
def database(make_database):
    with make_database() as url:
        yield url


async def pairs_of(source, name):
    """Links of every record by what `name` says of it, as they would be written."""
    found = defaultdict(set)
    async for page in source.pages():
        batch = interpret(page, source)
        for own, record in batch.records.items():
            assert record["verbatim"][name] not in found, "twice"
            found[record["verbatim"][name]] = {
                batch.images[image]["identifier"] for of, image in batch.links if of == own
            }
    return found


def through(database, opened, name):
    """What comes of a source that `opened` opens with a portal."""

    async def read():
        engine = create_engine(database)
        async with Portal(Settings(contact="x"), engine, rate=5000) as portal:
            found = await pairs_of(await opened(portal), name)
        await engine.dispose()
        return found

    return asyncio.run(read())


def meant(truth):
    return {owner: set(links) for owner, links in truth.items()}


@given(holdings(), st.randoms(use_true_random=False))
@THOROUGHLY
def test_gbif(held, database, holding, chance):
    truth, _, page_size = holding
    held.portals.gbif.occurrences = []
    for number, (owner, links) in enumerate(truth.items()):
        rows = [{IDENTIFIER: link} for link in links]
        chance.shuffle(rows)
        held.portals.gbif.occurrences.append(
            {
                "key": int(hashlib.md5(owner.encode()).hexdigest()[:8], 16),
                "gbifID": str(number),
                "datasetKey": DATASET,
                "occurrenceID": owner,
                "mediaType": ["StillImage"],
                "media": [{"type": "StillImage", "identifier": link} for link in links],
                "extensions": {EXTENSION: rows},
            }
        )

    async def opened(portal):
        query = await make_query(portal, held.url, extra=[f"datasetKey={DATASET}"])
        return await open_gbif(portal, held.url, query, page_size=page_size)

    # a search for still images shows no record that has none
    shown = {owner: links for owner, links in meant(truth).items() if links}
    assert through(database, opened, "occurrenceID") == shown


@given(holdings())
@THOROUGHLY
def test_idigbio(held, database, holding):
    truth, pool, page_size = holding
    uuid_of = {link: link.rpartition("/")[2].removesuffix(".jpg") for link in pool}
    held.portals.idigbio.records = [
        {
            "uuid": owner,
            "data": {"dwc:catalogNumber": owner},
            "indexTerms": {
                "uuid": owner,
                "hasImage": True,
                "recordset": "s",
                "mediarecords": [uuid_of[link] for link in links],
            },
        }
        for owner, links in truth.items()
    ]
    held.portals.idigbio.media = [
        {
            "uuid": uuid_of[link],
            "data": {"ac:accessURI": link},
            "indexTerms": {"records": [owner for owner in truth if link in truth[owner]]},
        }
        for link in pool
    ]

    async def opened(portal):
        rq = parse_rq('{"recordset":"s"}')
        return await open_idigbio(portal, held.url, held.url, rq, page_size=page_size)

    assert through(database, opened, "dwc:catalogNumber") == meant(truth)


@given(holdings(), st.randoms(use_true_random=False))
@THOROUGHLY
def test_archives(tmp_path_factory, holding, chance):
    truth, _, page_size = holding
    folder = tmp_path_factory.mktemp("archive")
    order = list(range(sum(map(len, truth.values()))))
    chance.shuffle(order)
    path = simple(folder / "a.zip", truth, order=order)
    with DwcaSource(path, folder / "unpacked", page_size=page_size) as source:
        assert asyncio.run(pairs_of(source, "occurrenceID")) == meant(truth)

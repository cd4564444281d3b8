"""`bin/ingest gbif`, `idigbio` and `iiif` as a user meets them, in processes of their own."""

import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from core.sample import draw_museum
from core.sample.server import SampleServer
from tests.museums import environment
from tests.paths import ROOT


@pytest.fixture(scope="module")
def museum():
    return draw_museum(seed=5, size="tiny")


@pytest.fixture
def server(museum):
    with SampleServer(museum) as running:
        yield running


def start(home, server, url, *args, **more):
    given = environment(home) | {
        "BIOCOSMOS_DATABASE_URL": url,
        "BIOCOSMOS_CONTACT": "me@example.org",
        "BIOCOSMOS_GBIF_URL": server.url,
        "BIOCOSMOS_IDIGBIO_URL": server.url,
        "BIOCOSMOS_IDIGBIO_MEDIA_URL": f"{server.url}/",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ingestor.cli", *map(str, args)],
        cwd=ROOT,
        env=given | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(home, server, url, *args, **more):
    process = start(home, server, url, *args, **more)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def counted(url, query):
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return connection.execute(query).fetchone()[0]


def test_gbif_by_the_name_of_a_taxon_with_its_images(tmp_path, server, museum, database_url):
    args = ("gbif", "--taxon", "Lepidoptera", "--rate", 200)
    code, out, err = run(tmp_path, server, database_url, *args)
    assert code == 0, err
    assert "new" in out
    assert counted(database_url, 'SELECT count(DISTINCT "order") FROM record') == 1
    assert counted(database_url, 'SELECT min("order") FROM record') == "Lepidoptera"
    assert counted(database_url, "SELECT count(*) FROM image WHERE state = 'ok'") > 20
    assert counted(database_url, "SELECT count(*) FROM image WHERE state = 'pending'") == 0
    assert all("me@example.org" in visit.user_agent for visit in server.visits)


def test_a_download_of_gbif(tmp_path, server, database_url):
    account = {"BIOCOSMOS_GBIF_USER": "curator", "BIOCOSMOS_GBIF_PASSWORD": "secret"}
    server.portals.gbif.downloads["ready"] = 9
    server.portals.gbif.request_download = lambda _: "ready"
    args = ("gbif", "--institution", "MSS", "--download", "--no-images", "--rate", 200)
    code, out, err = run(tmp_path, server, database_url, *args, **account)
    assert code == 0, err
    assert "https://doi.org/10.15468/dl.sample" in err
    assert counted(database_url, "SELECT count(*) FROM record WHERE source = 'gbif'") > 60
    code, _, err = run(tmp_path, server, database_url, *args)
    assert code == 1
    assert "BIOCOSMOS_GBIF_USER" in err


def test_idigbio_by_the_seeds_own_query(tmp_path, server, database_url):
    rq = '{"order":"lepidoptera","hasImage":true,"data.dwc:institutionCode":"MSS"}'
    args = ("idigbio", "--rq", rq, "--limit", 8, "--rate", 200)
    code, out, err = run(tmp_path, server, database_url, *args)
    assert code == 0, err
    assert "Only a part was read" in out
    assert counted(database_url, "SELECT count(*) FROM record") == 8
    wide = "SELECT max(greatest(width, height)) FROM image WHERE state = 'ok'"
    assert counted(database_url, wide) <= 600


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("gbif",), "say which records"),
        (("gbif", "--taxon", "Draco volans"), "knows no one taxon"),
        (("gbif", "--param", "limit=4"), "pages are our own"),
        (("gbif", "--taxon", "7", "--download", "--rendition", "cache"), "only without --download"),
        (("idigbio", "--rq", "{order:x}"), "--rq is not JSON"),
        (("iiif", "http://127.0.0.1:9/none"), "broke the connection off"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, server, database_url, args, said):
    code, _, err = run(tmp_path, server, database_url, *args, "--rate", "200")
    assert code == 1
    assert said in err
    assert len([line for line in err.splitlines() if line.startswith("bin/ingest:")]) == 1


def test_nobody_is_asked_without_a_contact(tmp_path, server, database_url):
    more = {"BIOCOSMOS_CONTACT": "", "BIOCOSMOS_GBIF_URL": "https://gbif.invalid"}
    code, _, err = run(tmp_path, server, database_url, "gbif", "--taxon", "797", **more)
    assert code == 1
    assert "BIOCOSMOS_CONTACT" in err


def test_killed_without_warning_it_goes_on_where_it_was(tmp_path, server, museum, database_url):
    url = f"{server.url}/presentation/3/collection.json"
    args = ("iiif", url, "--no-images", "--rate")
    process = start(tmp_path, server, database_url, *args, 25)
    records = "SELECT count(*) FROM record"
    deadline = time.monotonic() + 60
    while counted(database_url, records) == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    before = counted(database_url, records)
    assert 0 < before < len(museum.records)
    asked = len(server.visits)
    code, _, err = run(tmp_path, server, database_url, *args, 500)
    assert code == 0, err
    assert counted(database_url, records) == len(museum.records)
    assert len(server.visits) - asked <= len(museum.records) - before + 1

"""`bin/ingest` as a user meets it, in processes of its own; also killed without warning."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest
from PIL import Image
from typer.testing import CliRunner

from core.db.engine import create_engine
from ingestor.cli import app
from tests.integration.ingested import everything
from tests.museums import environment
from tests.paths import ROOT
from tests.unit.ingestor.archives import simple


def start(home, *args, url=None):
    given = environment(home) | ({"BIOCOSMOS_DATABASE_URL": url} if url else {})
    return subprocess.Popen(
        [sys.executable, "-m", "ingestor.cli", *map(str, args)],
        cwd=ROOT,
        env=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(home, *args, url=None):
    process = start(home, *args, url=url)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def museum(folder, count):
    """A folder of so many pictures."""
    folder.mkdir()
    for number in range(count):
        Image.effect_noise((64, 48), 10 + number % 90).save(folder / f"{number:04}.jpg")
    return folder


def test_a_folder_is_ingested_and_accounted_for(tmp_path, database_url):
    code, out, err = run(
        tmp_path / "home", "folder", museum(tmp_path / "Papilio_machaon", 3), url=database_url
    )
    assert code == 0, err
    assert "new" in out
    assert "images linked" in out
    assert "Traceback" not in err
    assert counted(database_url, "SELECT count(*) FROM image WHERE state = 'ok'") == 3


def test_an_archive_is_fetched_by_its_url(tmp_path, database_url):
    (tmp_path / "web").mkdir()
    simple(tmp_path / "web" / "birds.zip", {"a": [], "b": []})

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "web"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        code, out, err = run(tmp_path / "home", "dwca", f"{base}/birds.zip", url=database_url)
        assert code == 0, err
        missing = run(tmp_path / "home", "dwca", f"{base}/none.zip", url=database_url)
    finally:
        server.shutdown()
        server.server_close()
    assert len(list((tmp_path / "home" / "archives").glob("*birds.zip"))) == 1
    assert missing[0] == 1
    assert "404" in missing[2]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["dwca", "none.zip"], "none.zip does not exist"),
        (["folder", "none"], "none is not a directory"),
        (["dwca", "http://museum.example/a.zip"], "BIOCOSMOS_CONTACT"),
    ],
)
def test_mistakes_are_answered_in_one_line(tmp_path, database_url, args, said):
    code, _, err = run(tmp_path / "home", *args, url=database_url)
    assert code == 1
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "args",
    [["dwca", "a.zip", "--limit", "0"], ["images", "--rate", "0"], ["dwca"], ["whales"], []],
)
def test_options_that_make_no_sense_are_refused(args):
    assert CliRunner().invoke(app, args).exit_code == 2


def counted(url, query):
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return connection.execute(query).fetchone()[0]


def dumped(url):
    async def dump():
        engine = create_engine(url)
        try:
            return await everything(engine)
        finally:
            await engine.dispose()

    return asyncio.run(dump())


def kill_when(process, url, query, least):
    """Kill -9 as soon as the query gives so much; fail when the process ends before."""
    deadline = time.monotonic() + 90
    while counted(url, query) < least:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_killed_while_reading_and_run_again_gives_the_same_database(tmp_path, make_database):
    media = {f"r{n}": [f"http://h/{n}-{k}.jpg" for k in range(n % 4)] for n in range(6000)}
    path = simple(tmp_path / "a.zip", media)
    command = ("dwca", path, "--no-images")
    with make_database() as whole, make_database() as broken:
        assert run(tmp_path / "one", *command, url=whole)[0] == 0
        for least in (500, 3000):
            process = start(tmp_path / "two", *command, url=broken)
            kill_when(process, broken, "SELECT count(*) FROM record", least)
        assert counted(broken, "SELECT count(*) FROM record") < 6000
        code, out, err = run(tmp_path / "two", *command, url=broken)
        assert code == 0, err
        assert "6,000" in out
        # every run is a job of its own; what they read is one reading, gone on with
        readings = "SELECT count(*) FROM job WHERE args->>'fingerprint' IS NOT NULL"
        assert counted(broken, readings) == 1
        assert dumped(broken) == dumped(whole)


@pytest.mark.slow
def test_killed_while_fetching_and_run_again_gives_the_same_database(tmp_path, make_database):
    folder = museum(tmp_path / "museum", 400)
    with make_database() as whole, make_database() as broken:
        assert run(tmp_path / "one", "folder", folder, url=whole)[0] == 0
        process = start(tmp_path / "two", "folder", folder, url=broken)
        ok = "SELECT count(*) FROM image WHERE state = 'ok'"
        kill_when(process, broken, ok, 30)
        assert counted(broken, ok) < 400
        code, _, err = run(tmp_path / "two", "folder", folder, url=broken)
        assert code == 0, err
        assert dumped(broken) == dumped(whole)
        assert counted(broken, ok) == 400

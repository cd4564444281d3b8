"""bin/demo as a newcomer runs it, but for the installing."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from core.db.embedded import server_processes
from tests.museums import environment, free_port
from tests.paths import ROOT, SHARED_DATA, needs_shared

pytestmark = pytest.mark.slow
START_AGAIN_SECONDS = 10


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="biocosmos-demo-") as folder:
        yield Path(folder)


@contextmanager
def demo(home: Path, *args: str) -> Iterator[tuple[httpx.Client, float]]:
    """Run it until it answers; yields a client and the seconds it took; then Ctrl-C."""
    port = free_port()
    began = time.monotonic()
    with (home / "demo.log").open("w") as log:
        process = subprocess.Popen(
            [ROOT / "bin" / "demo", "--no-browser", f"--port={port}", *args],
            env=environment(home),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _wait(process, client, home / "demo.log")
            yield client, time.monotonic() - began
    finally:
        os.killpg(process.pid, signal.SIGINT)  # what the terminal does on Ctrl-C
        assert process.wait(30) == 0
    assert server_processes(home / "postgres") == []


def _wait(process: subprocess.Popen[bytes], client: httpx.Client, log: Path) -> None:
    while process.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_from_nothing_to_a_museum_and_again_in_seconds(home):
    with demo(home) as (client, _):
        hits = client.get("/api/v1/search", params={"q": "red beetle", "limit": 5}).json()["hits"]
        assert len(hits) == 5
        assert "<title>" in client.get("/").text
        records = client.get("/api/v1/summary").json()["records"]
        assert records >= 300
    with demo(home) as (client, seconds):
        assert seconds < START_AGAIN_SECONDS
        assert client.get("/api/v1/summary").json()["records"] == records


@needs_shared
def test_a_folder_of_ones_own_with_a_model_of_ones_own(home):
    photos = SHARED_DATA / "images" / "european_mammals"
    tiny = ROOT / "models" / "specimen-tiny"
    with demo(home, "--data", str(photos), "--model", str(tiny), "--embed-version=mine") as (
        client,
        _,
    ):
        version = client.get("/api/v1/versions").json()["versions"][0]
        assert (version["embed_version"], version["is_default"]) == ("mine", True)
        assert version["embedded"] == version["images"] == len(list(photos.iterdir()))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--nonsense", "1"], "unknown option --nonsense"),
        (["--data"], "--data needs a value"),
        (["--data", "/no/such/place"], "No such file"),
    ],
)
def test_wrong_options_are_said_at_once(home, args, message):
    result = subprocess.run(
        [ROOT / "bin" / "demo", *args], env=environment(home), capture_output=True, text=True
    )
    assert result.returncode == 2
    assert message in result.stderr

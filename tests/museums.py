"""Whole museums for tests, made by the very commands a user runs, each in its own process."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.paths import ROOT, SHARED_DATA, TINY

BIRD_MODEL = SHARED_DATA / "models" / "derived_species_openclip"
BIRD = BIRD_MODEL / "species-bird-mobilenetv2-tiny.json"

GBIF_DOWNLOAD = SHARED_DATA / "records/dwca/rgbif_gbif_download/0000066-140928181241064.zip"


def environment(home: Path) -> dict[str, str]:
    """The environment of a fresh installation whose state lies under `home`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BIOCOSMOS_")}
    return kept | {"BIOCOSMOS_HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def run(home: Path, module: str, *args: object) -> str:
    """Run one command to its end and return what it printed; fail with its errors."""
    command = [sys.executable, "-m", module, *map(str, args)]
    result = subprocess.run(command, env=environment(home), capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def build_sample(home: Path) -> None:
    """The sample museum, embedded with specimen-tiny."""
    run(home, "core.sample", "--out", home / "sample")
    run(home, "ingestor.cli", "dwca", home / "sample" / "archive.zip")
    run(home, "ingestor.embed_cli", f"--model={TINY}", "--embed_version=specimen-tiny")
    run(home, "ingestor.versions_cli", "project", "specimen-tiny")


def build_real(home: Path) -> None:
    """Real photographs in two embed versions, beside a real download of GBIF.

    The download's pictures lie on other hosts and stay pending.
    """
    images = SHARED_DATA / "images"
    run(home, "ingestor.cli", "folder", images, "--records", images / "records.csv")
    run(home, "ingestor.cli", "dwca", GBIF_DOWNLOAD, "--no-images")
    _embed_twice(home)
    run(home, "ingestor.versions_cli", "project", "specimen-tiny")


def build_birds(home: Path) -> None:
    """The bird photographs alone, in the same two versions."""
    table = home / "birds.csv"
    lines = (SHARED_DATA / "images" / "records.csv").read_text(encoding="utf-8").splitlines(True)
    birds = [line for line in lines[1:] if line.startswith("wikimedia_birds/")]
    table.write_text(lines[0] + "".join(b.removeprefix("wikimedia_birds/") for b in birds))
    run(home, "ingestor.cli", "folder", SHARED_DATA / "images/wikimedia_birds", "--records", table)
    _embed_twice(home)


def _embed_twice(home: Path) -> None:
    run(home, "ingestor.embed_cli", f"--model={TINY}", "--embed_version=specimen-tiny")
    run(
        home,
        "ingestor.embed_cli",
        f"--model={BIRD}",
        f"--pretrained={BIRD.with_suffix('.safetensors')}",
        f"--image-mean={128 / 255}",
        f"--image-std={128 / 255}",
        "--interpolation=bilinear",
        "--embed_version=birds",
    )


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(home: Path, seconds: float = 60, **more: str) -> Iterator[str]:
    """`bin/serve` over `home`: yields its address, stops it as Ctrl-C does.

    `more`: settings beside the home, by the names of their variables.
    """
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "backend.cli", "serve", "--port", url.rpartition(":")[2]]
    with (home / "serve.log").open("w") as log:
        process = subprocess.Popen(command, env=environment(home) | more, stdout=log, stderr=log)
    try:
        _wait_ready(process, url, seconds, home / "serve.log")
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _wait_ready(process: subprocess.Popen[bytes], url: str, seconds: float, log: Path) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the server did not become ready:\n{log.read_text()}")

"""`bin/serve` as a process: it comes up, answers, and goes without leaving anything behind."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.db.embedded import server_processes
from tests import museums
from tests.paths import ROOT


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "backend.cli", *map(str, args)]


@contextmanager
def started(home: Path, *args: object) -> Iterator[subprocess.Popen[str]]:
    """The command as a process, its errors in `home`/log; killed should it still run."""
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(
            command(*args), env=museums.environment(home), cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=log,
        ) as process,
    ):  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def ready(address: str, log: Path) -> dict:
    """What /readyz says once it says anything."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_it_serves_on_a_free_port_until_told_to_stop(tmp_path, number):
    with started(tmp_path, "serve", "--port", 0) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[2]
        assert ready(address, tmp_path / "log") == {"status": "ok"}
        assert server_processes(tmp_path / "postgres")
        process.send_signal(number)
        assert process.wait(30) == 0
        assert process.stdout.read() == ""
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert server_processes(tmp_path / "postgres") == []


def test_a_taken_port_is_said_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started(tmp_path, "serve", "--port", port) as process:
            assert process.wait(30) == 1
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == 1
    assert str(port) in lines[0]
    assert not (tmp_path / "postgres").exists()


def test_a_setting_that_makes_no_sense_is_said_in_one_line(tmp_path):
    with started(tmp_path, "serve", "--port", 99999) as process:
        assert process.wait(30) == 1
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == 1
    assert "99999" in lines[0]


def test_an_unknown_option_is_refused(tmp_path):
    with started(tmp_path, "serve", "--colour") as process:
        assert process.wait(30) == 2


def test_openapi_needs_no_database(tmp_path):
    out = tmp_path / "openapi.json"
    subprocess.run(
        command("openapi", "--out", out), env=museums.environment(tmp_path), cwd=ROOT, check=True
    )
    assert out.read_text() == (ROOT / "frontend" / "openapi.json").read_text()

"""The embedded server in real processes: owners, guests, and every way for them to end."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy.engine import make_url

from core.db.cluster import Cluster
from core.db.embedded import open_database, serve, server_processes
from core.errors import DatabaseBusy, Unavailable
from core.settings import Settings
from tests.paths import ROOT

HOLD = """
import sys, time
from core.settings import Settings
from core.db.embedded import open_database
with open_database(Settings(home=sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.readline()
    if sys.argv[2:] == ["raise"]:
        raise RuntimeError("as a program may")
"""

ENDINGS = ("return", "raise", "SIGINT", "SIGTERM", "SIGHUP")


def execute(url: str, statement: str) -> list[tuple]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def process(home: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """Another process that holds the database open until a line is written to it."""
    command = [sys.executable, "-c", HOLD, str(home), *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("BIOCOSMOS_")},
    ) as child:
        assert child.stdout is not None
        try:
            yield child, child.stdout.readline().strip()
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()


def gone(home: Path, seconds: float = 20) -> bool:
    """Whether no process of the server is left, now or soon."""
    deadline = time.monotonic() + seconds
    while server_processes(home / "postgres"):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own, which every run of pytest closes to the server's account."""
    with tempfile.TemporaryDirectory(prefix="biocosmos-test-") as name:
        yield Path(name)


@pytest.fixture
def home(folder: Path) -> Iterator[Path]:
    yield folder / "home"
    for left in server_processes(folder / "home" / "postgres"):
        left.kill()


def test_starts_quickly_has_pgvector_and_keeps_what_is_written(home: Path) -> None:
    started = time.perf_counter()
    with open_database(Settings(home=home)) as url:
        first = time.perf_counter() - started
        assert execute(url, "SELECT '[1,0]'::halfvec <=> '[0,1]'") == [(1.0,)]
        execute(url, "CREATE TABLE kept AS SELECT 7 AS number")
    assert gone(home, 0), "the owner waits for its server to end"
    started = time.perf_counter()
    with open_database(Settings(home=home)) as url:
        again = time.perf_counter() - started
        assert execute(url, "SELECT number FROM kept") == [(7,)]
    assert first < 5
    assert again < 2


def test_a_given_database_is_used_as_it_is(home: Path) -> None:
    given = "postgres://me@db.example/museum"
    with open_database(Settings(home=home, database_url=given)) as url:
        assert url == "postgresql+psycopg://me@db.example/museum"
    assert not home.exists()


def test_a_second_process_joins_and_leaves_without_stopping_the_server(home: Path) -> None:
    with open_database(Settings(home=home)) as url:
        with process(home) as (guest, guest_url):
            assert guest_url == url
            guest.communicate("\n")
        assert guest.returncode == 0
        assert execute(url, "SELECT 1") == [(1,)]


@pytest.mark.slow
def test_many_processes_at_once_share_one_new_server(home: Path) -> None:
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(process(home)) for _ in range(4)]
        urls = {url for _, url in started}
        assert len(urls) == 1
        assert execute(urls.pop(), "SELECT count(*) FROM pg_database") == [(4,)]
        postmasters = [
            p
            for p in server_processes(home / "postgres")
            if p.ppid() not in {q.pid for q in server_processes(home / "postgres")}
        ]
        assert len(postmasters) == 1
    assert gone(home)


@pytest.mark.parametrize(
    "ending",
    [
        "SIGKILL",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ENDINGS),
    ],
)
def test_nothing_is_left_however_the_owner_ends(home: Path, ending: str) -> None:
    with process(home, ending) as (owner, url):
        execute(url, "CREATE TABLE kept AS SELECT 7 AS number")
        if ending.startswith("SIG"):
            owner.send_signal(getattr(signal, ending))
        else:
            owner.communicate("\n")
        owner.wait(20)
        assert gone(home)
    with open_database(Settings(home=home)) as url:
        assert execute(url, "SELECT number FROM kept") == [(7,)]
    log = Cluster(home).log.with_suffix(".log.1").read_text()
    assert "database system is shut down" in log, "a clean shutdown needs no recovery"


@pytest.mark.slow
def test_a_server_left_by_killing_owner_and_keeper_is_ended_and_replaced(home: Path) -> None:
    with process(home) as (owner, url):
        execute(url, "CREATE TABLE kept AS SELECT 7 AS number")
        (keeper,) = psutil.Process(owner.pid).children()
        before = {left.pid for left in server_processes(home / "postgres")}
        keeper.kill()
        owner.kill()
        owner.wait()
        assert server_processes(home / "postgres"), "the case this test is about"
        with open_database(Settings(home=home)) as again:
            assert execute(again, "SELECT number FROM kept") == [(7,)]
            assert not before & {p.pid for p in server_processes(home / "postgres")}


def test_a_server_killed_outright_recovers_what_was_committed(home: Path) -> None:
    with process(home) as (owner, url):
        execute(url, "CREATE TABLE kept AS SELECT 7 AS number")
        (keeper,) = psutil.Process(owner.pid).children()
        for left in [keeper, *server_processes(home / "postgres")]:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
        owner.kill()
        owner.wait()
        with open_database(Settings(home=home)) as again:
            assert execute(again, "SELECT number FROM kept") == [(7,)]


def test_a_stale_pid_file_with_the_number_of_another_program_is_no_obstacle(home: Path) -> None:
    with serve(home):
        pass
    lines = [str(os.getpid()), str(home / "postgres"), "1", "5432", "/tmp", "", "1 1", "ready   "]
    (home / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    with serve(home) as url:
        assert execute(url, "SELECT 1") == [(1,)]


@pytest.mark.slow
def test_an_owner_that_does_not_answer_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.db.embedded.JOIN_SECONDS", 0.3)
    with process(home) as (owner, _):
        (keeper,) = psutil.Process(owner.pid).children()
        stopped = [keeper, *server_processes(home / "postgres")]
        for each in stopped:
            each.kill()
        psutil.wait_procs(stopped[1:], timeout=10)
        with (
            pytest.raises(DatabaseBusy, match=rf"^Process {owner.pid} owns .*{home}"),
            serve(home),
        ):
            pass


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    with (
        pytest.raises(Unavailable, match="did not start: .*shared_buffers"),
        serve(home, {"shared_buffers": "nonsense"}),
    ):
        pass
    assert gone(home, 0)
    with serve(home) as url:  # and is none the worse for it
        assert execute(url, "SELECT 1") == [(1,)]


def test_a_broken_off_creation_starts_afresh(home: Path) -> None:
    (home / "postgres.new" / "base").mkdir(parents=True)
    with serve(home) as url:
        assert execute(url, "SELECT 1") == [(1,)]
    assert not (home / "postgres.new").exists()


@pytest.mark.parametrize("name", ["deep/" * 12 + "h" * 60, 'spaced out, and "quoted" é'])
def test_awkward_homes_work(folder: Path, name: str) -> None:
    with serve(folder / name) as url:
        assert execute(url, "SELECT 1") == [(1,)]
        with process(folder / name) as (_, guest_url):
            assert guest_url == url
        socket_folder = Path(make_url(url).query["host"])
    assert not list(socket_folder.glob(".s.PGSQL*"))
    assert socket_folder == folder / name / "postgres" or not socket_folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_opens_the_way_for_the_server_and_no_more(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with serve(closed / "home") as url:
        assert execute(url, "SELECT 1") == [(1,)]
    assert closed.stat().st_mode & 0o777 == 0o701
    assert (closed / "home" / "postgres").stat().st_mode & 0o777 == 0o700


def test_only_the_socket_listens(home: Path) -> None:
    with serve(home) as url:
        assert execute(url, "SHOW listen_addresses") == [("",)]
        listening = [c for p in server_processes(home / "postgres") for c in p.net_connections()]
        assert not [c for c in listening if c.status == psutil.CONN_LISTEN]

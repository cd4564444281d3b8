"""The embedded PostgreSQL: started by the first process that needs it, stopped with it.

One process owns the server (a file lock says which); others of ours join it as guests. The
server runs under a small shell that reads a pipe from the owner: when the owner ends, however it
ends, the pipe closes and the shell asks the server for a clean shutdown. Nothing is left behind.
See docs/decisions/0001-embedded-postgres.md.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
from sqlalchemy.engine import URL

from core.db import cluster
from core.db.cluster import Cluster
from core.db.engine import DRIVER, normalise
from core.errors import DatabaseBusy, InvalidSetting, Unavailable
from core.settings import Settings, environment_without

DATABASE = "biocosmos"
START_SECONDS = 120.0
"""How long the owner waits; a server that was killed first replays its log."""
JOIN_SECONDS = 20.0
"""How long a guest waits for the owner's server before it gives up."""
STOP_SECONDS = 60.0
"""How long a clean shutdown may take before the server is told to drop everything."""
PAUSE = 0.02
KEEPER = """
trap '' HUP INT TERM
"$@" </dev/null &
read -r _
while kill -INT $! 2>/dev/null; do sleep 0.05; done
wait $!
"""


@contextmanager
def open_database(settings: Settings) -> Iterator[str]:
    """URL of the database of `settings`, served for as long as the block runs.

    Raises DatabaseBusy when another process owns the embedded server but it cannot be joined,
    Unavailable when it does not start, InvalidSetting when `home` cannot be written.
    """
    if settings.database_url:
        yield normalise(settings.database_url).render_as_string(hide_password=False)
        return
    with serve(settings.home) as url:
        yield url


@contextmanager
def serve(home: Path, extra: Mapping[str, str] | None = None) -> Iterator[str]:
    """The embedded server under `home`, as owner or as guest; `extra` overrides its settings."""
    files = Cluster(cluster.make_home(home))
    deadline = time.monotonic() + JOIN_SECONDS
    with _lock_file(files) as lock:
        while not _try_lock(lock):
            url = _join(files)
            if url:
                yield url
                return
            if time.monotonic() > deadline:
                raise DatabaseBusy(_busy(files))
            time.sleep(PAUSE)
        with _own(files, extra or {}) as url:
            yield url


@contextmanager
def _own(files: Cluster, extra: Mapping[str, str]) -> Iterator[str]:
    files.create()
    _end_leftovers(files)
    keeper = _start(files, extra)
    try:
        url = _url(files.socket_dir(), DATABASE)
        _prepare(files, keeper)
        yield url
    finally:
        _stop(files, keeper)


def _start(files: Cluster, extra: Mapping[str, str]) -> subprocess.Popen[bytes]:
    options = cluster.server_settings(*cluster.machine()) | {
        "listen_addresses": "",
        "port": str(cluster.PORT),
        "unix_socket_directories": f'"{files.socket_dir()}"',
        **extra,
    }
    command = ["/bin/sh", "-c", KEEPER, "biocosmos-postgres"]
    command += [str(cluster.binaries() / "postgres"), "-D", str(files.data)]
    command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    if files.log.exists():
        files.log.replace(files.log.with_suffix(".log.1"))
    with files.log.open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; the server hears of it through the pipe
            cwd="/",
            env=environment_without("PG"),
            **files.run_as(),
        )


def _prepare(files: Cluster, keeper: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers, then see to the database and the vector extension."""
    with _connect_when_ready(files, keeper) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if known.fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
    with _connect(files.socket_dir(), DATABASE) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")


def _connect_when_ready(
    files: Cluster, keeper: subprocess.Popen[bytes]
) -> psycopg.Connection[tuple[object, ...]]:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return _connect(files.socket_dir(), cluster.SUPERUSER)
        except psycopg.OperationalError:
            if not _alive(keeper) or time.monotonic() > deadline:
                raise Unavailable(
                    f"The embedded database did not start: {_last_words(files)}; see {files.log}"
                ) from None
            time.sleep(PAUSE)


def _alive(keeper: subprocess.Popen[bytes]) -> bool:
    children = psutil.Process(keeper.pid).children()  # none yet while the shell is starting
    ended = [child.status() == psutil.STATUS_ZOMBIE for child in children]
    return keeper.poll() is None and not (ended and all(ended))


def _stop(files: Cluster, keeper: subprocess.Popen[bytes]) -> None:
    assert keeper.stdin is not None
    with suppress(BrokenPipeError):
        keeper.stdin.close()
    try:
        keeper.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for process in server_processes(files.data):
            process.send_signal(signal.SIGQUIT)
        keeper.wait(STOP_SECONDS)
    files.forget_server()


def _end_leftovers(files: Cluster) -> None:
    """End a server whose owner and keeper were both killed; we hold the lock, so it is nobody's."""
    if not (files.data / "postmaster.pid").exists():
        return
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        left = server_processes(files.data)
        for process in left:
            if process.pid == _postmaster(files).get("pid") or how is not signal.SIGINT:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(how)
        if not psutil.wait_procs(left, timeout=STOP_SECONDS)[1]:
            break
    files.forget_server()


def server_processes(data: Path) -> list[psutil.Process]:
    """Every live process of the server whose data directory is `data`."""
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if process.info["name"] == "postgres" and Path(process.cwd()) == data:
                found.append(process)
    return found


def _join(files: Cluster) -> str | None:
    """URL of the owner's server, once it is ready and has our database."""
    postmaster = _postmaster(files)
    if postmaster.get("status") != "ready":
        return None
    folder = Path(str(postmaster["socket_dir"]))
    try:
        _connect(folder, DATABASE).close()
    except psycopg.OperationalError:
        return None
    return _url(folder, DATABASE)


def _postmaster(files: Cluster) -> dict[str, object]:
    """What postmaster.pid says; empty while there is none or it is being written."""
    try:
        lines = (files.data / "postmaster.pid").read_text().splitlines()
        return {"pid": int(lines[0]), "socket_dir": lines[4], "status": lines[7].strip()}
    except (OSError, IndexError, ValueError):
        return {}


@contextmanager
def _lock_file(files: Cluster) -> Iterator[int]:
    try:
        descriptor = os.open(files.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InvalidSetting(
            f"BIOCOSMOS_HOME={files.home} cannot be written: {error.strerror}"
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return True


def _busy(files: Cluster) -> str:
    owner = files.lock.read_text().strip() or "unknown"
    return (
        f"Process {owner} owns the database in {files.home} but its server does not answer;"
        " stop that process, or set BIOCOSMOS_HOME or BIOCOSMOS_DATABASE_URL to another"
    )


def _last_words(files: Cluster) -> str:
    lines = files.log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
    return (fatal or lines)[-1]


def _connect(folder: Path, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=str(folder),
        port=cluster.PORT,
        user=cluster.SUPERUSER,
        dbname=database,
        connect_timeout=5,
        autocommit=True,
    )


def _url(folder: Path, database: str) -> str:
    return URL.create(
        DRIVER,
        username=cluster.SUPERUSER,
        database=database,
        query={"host": str(folder), "port": str(cluster.PORT)},
    ).render_as_string(hide_password=False)

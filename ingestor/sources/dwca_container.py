"""Files of an archive, whatever it is packed in: zip, tar, directory or a single table."""

import hashlib
import os
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, Protocol
from urllib.parse import quote

from core.errors import UnreadableSource


class Container(Protocol):
    """Named files; names are relative to where meta.xml lies."""

    names: set[str]

    def open(self, name: str) -> IO[bytes]:
        """Open one file for reading."""

    def url(self, name: str) -> str:
        """Return a URL that core's fetcher understands."""

    def close(self) -> None:
        """Let go of the file."""


def open_container(path: Path, unpacked: Path) -> Container:
    """Open whatever lies at `path`; a tar is unpacked under `unpacked` and stays there."""
    path = path.absolute()
    if not path.exists():
        raise UnreadableSource(f"{path} does not exist")
    try:
        if path.is_dir():
            return DirectoryContainer(path, _walk(path))
        if zipfile.is_zipfile(path):
            return ZipContainer(path)
        if tarfile.is_tarfile(path):
            folder = _unpack(path, unpacked)
            return DirectoryContainer(folder, _walk(folder))
    except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise UnreadableSource(f"{path.name} cannot be opened: {error}") from error
    if path.suffix.lower() in {".zip", ".tgz", ".gz", ".tar"}:
        raise UnreadableSource(f"{path.name} is damaged, or no archive; download it again")
    return DirectoryContainer(path.parent, {path.name})


class ZipContainer:
    """A zip file; members are read in place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip = zipfile.ZipFile(path)
        members = {n for n in self._zip.namelist() if not n.endswith("/") and not _hidden(n)}
        self._root = _root(members)
        self.names = {n.removeprefix(self._root) for n in members if n.startswith(self._root)}

    def open(self, name: str) -> IO[bytes]:
        """Open one member; UnreadableSource when it is encrypted or damaged."""
        try:
            return self._zip.open(self._root + name)
        except (RuntimeError, NotImplementedError, OSError, zipfile.BadZipFile) as error:
            raise UnreadableSource(f"{self._path.name}: {name} cannot be read: {error}") from error

    def url(self, name: str) -> str:
        """Return zip:///path/archive.zip!/member."""
        return f"zip://{quote(str(self._path))}!/{quote(self._root + name)}"

    def close(self) -> None:
        """Close the zip file."""
        self._zip.close()


class DirectoryContainer:
    """A directory, or some files of one."""

    def __init__(self, path: Path, members: set[str]) -> None:
        root = _root(members)
        self._path = path / root
        self.names = {n.removeprefix(root) for n in members if n.startswith(root)}

    def open(self, name: str) -> IO[bytes]:
        """Open one file."""
        try:
            return (self._path / name).open("rb")
        except OSError as error:
            raise UnreadableSource(f"{name} cannot be read: {error.strerror}") from error

    def url(self, name: str) -> str:
        """Return file:///path/member."""
        return (self._path / name).as_uri()

    def close(self) -> None:
        """Nothing is held open."""


def _hidden(name: str) -> bool:
    """Whether it is the rubbish that some systems add to archives."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith("._") for part in parts)


def _root(names: set[str]) -> str:
    """Return the folder, with a slash, that is the archive: meta.xml's, else the only one."""
    descriptors = [n for n in names if PurePosixPath(n).name.lower() == "meta.xml"]
    if descriptors:
        nearest = min(descriptors, key=lambda n: (n.count("/"), n))
        return nearest[: nearest.rfind("/") + 1]
    first = {n.split("/", 1)[0] for n in names if "/" in n}
    return f"{first.pop()}/" if len(first) == 1 and all("/" in n for n in names) else ""


def _walk(folder: Path) -> set[str]:
    return {
        (Path(where) / file).relative_to(folder).as_posix()
        for where, _, files in os.walk(folder)
        for file in files
        if not _hidden(file)
    }


def _unpack(path: Path, unpacked: Path) -> Path:
    stat = path.stat()
    mark = hashlib.sha256(f"{path}|{stat.st_size}|{stat.st_mtime_ns}".encode()).hexdigest()[:12]
    folder = unpacked / f"{path.name.split('.')[0]}-{mark}"
    if not folder.exists():
        part = folder.with_suffix(".part")
        with tarfile.open(path) as tar:
            tar.extractall(part, filter="data")
        part.rename(folder)
    return folder

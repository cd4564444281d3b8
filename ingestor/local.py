"""Bytes of images that lie on this machine: in files and in archives."""

import threading
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.errors import FetchError


class LocalFiles:
    """Reads file: and zip: URLs; safe in threads. Archives stay open until `close`."""

    def __init__(self) -> None:
        self._open: dict[str, zipfile.ZipFile] = {}
        self._lock = threading.Lock()

    def read(self, url: str, most: int) -> bytes:
        """Return the bytes at file:///path or zip:///path/archive.zip!/member.

        FetchError (gone, invalid) when they cannot be had or are more than `most`.
        """
        if url.startswith("zip:"):
            return self._member(url, most)
        if url.startswith("file:"):
            return _read_file(url, most)
        raise FetchError("the link is not a usable URL", state="invalid")

    def _member(self, url: str, most: int) -> bytes:
        path, _, member = unquote(url.removeprefix("zip://")).partition("!/")
        try:
            with self._lock:
                if path not in self._open:
                    self._open[path] = zipfile.ZipFile(path)
            with self._open[path].open(member) as file:
                data = file.read(most + 1)
        except KeyError as error:
            raise FetchError("the archive no longer holds the file", state="gone") from error
        except (FileNotFoundError, PermissionError) as error:
            raise FetchError("the archive is no longer there", state="gone") from error
        except (OSError, RuntimeError, NotImplementedError, EOFError) as error:
            raise FetchError(f"cannot be unpacked: {error}", state="invalid") from error
        except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError) as error:
            raise FetchError(f"cannot be unpacked: {error}", state="invalid") from error
        if len(data) > most:
            raise FetchError(f"larger than the {most:,} bytes allowed", state="invalid")
        return data

    def close(self) -> None:
        """Close them all."""
        for archive in self._open.values():
            archive.close()


def _read_file(url: str, most: int) -> bytes:
    path = Path(unquote(urlsplit(url).path))
    try:
        if path.stat().st_size > most:
            raise FetchError(f"larger than the {most:,} bytes allowed", state="invalid")
        return path.read_bytes()
    except OSError as error:
        raise FetchError(f"the file cannot be read: {error.strerror}", state="gone") from error

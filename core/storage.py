"""Files on disk named by the sha256 of an image's bytes."""

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Literal

from core.errors import NotFound

Kind = Literal["images", "thumbs", "private"]
"""private: working copies that are embedded but never shown, see docs/decisions."""


class Store:
    """Content-addressed files under `root`; safe for several writers at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes, kind: Kind = "images", *, key: str | None = None) -> str:
        """Store `data` once and return its key: the sha256 of `data`, or `key` where given.

        Thumbnails are stored under the key of the original. Writing is atomic and durable.
        """
        key = key or hashlib.sha256(data).hexdigest()
        target = self.path(key, kind)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_atomically(target, data)
        return key

    def path(self, key: str, kind: Kind = "images") -> Path:
        """Return where a file lies or would lie; NotFound when `key` is no sha256."""
        if not re.fullmatch(r"[0-9a-f]{64}", key):
            raise NotFound(f"{key[:80]!r} is not the sha256 of a stored image")
        return self.root / kind / key[:2] / key[2:4] / key

    def has(self, key: str, kind: Kind = "images") -> bool:
        """Whether the file is stored."""
        return self.path(key, kind).is_file()

    def find(self, key: str) -> Path:
        """Return where an image lies to be worked on, be it private; NotFound when nowhere."""
        kinds: tuple[Kind, ...] = ("images", "private")
        for kind in kinds:
            if self.has(key, kind):
                return self.path(key, kind)
        raise NotFound(f"no stored file for image {key[:12]}…")

    def read(self, key: str, kind: Kind = "images") -> bytes:
        """Return the bytes; NotFound when they are not stored."""
        try:
            return self.path(key, kind).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"no stored file for image {key[:12]}… in {kind}") from error


def _write_atomically(target: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

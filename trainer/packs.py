"""Pictures decoded and resized once, kept as one file of uint8 pixels that is read in place."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.encoders.preprocess import Preprocess
from core.errors import UnreadableImage
from trainer.data import Item

_FORMAT = "biocosmos-pack-1"
Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Pack:
    """`pixels` uint8 [n, H, W, 3], mapped from the disk, and the ids that could not be read."""

    pixels: NDArray[np.uint8]
    unreadable: frozenset[str]


def enlarged(preprocess: Preprocess, margin: float) -> Preprocess:
    """The released preprocessing at `margin` times its side."""
    high, wide = preprocess.size
    return replace(preprocess, size=(round(high * margin), round(wide * margin)))


def pack_path(folder: Path, items: Sequence[Item], preprocess: Preprocess, origin: str) -> Path:
    """Where the pack of these pictures lies: its name follows from all that decides its pixels."""
    digest = hashlib.sha256(f"{_FORMAT}\n{origin}\n".encode())
    digest.update(json.dumps(preprocess.as_dict(), sort_keys=True).encode())
    for item in items:
        digest.update(f"\n{item.id}\t{item.sha256}".encode())
    return folder / f"{digest.hexdigest()[:16]}.npy"


def make_pack(
    path: Path,
    items: Sequence[Item],
    preprocess: Preprocess,
    workers: int,
    tick: Tick = lambda _, __: None,
) -> None:
    """Write the pack at `path` if it is not there; whole or not at all."""
    note = path.with_suffix(".json")
    if note.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    shape = (len(items), *preprocess.size, 3)
    pixels = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)

    def put(i: int) -> str:
        try:
            pixels[i] = preprocess(items[i].open())
        except (UnreadableImage, OSError):
            return items[i].id
        return ""

    bad = []
    with ThreadPoolExecutor(workers, "pack") as pool:
        for done, wrong in enumerate(pool.map(put, range(len(items))), 1):
            bad += [wrong] if wrong else []
            tick(done, len(items))
    pixels.flush()
    os.replace(part, path)
    # Written last: a pack without its note is not whole.
    waiting = note.with_suffix(f".{os.getpid()}.part")
    waiting.write_text(json.dumps({"format": _FORMAT, "unreadable": bad}), encoding="utf-8")
    os.replace(waiting, note)


def staged(path: Path, folder: Path) -> Path:
    """The pack copied into `folder`, such as a disk of this machine's own; once for all processes.

    A copy that a crash cut short is made again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    near = folder / path.name
    with (folder / f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        whole = near.exists() and near.stat().st_size == path.stat().st_size
        if not (whole and near.with_suffix(".json").exists()):
            shutil.copyfile(path, near)
            shutil.copyfile(path.with_suffix(".json"), near.with_suffix(".json"))
    return near


def read_pack(path: Path) -> Pack:
    """Map what `make_pack` wrote."""
    note = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return Pack(np.load(path, mmap_mode="r"), frozenset(note["unreadable"]))

"""Writes a whole sample museum to disk: pictures drawn in parallel, then the archive."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path

from core.sample.archive import write_archive
from core.sample.files import File, file_bytes
from core.sample.museum import DEMO_SEED, Museum, draw_museum

Progress = Callable[[int, int], None]


def _write(job: tuple[File, Path]) -> None:
    file, folder = job
    part = folder / f"{file.name}.part"
    part.write_bytes(file_bytes(file))
    part.replace(folder / file.name)


def write_images(museum: Museum, folder: Path, progress: Progress | None = None) -> None:
    """Draw every file that is not there yet; `progress` is told (done, total)."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [f for name, f in museum.files.items() if not (folder / name).exists()]
    done = len(museum.files) - len(missing)
    with ProcessPoolExecutor(cpu_count() or 1, get_context("spawn")) as pool:
        for _ in pool.map(_write, [(f, folder) for f in missing], chunksize=8):
            done += 1
            if progress:
                progress(done, len(museum.files))


def write_demo(
    folder: Path,
    seed: int = DEMO_SEED,
    size: str | int = "demo",
    progress: Progress | None = None,
    media_base_url: str | None = None,
) -> Path:
    """Write `folder`/images/ and `folder`/archive.zip; returns the archive's path."""
    museum = draw_museum(seed, size)
    write_images(museum, folder / "images", progress)
    return write_archive(museum, folder / "archive.zip", media_base_url, folder / "images")

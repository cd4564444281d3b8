"""What naming needs to be worked out once, in the background: prompt vectors, and trials."""

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.encoders.base import Encoder
from core.errors import GettingReady
from core.identification import prompts
from core.identification.taxa import Taxa

T = TypeVar("T")
PATIENCE = 15.0
"""Seconds a request waits for what is being prepared before it is told to come again."""
KEPT = 24
BATCH = 64


@dataclass
class Progress:
    """How far the preparation of something is."""

    what: str
    done: int = 0
    total: int = 0

    def __str__(self) -> str:
        far = f": {self.done:,} of {self.total:,}" if self.total else ""
        return f"{self.what}{far}. This is done once; ask again in a moment"


@dataclass(frozen=True)
class NameVectors:
    """Prompts of taxa as vectors of one version, and the scale of its softmax."""

    matrix: NDArray[np.float32]
    """Unit vectors [lineages, dim]; rows of lineages without prompts are zero."""
    prompted: NDArray[np.bool_]
    """bool [lineages]: which have prompts; those with nothing more precise below them."""
    scale: float


class Naming:
    """Results that are dear to work out, each made once however many ask. One event loop's."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[Any, ...], tuple[asyncio.Task[Any], Progress]] = OrderedDict()

    async def once(
        self, key: tuple[Any, ...], what: str, make: Callable[[Progress], Awaitable[T]]
    ) -> T:
        """What `make` gives for `key`; GettingReady where it takes longer than PATIENCE."""
        if key not in self._made:
            progress = Progress(what)
            self._made[key] = (asyncio.ensure_future(_run(make, progress)), progress)
            while len(self._made) > KEPT:
                self._made.popitem(last=False)[1][0].cancel()
        task, progress = self._made[key]
        self._made.move_to_end(key)
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        if not done:
            raise GettingReady(str(progress))
        if task.cancelled() or task.exception() is not None:
            self._made.pop(key, None)
        result: T = task.result()
        return result

    async def close(self) -> None:
        """Stop whatever is still being prepared."""
        running = [task for task, _ in self._made.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._made.clear()


async def _run(make: Callable[[Progress], Awaitable[T]], progress: Progress) -> T:
    return await make(progress)


async def name_vectors(
    encoder: Encoder, taxa: Taxa, folder: Path, progress: Progress
) -> NameVectors:
    """Encode the prompts of all taxa in batches, in a thread; kept in `folder` for next time."""
    texts = [prompts.of_lineage(each) if end else [] for each, end in _with_ends(taxa)]
    progress.total = sum(map(len, texts))
    digest = hashlib.sha256("\n".join(sum(texts, [])).encode()).hexdigest()
    path = folder / f"{encoder.spec.weights_sha256[:16]}-{digest[:16]}.npy"
    prompted = taxa.ends
    matrix = np.zeros((len(taxa), encoder.spec.dim), np.float32)
    stored = await asyncio.to_thread(_load, path, (int(prompted.sum()), encoder.spec.dim))
    if stored is None:
        flat = sum(texts, [])
        parts = [np.zeros((0, encoder.spec.dim), np.float32)]
        for start in range(0, len(flat), BATCH):
            batch = flat[start : start + BATCH]
            parts.append(await asyncio.to_thread(encoder.encode_texts, batch))
            progress.done += len(batch)
        counts = [len(each) for each in texts if each]
        stored = prompts.averaged(np.concatenate(parts), counts)
        await asyncio.to_thread(_save, path, stored)
    matrix[prompted] = stored
    return NameVectors(matrix, prompted, encoder.logit_scale)


def _with_ends(taxa: Taxa) -> list[tuple[Any, bool]]:
    return list(zip(taxa.lineages, taxa.ends.tolist(), strict=True))


def _load(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    try:
        found = np.load(path)
    except (OSError, ValueError):
        return None
    return np.asarray(found, np.float32) if found.shape == shape else None


def _save(path: Path, values: NDArray[np.float32]) -> None:
    """Whole or not at all; another process may be writing the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, values)
    part.replace(path)

"""Nearest neighbours by comparing with all, a block of rows at a time."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
Tell = Callable[[float], None]
"""Told the share done, 0 to 1."""

BLOCK = 32_000_000
"""Distances held at a time: 128 MB."""


def silent(_share: float) -> None:
    """Tell nobody."""


def nearest(
    among: Floats, of: Floats, k: int, *, same: bool = False, tell: Tell = silent
) -> tuple[Indices, Floats]:
    """The `k` rows of `among` [m, d] nearest to every row of `of` [n, d], nearest first.

    Returns (indices [n, k], Euclidean distances [n, k]); k is at most m. With `same` both are the
    same rows, and none is a neighbour of its own.
    """
    k = min(k, len(among) - same)
    rows = max(1, BLOCK // max(1, len(among)))
    squares = np.einsum("ij,ij->i", among, among)
    indices = np.empty((len(of), k), np.int64)
    distances = np.empty((len(of), k), np.float32)
    for start in range(0, len(of), rows):
        part = of[start : start + rows]
        # The square of the row itself is the same for all: it orders nothing.
        compared = squares - 2 * (part @ among.T)
        if same:
            compared[np.arange(len(part)), np.arange(start, start + len(part))] = np.inf
        best = np.argpartition(compared, k - 1, axis=1)[:, :k] if k < len(among) else None
        best = np.broadcast_to(np.arange(len(among)), compared.shape) if best is None else best
        found = np.take_along_axis(compared, best, axis=1)
        order = np.argsort(found, axis=1, kind="stable")
        stop = start + len(part)
        indices[start:stop] = np.take_along_axis(best, order, axis=1)
        own = np.einsum("ij,ij->i", part, part)[:, None]
        squared = np.take_along_axis(found, order, axis=1) + own
        distances[start:stop] = np.sqrt(np.maximum(squared, 0))
        tell(stop / len(of))
    return indices, distances

"""An order of points in which neighbours on the map mostly follow each other."""

import numpy as np
from numpy.typing import NDArray

from core.atlas.neighbours import Floats

BITS = 16


def quantised(positions: Floats) -> NDArray[np.uint16]:
    """Positions [n, 2] as steps from the lower left (0) to the upper right corner (65534)."""
    if not len(positions):
        return np.empty((0, 2), np.uint16)
    low, high = positions.min(axis=0), positions.max(axis=0)
    scaled = (positions - low) / np.maximum(high - low, 1e-12) * (2**BITS - 2)
    steps: NDArray[np.uint16] = np.rint(scaled).astype(np.uint16)
    return steps


def along(positions: Floats) -> NDArray[np.int64]:
    """The order of positions [n, 2] along a Z-order curve (Morton 1966).

    Sent so, positions, colours and selections pack to a fraction of their size.
    """
    steps = quantised(positions).astype(np.uint64)
    code = np.zeros(len(positions), np.uint64)
    for bit in range(BITS):
        for axis in (0, 1):
            one = (steps[:, axis] >> np.uint64(bit)) & np.uint64(1)
            code |= one << np.uint64(2 * bit + axis)
    return np.argsort(code, kind="stable")

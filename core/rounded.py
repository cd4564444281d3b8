"""Unit vectors as bytes, and how far off cosines reckoned with them can be.

Turned first by a rotation drawn once for each dimension: no number of a turned vector is then much
larger than another, whatever model it is of, and one step does for all (as in QuaRot and RaBitQ).
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
LARGEST = 127
REACH = 6.0
"""Standard deviations of the numbers of turned vectors that bytes reach."""
SURE = 5.0
"""Standard deviations of rounding: of ten million cosines three are too low by more."""


def rounded(rows: Floats) -> tuple[Floats, float]:
    """Unit vectors [n, dim] as whole numbers within 127, and the most that one of them loses.

    That is the length of what lies beyond the reach of bytes: nearly always 0.
    """
    wanted = np.round(rows @ _rotation(rows.shape[1]) / _step(rows.shape[1]))
    kept: Floats = wanted.clip(-LARGEST, LARGEST)
    lost = np.linalg.norm(wanted - kept, axis=1) * _step(rows.shape[1])
    return kept, float(lost.max(initial=0.0))


@dataclass(frozen=True, eq=False)
class Asked:
    """A query to be compared with vectors as bytes."""

    values: Floats
    """[1, dim], whole numbers within 127."""
    unit: float
    """The cosine that a dot product of 1 stands for."""
    error: float
    """How far off a cosine can be, where vectors lose nothing."""


def asked(query: Floats) -> Asked:
    """The unit vector `query` [dim] as bytes, in steps of its own."""
    # Not by BLAS: its threads wait for more, and take the processor from the search that follows.
    turned = np.einsum("i,ij->j", query, _rotation(len(query)))
    own, step = float(np.abs(turned).max()) / LARGEST, _step(len(query))
    # Rounding is as good as even within a step, and both vectors have length 1.
    error = SURE * math.sqrt((own**2 + step**2) / 12)
    return Asked(np.round(turned / own)[None].astype(np.float32), own * step, error)


def _step(dim: int) -> float:
    return min(REACH / math.sqrt(dim), 1.0) / LARGEST


@cache
def _rotation(dim: int) -> Floats:
    """Drawn evenly among all rotations (Mezzadri 2007), the same each time."""
    drawn = np.random.default_rng(dim).standard_normal((dim, dim))
    found, triangle = np.linalg.qr(drawn)
    return np.ascontiguousarray(found * np.sign(np.diag(triangle)), np.float32)

"""Principal components: fewer dimensions first, which drops noise and makes neighbours cheap."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Components:
    """Mean [dim] and the leading directions [dim, kept], of unit length."""

    mean: Floats
    directions: Floats
    explained: float
    """Share of the variance that the kept directions carry, 0 to 1."""

    def apply(self, vectors: Floats) -> Floats:
        """Vectors float32 [n, dim] to coordinates float32 [n, kept]."""
        reduced: Floats = ((vectors - self.mean) @ self.directions).astype(np.float32, copy=False)
        return reduced


def fit(vectors: Floats, kept: int) -> Components:
    """The `kept` leading components of float32 [n, dim], fewer where there are fewer.

    Each direction points to where its largest entry is positive, so that the same vectors always
    give the same map.
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    centred = (vectors - mean).astype(np.float32)
    variances, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    variances = np.maximum(variances, 0)
    kept = max(1, min(kept, vectors.shape[1], len(vectors)))
    leading = axes[:, ::-1][:, :kept]
    largest = leading[np.abs(leading).argmax(axis=0), np.arange(kept)]
    leading = leading * np.where(largest < 0, -1.0, 1.0)
    total = float(variances.sum())
    share = float(variances[::-1][:kept].sum()) / total if total > 0 else 1.0
    return Components(mean.astype(np.float32), leading.astype(np.float32), share)

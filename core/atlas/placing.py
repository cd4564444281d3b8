"""Where images that came after the map was made go: among those that they look like."""

import numpy as np

from core.atlas.neighbours import Floats, nearest
from core.atlas.umap import memberships


def place(among: Floats, positions: Floats, of: Floats, k: int) -> Floats:
    """Positions float32 [n, 2] for the rows of `of` [n, d]: means of their `k` nearest in `among`.

    `positions` [m, 2] are those of `among` [m, d]; a neighbour weighs as in UMAP's graph.
    """
    indices, distances = nearest(among, of, k)
    weights = memberships(distances)
    weights /= weights.sum(axis=1, keepdims=True)
    placed: Floats = np.einsum("nk,nkc->nc", weights, positions[indices]).astype(np.float32)
    return placed

"""Classes that a tree does not have, put beside their relatives.

On the covariance alone: a new tip under an ancestor at depth d shares with every other tip what
that ancestor's descendants share with it, and never more than d.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.newick import Tree, covariance, key, tip_names
from trainer.taxonomy import Taxonomy

Shared = NDArray[np.float64]


def grafted(tree: Tree, taxonomy: Taxonomy) -> Shared:
    """float64 [C, C] as `covariance` gives, with every class of `taxonomy`.

    A class that is no tip hangs from the last common ancestor of those tips that share its finest
    rank that any shares; from the one relative's parent where there is one only; from the root
    where there is none. It is as deep as its relatives are on average.
    """
    tips = tip_names(tree)
    present = [i for i, name in enumerate(taxonomy.names) if key(name) in tips]
    inside = covariance(tree, [taxonomy.names[i] for i in present])
    size, codes = len(taxonomy.names), taxonomy.codes
    place = {c: k for k, c in enumerate(present)}
    # Every class by one tip that stands for it, and by how deep it may share anything.
    tip, depth, own = np.zeros(size, dtype=np.int64), np.full(size, np.inf), np.zeros(size)
    for c in range(size):
        if c in place:
            tip[c], own[c] = place[c], inside[place[c], place[c]]
            continue
        relatives = _relatives(codes, c, present)
        tip[c] = relatives[0] if len(relatives) else 0
        depth[c] = _anchor(inside, relatives)
        own[c] = np.diagonal(inside)[relatives if len(relatives) else slice(None)].mean()
    full = np.minimum(inside[np.ix_(tip, tip)], np.minimum(depth[:, None], depth[None, :]))
    np.fill_diagonal(full, np.maximum(own, np.where(np.isfinite(depth), depth, 0)))
    return np.asarray(full)


def _relatives(codes: NDArray[np.int64], c: int, present: Sequence[int]) -> NDArray[np.int64]:
    """Places among `present` of those that share the class's finest rank that any shares."""
    there = codes[list(present)]
    for rank in reversed(range(codes.shape[1])):
        shared = np.flatnonzero((codes[c, rank] >= 0) & (there[:, rank] == codes[c, rank]))
        if len(shared):
            return shared
    return np.zeros(0, dtype=np.int64)


def _anchor(inside: Shared, relatives: NDArray[np.int64]) -> float:
    """Depth of what the new tip hangs from."""
    if len(relatives) == 0:
        return 0.0
    if len(relatives) > 1:
        return float(inside[np.ix_(relatives, relatives)].min())
    others = np.delete(inside[relatives[0]], relatives[0])
    return float(others.max()) if len(others) else 0.0

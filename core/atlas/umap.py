"""UMAP (McInnes, Healy, Melville 2018, arXiv:1802.03426) in whole arrays.

Every step moves all points of a batch of edges at once, where the authors' program moves one edge
after the other; docs/decisions/0010-own-umap.md says why and what it measured.
"""

import numpy as np
from numpy.typing import NDArray

from core.atlas.neighbours import Floats, Indices, Tell, silent

A, B = 0.5830300205, 1.3341669924
"""The curve 1 / (1 + a d^2b) for min_dist 0.5 and spread 1: clusters are round and full."""
NEGATIVES = 5
CLIP = 4.0
BATCHES = 6
"""Parts of an epoch: fewer make a point leap by the sum of all that pull it."""


def memberships(distances: Floats) -> Floats:
    """Distances [n, k], nearest first, to weights in (0, 1] that add up to log2(k) in each row."""
    near = distances[:, :1]
    beyond = np.maximum(distances - near, 0).astype(np.float64)
    wanted = np.log2(max(2, distances.shape[1]))
    low = np.zeros(len(distances))
    high = np.full(len(distances), np.inf)
    scale = np.ones(len(distances))
    for _ in range(64):
        over = np.exp(-beyond / scale[:, None]).sum(axis=1) > wanted
        high = np.where(over, scale, high)
        low = np.where(over, low, scale)
        scale = np.where(np.isinf(high), scale * 2, (low + high) / 2)
    scale = np.maximum(scale, 1e-3 * distances.mean() + 1e-12)
    weights: Floats = np.exp(-beyond / scale[:, None]).astype(np.float32)
    return weights


def graph(indices: Indices, weights: Floats) -> tuple[Indices, Indices, Floats]:
    """The fuzzy union p + q - pq of both directions: (from, to, weight), each pair once."""
    count, k = indices.shape
    heads = np.repeat(np.arange(count), k)
    tails = indices.ravel()
    keys = np.minimum(heads, tails) * count + np.maximum(heads, tails)
    pairs, slots = np.unique(keys, return_inverse=True)
    flat = weights.ravel().astype(np.float64)
    sums = np.bincount(slots, flat)
    # The product of the two directions; where there is only one, the other is 0.
    products = (sums**2 - np.bincount(slots, flat**2)) / 2
    return pairs // count, pairs % count, (sums - products).astype(np.float32)


def layout(
    edges: tuple[Indices, Indices, Floats],
    start: Floats,
    *,
    epochs: int,
    seed: int,
    tell: Tell = silent,
) -> Floats:
    """Positions float32 [n, 2] from `start`, after `epochs` passes; the same for the same seed."""
    heads, tails, weights = edges
    shares = weights / weights.max()
    kept = shares >= 1 / epochs
    heads, tails, shares = heads[kept], tails[kept], shares[kept].astype(np.float64)
    chance = np.random.default_rng(seed)
    due = chance.random(len(shares))  # so that edges of one weight do not all fall on one epoch
    placed = start.astype(np.float64).T.copy()
    for epoch in range(epochs):
        before, due = due, due + shares
        active = chance.permutation(np.flatnonzero(np.floor(due) > np.floor(before)))
        rate = 1 - epoch / epochs
        for batch in np.array_split(active, BATCHES):
            _attract(placed, heads[batch], tails[batch], rate)
            _repel(placed, heads[batch], tails[batch], rate, chance)
        tell((epoch + 1) / epochs)
    return placed.T.astype(np.float32)


def _attract(placed: NDArray[np.float64], heads: Indices, tails: Indices, rate: float) -> None:
    apart = placed[:, heads] - placed[:, tails]
    squared = np.maximum((apart**2).sum(axis=0), 1e-12)
    power = squared**B
    pull = np.clip(apart * (-2 * A * B * power / squared / (1 + A * power)), -CLIP, CLIP) * rate
    # An edge stands for both of its directions, each of which moves both ends.
    _move(placed, heads, 2 * pull)
    _move(placed, tails, -2 * pull)


def _repel(
    placed: NDArray[np.float64],
    heads: Indices,
    tails: Indices,
    rate: float,
    chance: np.random.Generator,
) -> None:
    ends = np.tile(np.concatenate([heads, tails]), NEGATIVES)
    others = chance.integers(0, placed.shape[1], len(ends))
    apart = placed[:, ends] - placed[:, others]
    squared = (apart**2).sum(axis=0)
    push = 2 * B / ((0.001 + squared) * (1 + A * squared**B))
    _move(placed, ends, np.clip(apart * push, -CLIP, CLIP) * rate)


def _move(placed: NDArray[np.float64], who: Indices, by: NDArray[np.float64]) -> None:
    for axis in (0, 1):
        placed[axis] += np.bincount(who, by[axis], minlength=placed.shape[1])

"""Vectors to a map: principal components, then UMAP of a sample, and the rest placed into it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.atlas import pca, umap
from core.atlas.neighbours import Floats, nearest
from core.atlas.placing import place

Tell = Callable[[str, float], None]
"""Told what is being done and the share of all that is done, 0 to 1."""


@dataclass(frozen=True)
class Parameters:
    """All that decides a map, beside the vectors."""

    seed: int = 20
    components: int = 50
    neighbours: int = 15
    most_fitted: int = 50_000
    """Images that UMAP itself arranges; the others are placed among them."""

    def as_json(self) -> dict[str, Any]:
        """As stored with the map."""
        return asdict(self) | {"a": umap.A, "b": umap.B, "negatives": umap.NEGATIVES}

    @property
    def method(self) -> str:
        """In words."""
        return f"PCA to {self.components} dimensions, then UMAP of {self.neighbours} neighbours"


def epochs_for(count: int) -> int:
    """Passes over the edges: as many as the authors' program makes."""
    return 500 if count <= 10_000 else 200


def sample(count: int, most: int, seed: int) -> NDArray[np.int64]:
    """Which of `count` rows are arranged: all, or `most` drawn at random, in their order."""
    if count <= most:
        return np.arange(count)
    drawn: NDArray[np.int64] = np.random.default_rng(seed).choice(count, most, replace=False)
    return np.sort(drawn)


def arrange(vectors: Floats, parameters: Parameters, tell: Tell) -> tuple[pca.Components, Floats]:
    """The components of float32 [n, dim], and positions [n, 2] with the median point at 0, 0.

    Fewer than four images lie in a row.
    """
    components = pca.fit(vectors, parameters.components)
    reduced = components.apply(vectors)
    if len(vectors) < 4:
        row = np.zeros((len(vectors), 2), np.float32)
        row[:, 0] = np.arange(len(vectors))
        return components, row
    # Shares of the work as measured at 20,000 images.
    indices, distances = nearest(
        reduced,
        reduced,
        parameters.neighbours,
        same=True,
        tell=lambda share: tell("Looking for neighbours", 0.25 * share),
    )
    edges = umap.graph(indices, umap.memberships(distances))
    positions = umap.layout(
        edges,
        _start(reduced, parameters.seed),
        epochs=epochs_for(len(vectors)),
        seed=parameters.seed,
        tell=lambda share: tell("Arranging", 0.25 + 0.75 * share),
    )
    return components, positions - np.median(positions, axis=0).astype(np.float32)


def _start(reduced: Floats, seed: int) -> Floats:
    """The first two components, scaled to 10, a little shaken so that equal vectors part."""
    flat = np.zeros((len(reduced), 2), np.float32)
    flat[:, : min(2, reduced.shape[1])] = reduced[:, :2]
    flat *= 10 / max(float(np.abs(flat).max()), 1e-6)
    shaken = np.random.default_rng(seed).normal(scale=1e-3, size=flat.shape)
    return (flat + shaken).astype(np.float32)


def add(among: Floats, positions: Floats, of: Floats, parameters: Parameters) -> Floats:
    """Positions [n, 2] of further vectors, all reduced by the same components."""
    return place(among, positions, of, parameters.neighbours)

"""Made vectors with the shape of real ones: a cone, a taxonomy in it, and words beside it.

All pictures share a direction (two at random have a cosine of about 0.57); what they share further
goes down the taxonomy (0.82 within a species); institution and view leave traces; the rest is the
specimen's own. Words live across a gap: 0.26 from pictures of what they name, 0.16 from others.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.float32] | NDArray[np.float16]
Ints = NDArray[np.int64]

RANKS = ("class", "order", "family", "genus", "species")
CONE = 0.57
BY_RANK = (0.06, 0.05, 0.05, 0.04, 0.05)
"""Share of the squared length that each rank adds; with the cone 0.82 within a species."""
STYLE, VIEW = 0.03, 0.02
STYLES, VIEWS = 40, 6
NEAR, FAR = 0.26, 0.16
"""Cosine of words with pictures of what they name, and of others."""
GAP = 0.6
"""Share of the squared length of words that all words have in common and no picture has."""
CHILDREN = (8, 5, 5, 4)
"""Orders a class, families an order, and so on; species follow from the number of rows."""


@dataclass(frozen=True, eq=False)
class World:
    """Pictures, what they show, and queries of both kinds."""

    pictures: Rows
    """[rows, dim], unit length; where kept on disk, in half precision."""
    lineage: Ints
    """[rows, 5]: number of class … species of each picture."""
    styles: Ints
    queries: dict[str, Floats]
    """Pictures and words not among the rows: "image" and "text", [n, dim]."""
    asked: dict[str, Ints]
    """Lineage of each query."""


class Generator:
    """Draws worlds of `dim` values, the same ones for the same seed."""

    def __init__(self, rows: int, dim: int, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._dim = dim
        # Real spectra fall: a few directions hold most of what differs.
        self._spectrum = (np.arange(1, dim + 1) ** -0.35).astype(np.float32)
        species = max(50, rows // 10)
        self._parents = self._tree(species)
        self._centre, self._gap = self._directions(2)
        self._gap = unit(self._gap - (self._gap @ self._centre) * self._centre)
        self._nodes = [self._directions(count) for count in self._counts(species)]
        self._style, self._view = self._directions(STYLES), self._directions(VIEWS)

    def world(self, rows: int, queries: int, into: Rows | None = None) -> World:
        """`rows` pictures (put `into` there) in a long tail of species, `queries` of each kind."""
        lineage, styles = self._lineage(rows), self._random.integers(0, STYLES, rows)
        asked = {kind: self._lineage(queries) for kind in ("image", "text")}
        made = {
            "image": self._pictures(asked["image"], self._random.integers(0, STYLES, queries)),
            "text": self.words(asked["text"]),
        }
        pictures = self._pictures(lineage, styles, into)
        return World(pictures, lineage, styles, made, asked)

    def words(self, lineage: Ints) -> Floats:
        """Words that name species: [n, dim]."""
        cone = FAR / np.sqrt(CONE)
        taxa = (NEAR - FAR) / np.sqrt(sum(BY_RANK))
        rest = 1 - cone**2 - taxa**2 - GAP
        own = self._directions(len(lineage))
        made = cone * self._centre + taxa * unit(self._taxa(lineage)) + np.sqrt(GAP) * self._gap
        return unit(made + np.sqrt(rest) * own)

    def some_words(self, count: int) -> Floats:
        """Words drawn like the queries, but others."""
        return self.words(self._lineage(count))

    def _pictures(self, lineage: Ints, styles: Ints, into: Rows | None = None) -> Any:
        made = np.empty((len(lineage), self._dim), np.float32) if into is None else into
        for start in range(0, len(lineage), 50_000):  # a million at once would not fit
            part = slice(start, start + 50_000)
            count = len(lineage[part])
            views = self._random.integers(0, VIEWS, count)
            rest = 1 - CONE - sum(BY_RANK) - STYLE - VIEW
            rows = np.sqrt(CONE) * self._centre + self._taxa(lineage[part])
            rows += np.sqrt(STYLE) * self._style[styles[part]]
            rows += np.sqrt(VIEW) * self._view[views]
            made[part] = unit(rows + np.sqrt(rest) * self._directions(count))
        return made

    def _taxa(self, lineage: Ints) -> Floats:
        total = np.zeros((len(lineage), self._dim), np.float32)
        for share, nodes, at in zip(BY_RANK, self._nodes, lineage.T, strict=True):
            total += np.float32(np.sqrt(share)) * nodes[at]
        return total

    def _lineage(self, count: int) -> Ints:
        """Species in a long tail, with all above them."""
        total = len(self._parents[-1])
        weights = 1 / np.arange(1, total + 1) ** 0.8
        at = self._random.choice(total, count, p=weights / weights.sum())
        found = [at]
        for parents in reversed(self._parents):
            at = parents[at]
            found.append(at)
        return np.stack(found[::-1], axis=1)

    def _counts(self, species: int) -> list[int]:
        counts = [6]
        for children in CHILDREN[:-1]:
            counts.append(counts[-1] * children)
        return [*counts, species]

    def _tree(self, species: int) -> list[Ints]:
        """Parent of every order, family, genus and species."""
        counts = self._counts(species)
        return [
            self._random.permutation(np.arange(below) % above)
            for above, below in zip(counts[:-1], counts[1:], strict=True)
        ]

    def _directions(self, count: int) -> Floats:
        drawn = self._random.standard_normal((count, self._dim), dtype=np.float32)
        return unit(drawn * self._spectrum)


def unit(rows: Floats) -> Floats:
    """Every row at length 1."""
    made: Floats = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return made

"""One tile of the image-by-text matrix, and what a term needs to know about the whole batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from trainer import dist
from trainer.elements import similarity
from trainer.targets import Block
from trainer.terms import Term
from trainer.weights import PairWeights
from trainer.words import Words


@dataclass(frozen=True)
class Batch:
    """This rank's unit rows [b, D] against every rank's unit columns [B, D], with class ids."""

    images: Tensor
    texts: Tensor
    classes: Tensor
    tile: int
    words: Words | None = None

    @property
    def size(self) -> int:
        """B, the global batch."""
        return len(self.texts)

    @property
    def own_classes(self) -> Tensor:
        """Class ids [b] of this rank's rows."""
        return self.classes[self.first_row : self.first_row + len(self.images)]

    @property
    def first_row(self) -> int:
        """Position of this rank's first row in the global batch."""
        return dist.rank() * len(self.images)

    def whole(self) -> Block:
        """All pairs of the global batch."""
        every = self.positions
        return Block(every, every, self.classes, self.classes, self.words)

    @cached_property
    def positions(self) -> Tensor:
        """int64 [B] of 0, 1, …: parts of it are views, which cost a GPU nothing."""
        return torch.arange(self.size, device=self.texts.device)

    def tiles(self) -> Iterator["Tile"]:
        """Every tile of this rank's rows, row by row."""
        for top in range(0, len(self.images), self.tile):
            for left in range(0, self.size, self.tile):
                rows = slice(top, min(top + self.tile, len(self.images)))
                columns = slice(left, min(left + self.tile, self.size))
                yield Tile(rows, columns, self.images[rows] @ self.texts[columns].T, self)


@dataclass(frozen=True)
class Tile:
    """Dot products [u, v] of rows (local positions) and columns (global positions)."""

    rows: slice
    columns: slice
    dots: Tensor
    batch: Batch

    def pairs(self) -> Block:
        """The positions and class ids of its pairs."""
        first, batch = self.batch.first_row, self.batch
        rows, columns = slice(self.rows.start + first, self.rows.stop + first), self.columns
        at, classes = batch.positions, batch.classes
        return Block(at[rows], at[columns], classes[rows], classes[columns], batch.words)


@dataclass(frozen=True)
class Tally:
    """What a term came to before `weight` and `unit`, and the least it could have come to."""

    value: Tensor
    floor: Tensor


class TermState(Protocol):
    """One term in the course of one step: look at all tiles as often as needed, then differentiate.

    While not `ready`, every tile is shown to `observe`, then `advance` closes the sweep (and is
    the only place with collectives). In the last sweep the gradient of `surrogate` is the term's.
    """

    @property
    def ready(self) -> bool:
        """Whether the gradient sweep may begin."""
        ...

    def observe(self, tile: Tile, log_scale: Tensor, bias: Tensor) -> None:
        """Take in one tile of a statistics sweep."""
        ...

    def advance(self) -> None:
        """Close a statistics sweep."""
        ...

    def surrogate(self, tile: Tile, log_scale: Tensor, bias: Tensor) -> Tensor:
        """Scalar whose gradient is this tile's part of the gradient of the weighted term."""
        ...

    def tally(self) -> Tally:
        """Global value and floor, after the last sweep."""
        ...


def logits(term: Term, tile: Tile, log_scale: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Similarity S and logits exp(log_scale) S + bias of a tile."""
    s = similarity(tile.dots, term.similarity)
    return s, log_scale.exp() * s + bias


def pair_weights(term: Term, pairs: Block) -> Tensor | None:
    """The term's imbalance weights of these pairs, None where it has none per pair."""
    if isinstance(term.imbalance, PairWeights):
        return term.imbalance.block(pairs)
    return None

"""Target values T_ij in [0, 1] for every image-text pair of a batch, made tile by tile.

Instance, same-class and truth targets are comparisons; taxonomic and phylogenetic ones are a lookup
in a class-by-class table that lives on the device, so that no B x B tensor is ever needed.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import InvalidSetting
from trainer.words import Words

_CHUNK = 1 << 22
"""Cells summed at a time by `Target.mass` (16 MiB in float32)."""


@dataclass(frozen=True)
class Block:
    """The pairs of one tile: int64 positions in the global batch and int64 class ids."""

    rows: Tensor
    columns: Tensor
    row_classes: Tensor
    column_classes: Tensor
    words: Words | None = None
    """What pictures show and texts claim, of the whole global batch."""


class Target(Protocol):
    """How alike an image and a text should be."""

    binary: bool
    """Whether all values are 0 or 1: their entropy is 0 then."""

    def block(self, pairs: Block) -> Tensor:
        """float32 [rows, columns] of targets in [0, 1]."""
        ...

    def mass(self, whole: Block) -> Tensor:
        """Sum of all targets of a `whole` batch of B x B pairs, float64 scalar."""
        ...


class InstanceTarget:
    """1 for an image and its own text, else 0."""

    binary = True

    def block(self, pairs: Block) -> Tensor:
        """See `Target.block`."""
        return (pairs.rows[:, None] == pairs.columns[None, :]).float()

    def mass(self, whole: Block) -> Tensor:
        """See `Target.mass`: B."""
        rows = whole.rows
        return torch.tensor(float(len(rows)), dtype=torch.float64, device=rows.device)


class ClassTarget:
    """1 for pairs of the same class, else 0."""

    binary = True

    def block(self, pairs: Block) -> Tensor:
        """See `Target.block`."""
        return (pairs.row_classes[:, None] == pairs.column_classes[None, :]).float()

    def mass(self, whole: Block) -> Tensor:
        """See `Target.mass`: the sum of squared class counts."""
        counts: Tensor = torch.unique(whole.row_classes, return_counts=True)[1]
        return counts.double().square().sum()


class TruthTarget:
    """1 where the text is true of the picture, its own or another: many may be, at any rank."""

    binary = True

    def block(self, pairs: Block) -> Tensor:
        """See `Target.block`."""
        return _words(pairs.words).block(pairs.rows, pairs.columns).float()

    def mass(self, whole: Block) -> Tensor:
        """See `Target.mass`: counted, in chunks."""
        words, every = _words(whole.words), whole.rows
        rows = torch.split(every, max(1, _CHUNK // len(every)))
        return torch.stack([words.block(part, every).sum() for part in rows]).sum().double()


class TableTarget:
    """A lookup in a symmetric [C, C] table with ones on the diagonal, of any float dtype."""

    binary = False

    def __init__(self, table: Tensor) -> None:
        if table.ndim != 2 or table.shape[0] != table.shape[1]:
            raise InvalidSetting(f"a target table must be square, not {tuple(table.shape)}")
        if not bool(((table >= 0) & (table <= 1)).all()):
            raise InvalidSetting("a target table must hold values between 0 and 1 only")
        self.table = table

    def block(self, pairs: Block) -> Tensor:
        """See `Target.block`."""
        return self.table[pairs.row_classes[:, None], pairs.column_classes[None, :]].float()

    def mass(self, whole: Block) -> Tensor:
        """See `Target.mass`: from the class histogram of the batch, in chunks."""
        distinct, counts = torch.unique(whole.row_classes, return_counts=True)
        weight = counts.double()
        total = torch.zeros((), dtype=torch.float64, device=weight.device)
        step = max(1, _CHUNK // len(distinct))
        for part, share in zip(distinct.split(step), weight.split(step), strict=True):
            total += share @ (self.table[part[:, None], distinct[None, :]].double() @ weight)
        return total


def taxonomic_table(ranks: NDArray[np.int64], power: float = 1.0) -> Tensor:
    """float32 [C, C]: the share of ranks two classes have in common from the broadest downward.

    `ranks` is [C, R] of taxon codes, broad to fine; -1 means unknown and matches nothing. Same
    class is always 1. T_ij = ((index of the first differing rank) / R)^power: a high power keeps to
    near relatives, as the soft labels of Bertinetto et al. 2020 do.
    """
    if power <= 0:
        raise InvalidSetting("the power of taxonomic targets must be above 0")
    if ranks.ndim != 2 or ranks.shape[1] == 0:
        raise InvalidSetting("taxonomic targets need a [classes, ranks] table with a rank or more")
    codes = torch.from_numpy(np.ascontiguousarray(ranks))
    shared = torch.zeros(len(codes), len(codes))
    still = torch.ones(len(codes), len(codes), dtype=torch.bool)
    for column in codes.T:
        still &= (column[:, None] == column[None, :]) & (column >= 0)[:, None]
        shared += still
    return (shared / codes.shape[1]).pow(power).fill_diagonal_(1.0)


def phylogenetic_table(covariance: NDArray[np.float64], power: float = 1.0) -> Tensor:
    """float32 [C, C] of the Brownian-motion correlation V_ij / sqrt(V_ii V_jj), raised to `power`.

    `covariance` is the depth of the most recent common ancestor (see `taxonomy.covariance`). True
    correlation also on a tree that is not ultrametric (Felsenstein 1985).
    """
    if power <= 0:
        raise InvalidSetting("the power of phylogenetic targets must be above 0")
    depth = np.diagonal(covariance)
    if (depth <= 0).any():
        raise InvalidSetting("a class sits at the root of the tree: give its branch a length")
    correlation = np.clip(covariance / np.sqrt(np.outer(depth, depth)), 0.0, 1.0) ** power
    np.fill_diagonal(correlation, 1.0)
    return torch.from_numpy(correlation).float()


def patristic_table(distance: NDArray[np.float64], temperature: float) -> Tensor:
    """float32 [C, C] of exp(-distance / temperature), both in the tree's branch-length unit."""
    if temperature <= 0:
        raise InvalidSetting("the temperature of patristic targets must be above 0")
    return torch.from_numpy(np.exp(-distance / temperature)).float()


def shuffled(table: Tensor, seed: int) -> Tensor:
    """The same table under a seeded permutation of its classes: the control for soft targets.

    The multiset of values is unchanged while which class is near which is destroyed.
    """
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(seed))
    order = order.to(table.device)
    return table[order][:, order]


def _words(words: Words | None) -> Words:
    if words is None:
        raise InvalidSetting("truth targets need batches that say what texts claim")
    return words

"""Class-imbalance weights from the class counts of the training partition.

`ClassWeights` weighs the queries of a softmax; `PairWeights` weighs single pairs. Formulas:
inverse frequency n^-gamma and effective number (1-beta)/(1-beta^n) (Cui et al. 2019); log priors
for logit adjustment (Menon et al. 2021).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from core.errors import InvalidSetting
from trainer.targets import Block

Pairing = Literal["naive", "doubled", "expected"]
"""Frequency of a class pair: n_a n_b; the same with unlike pairs counted in both orders; or the
expected pairs an anchor meets in a batch drawn without replacement."""
Population = Literal["class", "sample"]
"""What the mean weight is 1 over: classes (or class pairs), or the samples (or pairs) met."""
_PairFrequency = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Frequency:
    """How a weight falls with a frequency: n^-gamma, or the effective number when beta is set."""

    gamma: float = 0.5
    beta: float | None = None

    def __post_init__(self) -> None:
        if self.beta is not None and not 0 <= self.beta < 1:
            raise InvalidSetting(f"beta must be at least 0 and below 1, not {self.beta}")
        if self.beta is None and not 0 < self.gamma <= 1:
            raise InvalidSetting(f"gamma must be above 0 and at most 1, not {self.gamma}")

    def __call__(self, n: Tensor) -> Tensor:
        """Weights of the frequencies `n` > 0, same shape and dtype."""
        if self.beta is None:
            return n**-self.gamma
        if self.beta == 0:
            return torch.ones_like(n)
        # expm1 keeps 1 - beta^n exact where n is tiny, as expected pair frequencies are.
        return (1 - self.beta) / -torch.expm1(n * math.log(self.beta))


class Imbalance(Protocol):
    """Weights of pairs by their classes."""

    def block(self, pairs: Block) -> Tensor:
        """float32 [rows, columns] or a broadcastable shape."""
        ...


class ClassWeights:
    """One weight per class with mean 1, over classes or over samples."""

    def __init__(self, counts: Tensor, frequency: Frequency, mean_over: Population) -> None:
        n = _checked(counts)
        present = counts > 0
        raw = torch.where(present, frequency(n), 0.0)
        population = present.double() if mean_over == "class" else counts.double()
        self.values = (raw * population.sum() / (raw * population).sum()).float()

    def of(self, classes: Tensor) -> Tensor:
        """float32 weights of int64 class ids."""
        return self.values[classes]


class PairWeights:
    """One weight per class pair with mean 1, computed from two counts whenever it is needed.

    `batch` is the global batch size, used by the "expected" pairing only.
    """

    def __init__(
        self,
        counts: Tensor,
        frequency: Frequency,
        pairing: Pairing = "naive",
        mean_over: Population = "class",
        batch: int = 0,
    ) -> None:
        self.counts = _checked(counts).float()
        self._frequency = frequency
        self._pair = _pair_frequency(pairing, int(counts.sum()), batch)
        self._scale = 1.0
        self._scale = 1.0 / self._population_mean(counts, pairing, mean_over)

    def of(self, a: Tensor, b: Tensor, same: Tensor) -> Tensor:
        """Weights of pairs with class counts `a` and `b`, `same` where the class is one."""
        return self._frequency(self._pair(a, b, same)) * self._scale

    def block(self, pairs: Block) -> Tensor:
        """See `Imbalance.block`."""
        same = pairs.row_classes[:, None] == pairs.column_classes[None, :]
        a, b = self.counts[pairs.row_classes], self.counts[pairs.column_classes]
        return self.of(a[:, None], b[None, :], same)

    def batch_mean(self, classes: Tensor) -> Tensor:
        """Mean weight over all pairs of a batch with these int64 [B] classes, float64 scalar.

        Weights depend on counts alone, so a histogram of count values does: no B x B sweep.
        """
        distinct, mass = torch.unique(classes, return_counts=True)
        counts = self.counts[distinct].double()
        return self._sum(counts, mass.double(), mass.double() ** 2) / float(len(classes)) ** 2

    def _sum(self, counts: Tensor, mass: Tensor, same_mass: Tensor) -> Tensor:
        """Sum over class pairs of mass_a mass_b w_ab, diagonal pairs weighted by `same_mass`."""
        value, group = torch.unique(counts, return_inverse=True)
        grouped = torch.zeros_like(value).index_add_(0, group, mass)
        yes, no = torch.tensor(True, device=value.device), torch.tensor(False, device=value.device)
        unlike = grouped @ (self.of(value[:, None], value[None, :], no) @ grouped)
        like = self.of(counts, counts, yes) * same_mass - self.of(counts, counts, no) * mass**2
        return unlike + like.sum()

    def _population_mean(self, counts: Tensor, pairing: Pairing, mean_over: Population) -> float:
        n = counts[counts > 0].double()
        ones = torch.ones_like(n)
        half = 1.0 if pairing == "naive" else 0.5
        if mean_over == "class":
            total = self._sum(n, ones, ones * (1 if half == 1 else 2)) * half
            return float(total / ((len(n) ** 2) if half == 1 else len(n) * (len(n) + 1) / 2))
        return float(_met_mean(self, n, self._pair if pairing == "expected" else _product))


def log_prior(counts: Tensor) -> Tensor:
    """float32 [C] log class priors centred to mean 0 over the training samples."""
    n = _checked(counts)
    logs = (n / counts.sum()).log()
    return (logs - (logs * counts).sum() / counts.sum()).float()


def _met_mean(weights: PairWeights, n: Tensor, met: _PairFrequency) -> Tensor:
    """Mean weight over the pairs of samples that are met, `met` giving how often."""
    value, share = torch.unique(n, return_counts=True)
    yes, no = torch.tensor(True, device=n.device), torch.tensor(False, device=n.device)
    a, b = value[:, None], value[None, :]
    unlike = share[:, None].double() * share[None, :] * met(a, b, no)
    like, falsely = met(n, n, yes), met(n, n, no)
    total = (unlike * weights.of(a, b, no)).sum() - (falsely * weights.of(n, n, no)).sum()
    total += (like * weights.of(n, n, yes)).sum()
    mean: Tensor = total / (unlike.sum() - falsely.sum() + like.sum())
    return mean


def _product(a: Tensor, b: Tensor, same: Tensor) -> Tensor:
    return a * b + 0.0 * same


def _pair_frequency(pairing: Pairing, samples: int, batch: int) -> _PairFrequency:
    if pairing == "naive":
        return _product
    if pairing == "doubled":
        return lambda a, b, same: torch.where(same, a * b, 2 * a * b)
    if batch < 2 or samples < 2:
        raise InvalidSetting("expected pair frequencies need a batch and a train set of 2 or more")
    met = (batch - 1) / (samples - 1)

    def expected(a: Tensor, b: Tensor, same: Tensor) -> Tensor:
        return a / samples * torch.where(same, 1 + met * (b - 1), met * b)

    return expected


def _checked(counts: Tensor) -> Tensor:
    """float64 counts with absent classes lifted to 1, which no training pair can ever meet."""
    if counts.ndim != 1 or bool((counts < 0).any()) or not bool((counts > 0).any()):
        raise InvalidSetting("class counts must be one number of 0 or more per class, not all 0")
    return counts.double().clamp(min=1)

"""How sure a number is: bootstrap intervals and paired tests between two runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidSetting

Values = NDArray[np.float64]
_T95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)
_EXACT = 16
"""Up to this many differences, all 2^n sign patterns are tried."""


@dataclass(frozen=True)
class Interval:
    """A mean with the bounds of its percentile bootstrap interval."""

    mean: float
    low: float
    high: float


def bootstrap(
    values: Values,
    groups: NDArray[np.int64] | None = None,
    *,
    macro: bool = False,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of the mean of `values` [n].

    With `groups` (class or specimen of each value) whole groups are drawn, because images of one
    class are not independent; `macro` then averages group means instead of values.
    """
    if len(values) == 0 or draws < 1 or not 0 < level < 1:
        raise InvalidSetting("an interval needs values, a draw or more, and a level within (0, 1)")
    if macro and groups is None:
        raise InvalidSetting("a macro mean needs groups")
    sums, sizes = _grouped(values, groups)
    if macro:
        sums, sizes = sums / sizes, np.ones_like(sizes)
    rng = np.random.default_rng(seed)
    means = np.empty(draws)
    for i in range(draws):
        picked = rng.integers(0, len(sums), len(sums))
        means[i] = sums[picked].sum() / sizes[picked].sum()
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(sums.sum() / sizes.sum()), float(low), float(high))


@dataclass(frozen=True)
class Paired:
    """Mean of b - a, its two-sided p-value, and the number of pairs."""

    difference: float
    p_value: float
    pairs: int


def sign_flip_test(
    a: Values | Sequence[float], b: Values | Sequence[float], *, draws: int = 10_000, seed: int = 0
) -> Paired:
    """Paired randomisation test of mean(b - a) = 0 (Fisher 1935); exact for up to 16 pairs.

    Pairs are the same queries, or the same seeds, under two runs. With n pairs p cannot fall below
    2 / 2^n: three seeds never reach 0.05.
    """
    d = np.asarray(b, dtype=np.float64) - np.asarray(a, dtype=np.float64)
    if d.ndim != 1 or len(d) == 0:
        raise InvalidSetting("a paired test needs two equally long lists of one value or more")
    observed = abs(d.mean())
    slack = 1e-12 * max(1.0, float(np.abs(d).max()))
    if len(d) <= _EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=len(d))))
        extreme = np.abs(signs @ d / len(d)) >= observed - slack
        return Paired(float(d.mean()), float(extreme.mean()), len(d))
    rng = np.random.default_rng(seed)
    count = 0
    for _ in range(draws):
        count += abs((d * rng.choice((1.0, -1.0), len(d))).mean()) >= observed - slack
    return Paired(float(d.mean()), (count + 1) / (draws + 1), len(d))


def paired_interval(a: Values | Sequence[float], b: Values | Sequence[float]) -> Interval:
    """Mean of b - a over two pairs or more with its 95 % interval by Student's t."""
    d = np.asarray(b, dtype=np.float64) - np.asarray(a, dtype=np.float64)
    if d.ndim != 1 or len(d) < 2:
        raise InvalidSetting("an interval of a difference needs two pairs or more")
    half = _t95(len(d) - 1) * float(d.std(ddof=1)) / float(np.sqrt(len(d)))
    return Interval(float(d.mean()), float(d.mean()) - half, float(d.mean()) + half)


def _t95(freedom: int) -> float:
    """The 0.975 quantile of Student's t; beyond the table by Cornish and Fisher's expansion."""
    if freedom <= len(_T95):
        return _T95[freedom - 1]
    z, v = 1.959964, float(freedom)
    near, far = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + near / v + far / v**2


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of several p-values, in the order given (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, worst = [0.0] * len(p_values), 0.0
    for step, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - step) * p_values[i]))
        adjusted[i] = worst
    return adjusted


def _grouped(values: Values, groups: NDArray[np.int64] | None) -> tuple[Values, Values]:
    if groups is None:
        return values.astype(np.float64), np.ones(len(values))
    _, index = np.unique(groups, return_inverse=True)
    sums = np.bincount(index, weights=values).astype(np.float64)
    return sums, np.bincount(index).astype(np.float64)

"""How wrong a wrong name is: accuracy at every rank and severity of mistakes.

Severity is the height of the lowest common ancestor of the predicted and the true class, counted
in ranks: 1 is the right genus with the wrong species, where species is the finest rank (Bertinetto
et al. 2020).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class RankAccuracy:
    """Share of predictions right at one rank, among the `judged` whose true taxon is known."""

    accuracy: float
    judged: int


def accuracy_by_rank(predicted: Codes, true: Codes, ranks: Codes) -> list[RankAccuracy]:
    """Accuracy at each rank of `ranks` [C, R], broad to fine, for class ids [n].

    A taxon code of -1 is unknown: such a truth is not judged, such a prediction is wrong. A rank
    counts as right only where all broader known ranks are right too: names recur elsewhere.
    """
    right = _agree(predicted, true, ranks)
    known = ranks[true] >= 0
    out = []
    for rank in range(ranks.shape[1]):
        judged = known[:, rank]
        share = float(right[judged, rank].mean()) if judged.any() else float("nan")
        out.append(RankAccuracy(share, int(judged.sum())))
    return out


def lca_height(predicted: Codes, true: Codes, ranks: Codes) -> Codes:
    """int64 [n]: ranks to climb from the class to the common ancestor, 0 for the right class."""
    shared = _prefix(ranks[predicted], ranks[true])
    return np.where(predicted == true, 0, np.maximum(ranks.shape[1] - shared, 1))


@dataclass(frozen=True)
class Severity:
    """Mean height over mistakes (NaN without any), over all predictions, and how many mistakes."""

    of_mistakes: float
    overall: float
    mistakes: int


def severity(predicted: Codes, true: Codes, ranks: Codes) -> Severity:
    """Severity of the mistakes among class ids [n]; see `lca_height`."""
    height = lca_height(predicted, true, ranks)
    wrong = predicted != true
    of_mistakes = float(height[wrong].mean()) if wrong.any() else float("nan")
    overall = float(height.mean()) if len(height) else float("nan")
    return Severity(of_mistakes, overall, int(wrong.sum()))


def _prefix(a: Codes, b: Codes) -> Codes:
    """int64 [n]: how many leading ranks are known and equal."""
    leading: Codes = np.cumprod((a == b) & (a >= 0), axis=1).sum(1).astype(np.int64)
    return leading


def _agree(predicted: Codes, true: Codes, ranks: Codes) -> NDArray[np.bool_]:
    """bool [n, R]: right at this rank and nowhere wrong above it; unknown truth above is passed."""
    a, b = ranks[predicted], ranks[true]
    unbroken = np.cumprod((a == b) | (b < 0), axis=1).astype(bool)
    return np.asarray(unbroken & (b >= 0))

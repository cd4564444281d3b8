"""How far evidence can be trusted: measured by naming the museum's own photos.

Every trial photo is named four times: as it is (its own specimen left out, always), and with its
species, its genus, its family taken out of the museum, as if the museum did not know it. How often
evidence of a given strength was right is then a logistic regression at every rank; a rank is
supported where that says at least the wanted share.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.db.tables import RANKS
from core.identification.ladder import Evidence, Method, Step, climb
from core.identification.taxa import NOWHERE, Taxa

CERTAINTY = 0.9
"""Share of trials that must have been right for a rank to count as supported."""
FEWEST = 20
"""Photos at a rank below which nothing is promised."""
HIDDEN: tuple[tuple[str | None, float], ...] = (
    (None, 0.5), ("species", 0.25), ("genus", 0.125), ("family", 0.125),
)  # fmt: skip
"""What is taken out of the museum, and what share such photos are supposed to have."""
RIDGE = 1.0
ROUNDS = 30


@dataclass(frozen=True)
class Trial:
    """A photo of known lineage (index into the taxa) with the evidence for it."""

    truth: int
    evidence: Evidence
    weight: float
    known: bool
    """Whether its species was left in the museum."""


@dataclass(frozen=True)
class Curve:
    """Support at one rank: a logistic regression over standardised features."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    slopes: NDArray[np.float64]
    offset: float
    trials: int

    def __call__(self, features: Sequence[float]) -> float:
        """Expected share right, in [0, 1]."""
        z = (np.asarray(features) - self.mean) / self.spread
        return float(_logistic(z @ self.slopes + self.offset))


@dataclass(frozen=True)
class Outcome:
    """One trial of a photo whose species was known: support and rightness by rank."""

    support: tuple[float | None, ...]
    right: tuple[bool, ...]


class _Row(NamedTuple):
    """One trial at one rank."""

    features: tuple[float, ...]
    right: bool
    weight: float
    known: bool


@dataclass(frozen=True)
class Support:
    """Curves by rank for one method, in one version of one museum."""

    method: Method
    text_share: float
    curves: tuple[Curve | None, ...]
    outcomes: tuple[Outcome, ...] = ()

    def along(self, steps: Sequence[Step]) -> list[float | None]:
        """Support of each step: never more than of the one above; None where it is unknown."""
        found: list[float | None] = []
        least = 1.0
        for step in steps:
            curve = self.curves[step.rank]
            if step.code is None or curve is None:
                found.append(None)
                continue
            least = min(least, curve(step.features))
            found.append(least)
        return found


def stop(support: Sequence[float | None], certainty: float = CERTAINTY) -> int | None:
    """The deepest rank (index) whose support reaches `certainty`; None where none does."""
    reached = [rank for rank, value in enumerate(support) if value is not None]
    return max((rank for rank in reached if (support[rank] or 0) >= certainty), default=None)


def fit(taxa: Taxa, trials: Sequence[Trial], method: Method) -> Support:
    """Measure `method` on trials."""
    text_share = _text_share(taxa, trials) if method == "both" else float(method == "text")
    rows: list[list[_Row]] = [[] for _ in RANKS]
    for trial in trials:
        for step in climb(taxa, trial.evidence, method, text_share):
            truth = int(taxa.codes[step.rank, trial.truth])
            if step.code is not None and truth != NOWHERE:
                row = _Row(step.features, step.code == truth, trial.weight, trial.known)
                rows[step.rank].append(row)
    fitted = Support(method, text_share, tuple(_curve(each) for each in rows))
    known = [trial for trial in trials if trial.known]
    return replace(fitted, outcomes=tuple(_outcome(taxa, trial, fitted) for trial in known))


def _outcome(taxa: Taxa, trial: Trial, fitted: Support) -> Outcome:
    steps = climb(taxa, trial.evidence, fitted.method, fitted.text_share)
    right = (step.code == taxa.codes[step.rank, trial.truth] for step in steps)
    return Outcome(tuple(fitted.along(steps)), tuple(right))


def _text_share(taxa: Taxa, trials: Sequence[Trial]) -> float:
    """How much prompts count beside specimens: what named most of the known trials rightly."""
    known = [trial for trial in trials if trial.known]

    def right(share: float) -> float:
        hits = 0
        for trial in known:
            last = next(
                (
                    s
                    for s in reversed(climb(taxa, trial.evidence, "both", share))
                    if s.code is not None
                ),
                None,
            )
            hits += last is not None and last.code == taxa.codes[last.rank, trial.truth]
        return hits - 0.01 * abs(share - 0.5)  # of equals the middle

    return max((0.1, 0.3, 0.5, 0.7, 0.9), key=right) if known else 0.5


def _curve(rows: Sequence[_Row]) -> Curve | None:
    if sum(row.known for row in rows) < FEWEST:
        return None
    features = np.array([row.features for row in rows], np.float64)
    right = np.array([row.right for row in rows], np.float64)
    weight = np.array([row.weight for row in rows], np.float64)
    weight *= len(rows) / weight.sum()
    mean, spread = features.mean(0), np.maximum(features.std(0), 1e-6)
    slopes, offset = _regress((features - mean) / spread, right, weight)
    return Curve(mean, spread, slopes, offset, len(rows))


def _regress(
    z: NDArray[np.float64], right: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Ridge logistic regression by Newton's steps; the prior counts as one trial of each outcome.

    The two added outcomes (Laplace's rule) keep a museum whose trials were all right from
    promising certainty.
    """
    rows = np.vstack([z, np.zeros((2, z.shape[1]))])
    design = np.hstack([rows, np.ones((len(rows), 1))])
    target, mass = np.append(right, [0.0, 1.0]), np.append(weight, [1.0, 1.0])
    penalty = np.diag([RIDGE] * z.shape[1] + [1e-6])
    beta = np.zeros(design.shape[1])
    for _ in range(ROUNDS):
        expected = _logistic(design @ beta)
        slope = design.T @ (mass * (target - expected)) - penalty @ beta
        curvature = (design * (mass * expected * (1 - expected))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature, slope)
        beta += step
        if np.abs(step).max() < 1e-8:
            break
    return beta[:-1], float(beta[-1])


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))

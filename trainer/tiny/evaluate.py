"""Retrieval and naming metrics, on arrays; each beside what chance would give."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Retrieval:
    """Means over queries, all in 0-1."""

    queries: int
    recall_at_10: float
    precision_at_10: float
    average_precision: float


def retrieval(scores: Floats, relevant: Bools) -> Retrieval:
    """Rank pictures for each query. scores, relevant: (queries, pictures).

    recall@10 = relevant among the first 10 / min(10, relevant); precision@10 = relevant among the
    first 10 / 10; average precision over the whole ranking. Queries without a relevant picture
    are left out.
    """
    asked = relevant.any(1)
    order = np.argsort(-scores[asked], axis=1, kind="stable")
    hits = np.take_along_axis(relevant[asked], order, 1).astype(float)
    top, total = hits[:, :10].sum(1), hits.sum(1)
    ranks = np.arange(1, hits.shape[1] + 1)
    ap = (hits * hits.cumsum(1) / ranks).sum(1) / total
    recall = top / np.minimum(10, total)
    means = (float(recall.mean()), float((top / 10).mean()), float(ap.mean()))
    return Retrieval(int(asked.sum()), *means)


def chance(relevant: Bools) -> Retrieval:
    """What a random order gives on average (average precision: about the share of relevant)."""
    kept = relevant[relevant.any(1)]
    share = kept.mean(1)
    recall = share * 10 / np.minimum(10, kept.sum(1))
    mean = float(share.mean())
    return Retrieval(len(kept), float(recall.mean()), mean, mean)


def top_1(scores: Floats, answer: NDArray[np.int64]) -> float:
    """Share of pictures whose best class is the right one. scores: (pictures, classes)."""
    return float((scores.argmax(1) == answer).mean())


@dataclass(frozen=True)
class Truth:
    """What an evaluation needs to know: relevance of questions, and the species of pictures."""

    held_out: Bools
    said: Bools
    species: NDArray[np.int64]
    upper: Bools


@dataclass(frozen=True)
class Vectors:
    """Normalised vectors of one network for pictures (N, D), questions and names (K, D)."""

    pictures: Floats
    held_out: Floats
    said: Floats
    scientific: Floats
    common: Floats


def report(vectors: Vectors, truth: Truth) -> dict[str, Any]:
    """All metrics of one network; "upper" leaves out undersides, which may hide the pattern."""
    images, upper = vectors.pictures, truth.upper
    out: dict[str, Any] = {
        "held_out_questions": asdict(retrieval(vectors.held_out @ images.T, truth.held_out)),
        "other_questions": asdict(retrieval(vectors.said @ images.T, truth.said)),
    }
    for name in ("scientific", "common"):
        scores = images @ getattr(vectors, name).T
        out[f"top_1_{name}_name"] = top_1(scores, truth.species)
        out[f"top_1_{name}_name_upper"] = top_1(scores[upper], truth.species[upper])
    return out


def report_chance(truth: Truth, classes: int) -> dict[str, Any]:
    """The same metrics for random guessing."""
    names = ("top_1_scientific_name", "top_1_common_name")
    return {
        "held_out_questions": asdict(chance(truth.held_out)),
        "other_questions": asdict(chance(truth.said)),
    } | {f"{name}{part}": 1 / classes for name in names for part in ("", "_upper")}

"""Metrics against values worked out by hand, and against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.tiny.evaluate import chance, retrieval, top_1


def test_by_hand() -> None:
    scores = np.array([[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.4]], np.float32)
    relevant = np.array([[True, False, True, False], [True, False, False, False]])
    got = retrieval(scores, relevant)
    assert got.queries == 2
    assert got.recall_at_10 == 1.0
    assert got.precision_at_10 == pytest.approx((0.2 + 0.1) / 2)
    assert got.average_precision == pytest.approx(((1 + 2 / 3) / 2 + 1 / 4) / 2)


def test_recall_counts_at_most_ten() -> None:
    relevant = np.zeros((1, 40), bool)
    relevant[0, :20] = True
    best = np.linspace(1, 0, 40, dtype=np.float32)[None]
    assert retrieval(best, relevant).recall_at_10 == 1.0
    assert retrieval(-best, relevant).recall_at_10 == 0.0
    half = np.where(np.arange(40) % 2 == 0, best, best - 2).astype(np.float32)
    assert retrieval(half, relevant).recall_at_10 == 1.0
    relevant[0, ::2] = False
    assert retrieval(best, relevant).recall_at_10 == 0.5


def test_a_question_without_an_answer_is_left_out() -> None:
    scores = np.array([[0.2, 0.1], [0.2, 0.1]], np.float32)
    assert retrieval(scores, np.array([[True, False], [False, False]])).queries == 1


@given(st.integers(0, 2**32 - 1))
def test_average_precision_equals_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random((3, 17), np.float32)
    relevant = rng.random((3, 17)) < 0.3
    relevant[:, 0] = True
    want = []
    for row, mask in zip(scores, relevant, strict=True):
        ranked = mask[np.argsort(-row)]
        want.append(np.mean([ranked[: k + 1].mean() for k in np.flatnonzero(ranked)]))
    assert retrieval(scores, relevant).average_precision == pytest.approx(np.mean(want))


def test_chance_is_what_random_scores_give() -> None:
    rng = np.random.default_rng(1)
    relevant = np.zeros((1, 300), bool)
    relevant[0, :30] = True
    runs = [retrieval(rng.random((1, 300), np.float32), relevant) for _ in range(400)]
    assert np.mean([r.recall_at_10 for r in runs]) == pytest.approx(
        chance(relevant).recall_at_10, abs=0.02
    )
    assert np.mean([r.average_precision for r in runs]) == pytest.approx(
        chance(relevant).average_precision, abs=0.03
    )


def test_top_1() -> None:
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.4]], np.float32)
    assert top_1(scores, np.array([1, 0, 0])) == pytest.approx(2 / 3)

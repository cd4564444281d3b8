"""Retrieval metrics against brute force over a full ranking, item by item."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidSetting
from trainer.metrics import (
    average_precision,
    graded_ndcg,
    hit,
    judge,
    ndcg,
    positive_ranks,
    recall,
    reciprocal_rank,
)
from trainer.rows import unit_rows


def brute(scores, relevant, excluded, k):
    """All metrics of one query from the ranking itself, ties worst first."""
    items = [i for i in range(len(scores)) if not excluded[i]]
    items.sort(key=lambda i: (-scores[i], relevant[i]))
    flags = [relevant[i] for i in items]
    total = sum(flags)
    if total == 0:
        return None
    at, seen, precisions, cut = 0, 0, 0.0, 0.0
    for at, flag in enumerate(flags, 1):
        if flag:
            seen += 1
            precisions += seen / at
            cut += seen / at if at <= k else 0.0
    best = min(total, k)
    dcg = sum(1 / math.log2(i + 2) for i, flag in enumerate(flags[:k]) if flag)
    return {
        "ap": precisions / total,
        "ap@k": cut / best,
        "mrr": 1 / (flags.index(True) + 1),
        "hit": float(any(flags[:k])),
        "recall": sum(flags[:k]) / best,
        "ndcg": dcg / sum(1 / math.log2(i + 2) for i in range(best)),
    }


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 12), st.booleans())
def test_every_metric_equals_brute_force_with_ties_and_exclusions(seed, gallery, k, ties):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (5, gallery)) / 4 if ties else rng.standard_normal((5, gallery))
    relevant, excluded = rng.random((5, gallery)) < 0.3, rng.random((5, gallery)) < 0.1
    found = positive_ranks(*(torch.from_numpy(part) for part in (scores, relevant, excluded)))
    mine = {
        "ap": average_precision(found),
        "ap@k": average_precision(found, k),
        "mrr": reciprocal_rank(found),
        "hit": hit(found, k),
        "recall": recall(found, k),
        "ndcg": ndcg(found, k),
    }
    for q in range(5):
        wanted = brute(scores[q], relevant[q] & ~excluded[q], excluded[q], k)
        if wanted is None:
            assert found.counts[q] == 0
            assert all(float(values[q]) == 0 for values in mine.values())
        else:
            assert {name: float(values[q]) for name, values in mine.items()} == pytest.approx(
                wanted
            )


def test_hand_worked_ranking():
    """Relevant at ranks 1, 3 and 6 of seven."""
    relevant = torch.tensor([[1, 0, 1, 0, 0, 1, 0]], dtype=torch.bool)
    found = positive_ranks(torch.arange(7.0).flip(0)[None], relevant)
    assert found.ranks.tolist() == [[1, 3, 6]]
    assert float(average_precision(found)) == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)
    assert float(average_precision(found, 2)) == pytest.approx(1 / 2)
    assert float(average_precision(found, 50)) == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)


def test_one_positive_makes_ap_the_reciprocal_rank():
    scores = torch.randn(20, 9, generator=torch.Generator().manual_seed(1))
    relevant = torch.eye(9, dtype=torch.bool)[torch.arange(20) % 9]
    found = positive_ranks(scores, relevant)
    assert torch.equal(average_precision(found), reciprocal_rank(found))


def test_embeddings_that_collapsed_earn_nothing_from_the_order_of_the_gallery():
    classes = torch.arange(4).repeat_interleave(5)
    flat = torch.ones(20, 3) / 3**0.5
    judged = judge(flat, flat, classes, classes, own=torch.arange(20), at=(1,))
    assert float(judged.values["hit@1"].sum()) == 0.0


def test_judge_leaves_the_query_out_and_skips_queries_without_a_match():
    x = unit_rows(torch.randn(30, 4, generator=torch.Generator().manual_seed(2)))
    classes = torch.arange(30) % 7
    classes[29] = 99
    whole = judge(x, x, classes, classes, own=torch.arange(30), chunk=30)
    parts = judge(x, x, classes, classes, own=torch.arange(30), chunk=7)
    assert whole.skipped == parts.skipped == 1
    assert whole.queries.tolist() == parts.queries.tolist() == list(range(29))
    for name, values in whole.values.items():
        torch.testing.assert_close(parts.values[name], values)
        assert values.dtype == torch.float64
    scores = (x @ x.T).double().numpy()
    for q in (0, 13, 28):
        relevant = (classes == classes[q]).numpy()
        out = np.arange(30) == q
        wanted = brute(scores[q], relevant & ~out, out, 50)
        assert float(whole.values["ap"][q]) == pytest.approx(wanted["ap"])
        assert float(whole.values["ap@50"][q]) == pytest.approx(wanted["ap@k"])
    with_self = judge(x, x, classes, classes)
    assert with_self.skipped == 0
    assert bool((with_self.values["hit@1"] == 1).all())


def test_metrics_keep_full_precision():
    """The predecessor stored numbers as strings of four decimals."""
    x = unit_rows(torch.randn(31, 5, generator=torch.Generator().manual_seed(3)))
    judged = judge(x, x, torch.arange(31) % 5, torch.arange(31) % 5, own=torch.arange(31))
    mean = float(judged.values["ap"].mean())
    assert mean != float(f"{mean:.4f}")


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 15))
def test_graded_ndcg_equals_brute_force(seed, gallery, k):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 5, (3, gallery)).astype(float)
    gains = rng.integers(0, 4, (3, gallery)) / 3
    mine = graded_ndcg(torch.from_numpy(scores), torch.from_numpy(gains), k)
    for q in range(3):
        order = sorted(range(gallery), key=lambda i: (-scores[q][i], gains[q][i]))[:k]
        dcg = sum(gains[q][i] / math.log2(p + 2) for p, i in enumerate(order))
        ideal = sum(g / math.log2(p + 2) for p, g in enumerate(sorted(gains[q])[::-1][:k]))
        assert float(mine[q]) == pytest.approx(dcg / ideal if ideal else 0.0)


def test_nan_embeddings_are_refused():
    with pytest.raises(InvalidSetting, match="NaN"):
        positive_ranks(torch.tensor([[float("nan"), 1.0]]), torch.ones(1, 2, dtype=torch.bool))

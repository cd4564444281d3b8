"""How rankings are compared: against definitions and published properties."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import rankings

LISTS = st.lists(st.integers(0, 15), unique=True, max_size=12)


def brute_rbo(a, b, p, depth=2000):
    """Webber's definition on lists of one length: the unseen rest is agreed on as at the end."""
    n = len(a)
    total = 0.0
    agreed = 0.0
    for d in range(1, depth + 1):
        if d <= n:
            agreed = len(set(a[:d]) & set(b[:d])) / d
        total += p ** (d - 1) * agreed
    return (1 - p) * total


def test_overlap():
    assert rankings.overlap("abcd", "badx", 2) == 1
    assert rankings.overlap("abcd", "bxyz", 4) == 0.25
    assert rankings.overlap("ab", "abcd", 10) == 0.5
    assert rankings.overlap("", "", 10) is None


@given(LISTS.filter(bool), st.randoms())
def test_rbo_of_lists_of_one_length_is_the_definition(a, random):
    b = list(a)
    random.shuffle(b)
    b[0] = 99
    assert rankings.rank_biased_overlap(a, b) == pytest.approx(brute_rbo(a, b, 0.9), abs=1e-9)


@given(LISTS.filter(bool), LISTS.filter(bool))
def test_rbo_is_symmetric_and_bounded(a, b):
    found = rankings.rank_biased_overlap(a, b)
    assert found == pytest.approx(rankings.rank_biased_overlap(b, a))
    assert -1e-12 <= found <= 1
    assert rankings.rank_biased_overlap(a, a) == pytest.approx(1)


def test_rbo_of_a_prefix_and_of_disjoint_lists():
    assert rankings.rank_biased_overlap("abc", "abcdef") == pytest.approx(1)
    assert rankings.rank_biased_overlap("abc", "xyz") == 0
    assert rankings.rank_biased_overlap("", "xyz") is None


def test_rbo_weighs_the_top():
    swapped_first = rankings.rank_biased_overlap("bacdefgh", "abcdefgh")
    swapped_last = rankings.rank_biased_overlap("abcdefhg", "abcdefgh")
    assert swapped_first < swapped_last < 1


def test_agreement_counts_repeats():
    assert rankings.agreement(["x", "x", "y"], ["x", "y", "y"]) == pytest.approx(2 / 3)
    assert rankings.agreement([], []) is None


def test_ndcg_and_precision_of_judged_items():
    judged = {"a": True, "b": False, "c": True}
    assert rankings.ndcg("ac", judged, 10) == 1
    gain = 1 + 1 / math.log2(4)
    best = 1 + 1 / math.log2(3)
    assert rankings.ndcg("a?bc", judged, 10) == pytest.approx(gain / best)
    assert rankings.ndcg("xyz", judged, 10) is None
    assert rankings.precision("abx", judged, 3) == 0.5
    assert rankings.precision("x", judged, 3) is None


@pytest.mark.parametrize(
    ("relevant", "a", "b", "won"),
    [(True, 1, 5, "a"), (False, 1, 5, "b"), (True, None, 5, "b"), (False, None, 5, "a"),
     (True, 3, 3, None), (True, None, None, None)],
)  # fmt: skip
def test_winner(relevant, a, b, won):
    assert rankings.winner(relevant, a, b) == won


def test_sign_test_is_exact():
    assert rankings.sign_test(0, 0) is None
    assert rankings.sign_test(5, 5) == 1
    assert rankings.sign_test(6, 0) == pytest.approx(2 / 64)
    assert rankings.sign_test(8, 2) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert rankings.sign_test(2, 8) == rankings.sign_test(8, 2)


def test_interval_is_wilsons():
    low, high = rankings.share_interval(21, 16)
    assert (low, high) == pytest.approx((0.4094, 0.7135), abs=2e-3)
    assert rankings.share_interval(0, 0) is None
    assert rankings.share_interval(5, 0)[1] == 1

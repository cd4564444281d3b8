"""Aggregates, hierarchy metrics, intervals and tests against independent counts."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidSetting
from trainer.aggregate import bucket_of, by_bucket, harmonic, macro, micro
from trainer.hierarchy import accuracy_by_rank, lca_height, severity
from trainer.statistics import bootstrap, holm, sign_flip_test

# family, genus, species; class 5 has no known family (8 shares its genus), 6 no known genus.
RANKS = np.array(
    [
        [0, 0, 0],
        [0, 0, 1],
        [0, 1, 2],
        [1, 2, 3],
        [1, 2, 4],
        [-1, 3, 5],
        [1, -1, 6],
        [2, 0, 7],
        [1, 3, 8],
    ]
)


def test_macro_weighs_classes_and_micro_queries_alike():
    values, classes = np.array([1.0, 1.0, 1.0, 0.0]), np.array([4, 4, 4, 9])
    assert micro(values) == 0.75
    assert macro(values, classes) == 0.5
    assert math.isnan(macro(values[:0], classes[:0]))
    assert math.isnan(micro(values[:0]))


def test_harmonic_mean():
    assert harmonic([0.5, 1.0]) == pytest.approx(2 / 3)
    assert harmonic([0.0, 1.0]) == 0.0
    with pytest.raises(InvalidSetting):
        harmonic([])


def test_bucket_bounds_are_inclusive():
    assert [bucket_of(n, (20, 100)) for n in (1, 20, 21, 100, 101)] == [0, 0, 1, 1, 2]
    counts = np.array([5, 20, 21, 500])
    classes = np.array([3, 0, 2, 1, 3])
    split = by_bucket(np.arange(5.0), classes, counts, (20, 100))
    found = {b: v.tolist() for b, (v, _) in split.items()}
    assert found == {"0-20": [1, 3], "21-100": [2], "101+": [0, 4]}
    with pytest.raises(InvalidSetting):
        by_bucket(np.arange(5.0), classes, counts, (100, 20))


def test_lca_height_by_hand():
    predicted = np.array([0, 0, 0, 0, 0, 3, 5, 6])
    true = np.array([0, 1, 2, 3, 7, 4, 5, 3])
    assert lca_height(predicted, true, RANKS).tolist() == [0, 1, 2, 3, 3, 1, 0, 2]


def test_an_unknown_family_does_not_spoil_a_right_genus():
    found = accuracy_by_rank(np.array([8, 8]), np.array([5, 3]), RANKS)
    assert [(rank.accuracy, rank.judged) for rank in found] == [(1.0, 1), (0.5, 2), (0.0, 2)]


def test_severity_counts_mistakes_only_and_all():
    predicted, true = np.array([0, 0, 0, 0]), np.array([0, 1, 2, 3])
    found = severity(predicted, true, RANKS)
    assert (found.of_mistakes, found.overall, found.mistakes) == (2.0, 1.5, 3)
    assert math.isnan(severity(true, true, RANKS).of_mistakes)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=12))
def test_rank_accuracy_equals_a_plain_count(pairs):
    predicted, true = np.array(pairs).T
    found = accuracy_by_rank(predicted, true, RANKS)
    for rank in range(3):
        judged = right = 0
        for p, t in pairs:
            if RANKS[t, rank] < 0:
                continue
            judged += 1
            above = all(RANKS[p, r] == RANKS[t, r] for r in range(rank + 1) if RANKS[t, r] >= 0)
            right += above
        assert found[rank].judged == judged
        if judged:
            assert found[rank].accuracy == pytest.approx(right / judged)
        else:
            assert math.isnan(found[rank].accuracy)


def test_bootstrap_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for i in range(200):
        found = bootstrap(rng.normal(3.0, 1.0, 60), draws=200, seed=i)
        inside += found.low <= 3.0 <= found.high
    assert 0.88 <= inside / 200 <= 0.98


def test_bootstrap_width_agrees_with_the_normal_formula():
    values = np.random.default_rng(1).normal(0, 2, 400)
    found = bootstrap(values, draws=4000)
    half = 1.96 * values.std(ddof=1) / 20
    assert found.mean == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.08)


def test_bootstrap_over_groups_is_wider_when_groups_agree_inside():
    groups = np.repeat(np.arange(10), 30)
    values = (groups % 2).astype(float)
    plain, grouped = bootstrap(values), bootstrap(values, groups)
    assert grouped.high - grouped.low > 3 * (plain.high - plain.low)
    assert plain.mean == grouped.mean == 0.5


def test_macro_bootstrap_means_over_groups():
    values, groups = np.array([1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 0, 1])
    assert bootstrap(values, groups, macro=True).mean == 0.5
    assert bootstrap(values, groups).mean == 0.75
    assert bootstrap(values, groups, seed=4) == bootstrap(values, groups, seed=4)


def test_sign_flip_is_exact_for_few_pairs():
    a, b = [0.1, 0.2, 0.3], [0.4, 0.3, 0.6]
    d = np.subtract(b, a)
    means = [abs(np.dot(s, d)) for s in product((1, -1), repeat=3)]
    found = sign_flip_test(a, b)
    assert found.p_value == pytest.approx(np.mean([m >= abs(d.sum()) - 1e-12 for m in means]))
    assert found.p_value == 2 / 8
    assert found.difference == pytest.approx(d.mean())


def test_sign_flip_finds_a_real_difference_and_not_a_false_one():
    rng = np.random.default_rng(5)
    a = rng.normal(size=100)
    assert sign_flip_test(a, a + rng.normal(0.5, 1, 100), draws=2000).p_value < 0.01
    false = [
        sign_flip_test(a, a + rng.normal(0, 1, 100), draws=200, seed=i).p_value < 0.05
        for i in range(100)
    ]
    assert sum(false) <= 12


def test_equal_runs_are_not_different():
    same = np.arange(5.0)
    assert sign_flip_test(same, same).p_value == 1.0


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_nonsense_is_refused():
    with pytest.raises(InvalidSetting):
        bootstrap(np.zeros(0))
    with pytest.raises(InvalidSetting):
        bootstrap(np.ones(3), macro=True)
    with pytest.raises(InvalidSetting):
        sign_flip_test([], [])

"""Streams: pure functions of (seed, step), each with the composition it promises."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidSetting
from trainer.sampling import (
    Balance,
    Balanced,
    ClassesTimesImages,
    Neighbours,
    Repeated,
    nearest_taxa,
)
from trainer.streams import Chain, Homogeneous, Shuffled, sample_seed, share_of_rank
from trainer.targets import taxonomic_table

COUNTS = [400, 120, 60, 20, 6, 2, 1, 1]
CLASSES = np.random.default_rng(0).permutation(np.repeat(np.arange(8), COUNTS))
N = len(CLASSES)
VIEWS = ["dorsal" if i % 3 else "ventral" for i in range(N)]
RANKS = np.array([[0, 0], [0, 1], [0, 2], [1, 3], [1, 4], [2, 5], [3, 6], [3, 7]])
NEAR = nearest_taxa(taxonomic_table(RANKS).numpy(), 3)


def make(seed):
    """Every kind of stream, with batches of 32."""
    return {
        "shuffled": Shuffled(N, 32, seed),
        "homogeneous": Homogeneous(VIEWS, 32, seed),
        "balanced": Balanced(CLASSES, 32, seed, Balance(0.5)),
        "progressive": Balanced(CLASSES, 32, seed, Balance(1.0, 0.0, 40)),
        "repeated": Repeated(CLASSES, 32, seed, 0.1),
        "p x k": ClassesTimesImages(CLASSES, 32, seed, 4, Balance(0.0)),
        "near": Neighbours(Shuffled(N, 24, seed), CLASSES, NEAR, 8, seed),
    }


@pytest.mark.parametrize("name", make(0))
def test_a_step_is_the_same_whatever_was_drawn_before_it(name):
    """Exact resume: a fresh stream asked for step 57 alone gives what the old one gave."""
    whole = [make(3)[name].batch(step).tolist() for step in range(60)]
    running = make(3)[name]
    assert [running.batch(step).tolist() for step in range(60)] == whole
    jumping = make(3)[name]
    for step in random.Random(1).sample(range(60), 60):
        assert jumping.batch(step).tolist() == whole[step]
    assert all(len(b) == 32 and min(b) >= 0 and max(b) < N for b in whole)


@pytest.mark.parametrize("name", make(0))
def test_seeds_change_batches_and_steps_do_too(name):
    """The predecessor gave every trial the sampler seed 0."""
    one, two = make(1)[name], make(2)[name]
    drawn = [one.batch(0).tolist(), two.batch(0).tolist(), one.batch(1).tolist()]
    assert drawn[0] != drawn[1]
    assert drawn[0] != drawn[2]
    # One seed's step is not another seed's other step either.
    others = [two.batch(step).tolist() for step in range(30)]
    assert drawn[0] not in others


def test_ranks_share_one_global_batch_at_any_world_size():
    batch = make(0)["near"].batch(5)
    for world in (1, 2, 4, 8):
        parts = [share_of_rank(batch, rank, world) for rank in range(world)]
        assert np.concatenate(parts).tolist() == batch.tolist()
    with pytest.raises(InvalidSetting):
        share_of_rank(batch, 0, 5)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 70), st.integers(0, 9))
def test_every_aligned_block_of_a_chain_holds_each_item_once(n, batch, seed):
    stream = Shuffled(n, batch, seed)
    drawn = np.concatenate([stream.batch(step) for step in range(3 * n // batch + 2)])
    for start in range(0, len(drawn) - n + 1, n):
        assert sorted(drawn[start : start + n].tolist()) == list(range(n))


def test_every_pass_has_an_order_of_its_own():
    stream = Shuffled(40, 40, 0)
    passes = {tuple(stream.batch(step).tolist()) for step in range(20)}
    assert len(passes) == 20


def test_homogeneous_batches_keep_to_one_group_in_proportion():
    stream = Homogeneous(VIEWS, 32, 0)
    sides = []
    for step in range(190):
        views = {VIEWS[i] for i in stream.batch(step)}
        assert len(views) == 1
        sides.append(views.pop())
    assert sides.count("dorsal") / 190 == pytest.approx(2 / 3, abs=0.03)
    drawn = np.concatenate([stream.batch(step) for step in range(19)])
    assert len(set(drawn.tolist())) > 0.95 * min(N, len(drawn))


def test_groups_below_a_batch_are_mixed_not_lost():
    groups = ["a"] * 50 + ["b"] * 6 + ["c"] * 7
    stream = Homogeneous(groups, 10, 0)
    seen = {i for step in range(40) for i in stream.batch(step).tolist()}
    assert seen == set(range(63))
    kinds = [{groups[i] for i in stream.batch(step)} for step in range(40)]
    assert all(kind in ({"a"}, {"b", "c"}, {"b"}, {"c"}) for kind in kinds)


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
def test_balanced_classes_come_in_proportion_to_n_to_the_tau(tau):
    stream = Balanced(CLASSES, 50, 1, Balance(tau))
    batches = [stream.batch(step) for step in range(300)]
    drawn = Counter(CLASSES[np.concatenate(batches)].tolist())
    share = np.array(COUNTS, dtype=float) ** tau
    share /= share.sum()
    for c in range(8):
        assert drawn[c] / 15000 == pytest.approx(share[c], rel=0.12)
        expected = 50 * share[c]
        per_batch = [int((CLASSES[b] == c).sum()) for b in batches]
        assert max(abs(k - expected) for k in per_batch) <= 1 + 1e-9


def test_progressive_balancing_moves_from_collected_to_even():
    stream = make(0)["progressive"]
    early = CLASSES[np.concatenate([stream.batch(s) for s in range(5)])]
    late = CLASSES[np.concatenate([stream.batch(s) for s in range(60, 65)])]
    assert (early == 0).mean() > 0.55
    assert (late == 0).mean() < 0.2
    assert Balance(1.0, 0.0, 40).at(20) == 0.5


def test_repeat_factor_by_its_formula():
    stream = Repeated(CLASSES, 10, 0, 0.1)
    factor = np.maximum(1, np.sqrt(0.1 / (np.array(COUNTS) / N)))
    assert stream.length == int((factor * COUNTS).sum())
    passes = [stream._pass(i) for i in range(40)]
    assert all(len(p) == stream.length for p in passes)
    for c in (0, 3, 5, 7):
        times = np.mean([(CLASSES[p] == c).sum() / COUNTS[c] for p in passes])
        assert times == pytest.approx(factor[c], rel=0.12)


def test_p_by_k_batches_hold_k_of_each_of_p_classes():
    for step in range(20):
        batch = make(0)["p x k"].batch(step)
        assert set(Counter(CLASSES[batch].tolist()).values()) == {4}
        for c in (0, 1, 2, 3, 4):
            mine = batch[CLASSES[batch] == c]
            assert len(set(mine.tolist())) == len(mine)
    few = ClassesTimesImages(CLASSES, 16, 0, 4, Balance(1.0))
    drawn = Counter(c for s in range(200) for c in set(CLASSES[few.batch(s)].tolist()))
    assert drawn[0] > drawn[3] > drawn[6]


def test_near_taxa_fill_their_share_with_relatives_of_the_batch():
    stream = make(0)["near"]
    for step in range(20):
        batch = CLASSES[stream.batch(step)]
        relatives = {int(n) for c in batch[:24] for n in NEAR[c] if n >= 0}
        assert set(batch[24:].tolist()) <= relatives
    plain = Shuffled(N, 32, 0)

    def confusable(stream):
        share = [
            np.mean([((RANKS[c, 0] == RANKS[b, 0]) & (b != c)).mean() for c in b])
            for b in (CLASSES[stream.batch(s)] for s in range(50))
        ]
        return np.mean(share)

    assert confusable(stream) > 1.2 * confusable(plain)


def test_nearest_taxa_are_the_most_alike_and_never_unrelated():
    assert NEAR[0, :2].tolist() == [1, 2]
    assert NEAR[3].tolist() == [4, -1, -1]
    assert NEAR[5].tolist() == [-1, -1, -1]


def test_a_batch_without_any_relative_is_filled_from_the_whole_set():
    lonely = np.array([5] * 30 + [0, 1])
    near = nearest_taxa(taxonomic_table(RANKS).numpy(), 2)
    stream = Neighbours(Shuffled(32, 2, 0), lonely, near, 2, 0)
    for step in range(16):
        assert len(stream.batch(step)) == 4
    with pytest.raises(InvalidSetting):
        Neighbours(Shuffled(30, 2, 0), np.full(30, 5), near, 2, 0)


def test_neighbouring_seeds_and_items_share_no_random_stream():
    """The predecessor seeded by seed + index: (42, item 1) was (43, item 0)."""
    seeds = {sample_seed(s, p, f"i{p % 7}") for s in range(20) for p in range(200)}
    assert len(seeds) == 4000
    assert sample_seed(42, 1, "a") != sample_seed(43, 0, "a")
    assert sample_seed(42, 1, "a") == sample_seed(42, 1, "a")
    assert sample_seed(4, 21, "a") != sample_seed(42, 1, "a")
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_settings_that_make_no_sense_are_refused():
    for wrong in (
        lambda: Shuffled(0, 4, 0),
        lambda: Shuffled(4, 0, 0),
        lambda: Balance(1.5),
        lambda: Balance(1.0, 0.0),
        lambda: Repeated(CLASSES, 4, 0, 0.0),
        lambda: ClassesTimesImages(CLASSES, 10, 0, 4, Balance(0.0)),
        lambda: ClassesTimesImages(CLASSES, 100, 0, 4, Balance(0.0)),
        lambda: Balanced(CLASSES[:0], 4, 0, Balance(0.0)),
        lambda: Chain(np.zeros(0, dtype=np.int64), 0),
        lambda: Neighbours(Shuffled(N, 4, 0), CLASSES, NEAR, 0, 0),
    ):
        with pytest.raises(InvalidSetting):
            wrong()

"""Evaluation on arrays: perfect and useless embeddings, known hand values, chance."""

import numpy as np
import pytest

from core.errors import InvalidSetting
from trainer.config_run import EvalSettings
from trainer.evaluate import Ground, Vectors, evaluate, measures
from trainer.measure import together
from trainer.probes import prototypes, simpleshot, unit

CODES = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3]])
OWN = EvalSettings(draws=50, shots=(1, 5))


def ground(prompts, train=None):
    counts = np.array([3, 30, 300, 0])
    return Ground(prompts, CODES, ("order", "genus", "species"), counts, (20, 100), train)


def clusters(noise, per=10, seed=0):
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(4), per)
    return Vectors(
        unit(np.eye(4, 16)[classes] + noise * rng.standard_normal((4 * per, 16))), classes
    )


def test_perfect_embeddings_score_one_everywhere():
    held = clusters(0.0)
    found = evaluate(held, ground(np.eye(4, 16, dtype=np.float32), held), OWN)
    assert found["pictures"] == 40
    for task in ("i2t", "all_classes", "prototypes"):
        assert found[task]["hit@1"]["micro"] == 1
    assert found["i2i"]["ap"] == {"micro": 1, "macro": 1, "low": 1, "high": 1}
    assert found["t2i"]["ap"]["macro"] == 1
    assert found["index"]["hit@1"]["micro"] == 1
    assert found["names"]["severity"]["mistakes"] == 0
    assert found["simpleshot_5"]["accuracy"] == 1
    flat = measures({"val_id": found})
    assert next(iter(flat)) == "all"
    assert flat["all"] == flat["val_id.all"] == 1
    assert flat["val_id.severity"] == 0


def test_useless_embeddings_are_at_chance():
    rng = np.random.default_rng(1)
    held = Vectors(unit(rng.standard_normal((400, 16))), np.repeat(np.arange(4), 100))
    found = evaluate(held, ground(unit(rng.standard_normal((4, 16))), held), OWN)
    assert found["i2i"]["ap"]["micro"] == pytest.approx(0.25, abs=0.03)
    assert found["i2t"]["hit@1"]["micro"] == pytest.approx(0.25, abs=0.1)
    assert found["simpleshot_1"]["accuracy"] == pytest.approx(0.25, abs=0.06)


def test_buckets_follow_the_training_counts_and_ranks_the_taxonomy():
    held = clusters(0.0)
    swapped = np.eye(4, 16, dtype=np.float32)[[1, 0, 2, 3]]  # names of two sister species confused
    found = evaluate(held, ground(swapped), OWN)
    buckets = found["i2t"]["buckets"]
    assert {b: buckets[b]["micro"] for b in buckets} == {"0-20": 0.5, "21-100": 0.0, "101+": 1.0}
    assert buckets["0-20"]["queries"] == 20
    accuracy = {rank: each["accuracy"] for rank, each in found["names"]["ranks"].items()}
    assert accuracy == {"order": 1.0, "genus": 1.0, "species": 0.5}
    assert found["names"]["severity"]["of_mistakes"] == 1
    assert found["i2i"]["hit@1"]["micro"] == 1
    assert "index" not in found
    assert "prototypes" not in found


def test_a_class_of_one_picture_cannot_be_looked_for_and_nothing_is_refused():
    held = Vectors(np.eye(2, 16, dtype=np.float32), np.array([0, 1]))
    found = evaluate(held, ground(np.eye(4, 16, dtype=np.float32)), OWN)
    assert found["i2i"]["skipped"] == 2
    assert np.isnan(found["i2i"]["ap"]["micro"])
    assert np.isnan(found["simpleshot_1"]["accuracy"])
    assert found["simpleshot_1"]["left_out"] == 2
    flat = measures({"val_id": found})
    assert np.isnan(flat["all"])
    assert "val_id.i2i.ap" not in flat
    with pytest.raises(InvalidSetting, match="empty"):
        evaluate(Vectors(np.zeros((0, 16)), np.zeros(0)), ground(np.eye(4, 16)), OWN)


def test_prototypes_are_normalised_means_of_unit_rows():
    rows = np.array([[2.0, 0], [0, 1], [0, -3]], dtype=np.float32)
    means, classes = prototypes(rows, np.array([7, 7, 9]))
    assert classes.tolist() == [7, 9]
    assert means == pytest.approx(np.array([[0.5**0.5, 0.5**0.5], [0, -1]]))


def test_simpleshot_takes_the_mean_of_the_support_off():
    """A large common offset hides the classes from cosine, not from CL2N."""
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(3), 20)
    rows = np.eye(3, 8)[classes] * 0.2 + 0.02 * rng.standard_normal((60, 8)) + 3.0
    assert simpleshot(rows, classes, 1, 5).accuracy > 0.95
    same = simpleshot(rows, classes, 1, 5), simpleshot(rows, classes, 1, 5)
    assert same[0] == same[1]
    assert simpleshot(rows, classes, 20, 5).classes == 0


def test_all_held_out_pictures_together_are_a_harder_gallery():
    known = clusters(0.3, seed=1)
    strange = Vectors(known.images[:10], np.full(10, 3))  # another class that looks the same
    held = {"val_id": known, "val_ood.class": strange, "test_id": known}
    around = together(held)
    assert set(around) == {"val_id", "val_ood.class"}
    assert [around[name].first for name in around] == [0, 40]
    assert len(around["val_id"].every.classes) == 50
    alone = ground(np.eye(4, 16, dtype=np.float32))
    found = evaluate(known, alone, OWN, around["val_id"])
    assert found["full_i2i"]["queries"] == 40
    assert found["full_i2i"]["ap"]["micro"] < found["i2i"]["ap"]["micro"]
    # Itself is left out wherever it lies: nothing is found before another of its class.
    other = evaluate(strange, alone, OWN, around["val_ood.class"])
    assert other["full_i2i"]["hit@1"]["micro"] < 1
    assert "full_i2i" not in evaluate(known, alone, OWN)


def test_choosing_among_four_names():
    held = clusters(0.0, per=50)
    right = evaluate(held, ground(np.eye(4, 16, dtype=np.float32)), OWN)
    assert right["choice_4"]["hit@1"]["micro"] == 1
    confused = np.eye(4, 16, dtype=np.float32)[[1, 0, 2, 3]]
    assert evaluate(held, ground(confused), OWN)["choice_4"]["hit@1"]["macro"] == 0.5
    rng = np.random.default_rng(5)
    chance = Vectors(unit(rng.standard_normal((4000, 16))), np.repeat(np.arange(20), 200))
    few = Ground(
        unit(rng.standard_normal((20, 16))),
        np.arange(20)[:, None],
        ("species",),
        np.ones(20),
        (20,),
    )
    found = evaluate(chance, few, OWN)["choice_4"]["hit@1"]
    assert found["micro"] == pytest.approx(0.25, abs=0.04)
    assert found["low"] < 0.25 < found["high"]


def test_names_by_the_nearest_picture_and_by_class_means_at_every_rank():
    held = clusters(0.0)
    turned = Vectors(held.images, np.array([1, 0, 2, 3])[held.classes])
    found = evaluate(held, ground(np.eye(4, 16, dtype=np.float32), turned), OWN)
    for name in ("names_index", "names_prototypes"):
        ranks = found[name]["ranks"]
        assert (ranks["species"]["accuracy"], ranks["genus"]["accuracy"]) == (0.5, 1.0)
    assert found["names"]["ranks"]["species"]["accuracy"] == 1

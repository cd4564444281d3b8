"""Invariants of every split, shares, endings, leaks; on made-up collections and on real ones."""

import csv
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Conflict, InvalidSetting, UnreadableSource
from tests.paths import SHARED_DATA, needs_shared
from trainer.leaks import find_leaks, refuse_leaks
from trainer.splits import (
    PRESETS,
    Plan,
    Samples,
    Split,
    make_split,
    read_split,
    small,
    train_counts,
    trained_too,
    write_split,
)
from trainer.taxonomy import build

ALL = Plan(0.08, {"family": 0.04, "genus": 0.05, "class": 0.06})


def collection(seed=0, species=120, tail=1.2):
    """A long-tailed collection: several images a specimen, genera and families of uneven size."""
    rng = np.random.default_rng(seed)
    rows, classes, specimens = {}, [], []
    for s in range(species):
        genus = int(rng.integers(species // 3))
        rows[f"s{s:03}"] = {"family": f"F{genus % 13}", "genus": f"G{genus}", "species": f"s{s:03}"}
        for k in range(max(1, int(200 / (s + 1) ** tail))):
            for _ in range(int(rng.integers(1, 4))):
                classes.append(s)
                specimens.append(f"{s}-{k}")
    n = len(classes)
    none = (None,) * n
    names = tuple(f"i{i:05}" for i in range(n))
    samples = Samples(names, np.array(classes), tuple(specimens), ("",) * n, none)
    return samples, build(rows, ["family", "genus", "species"])


def at(split, samples):
    where = {i: name for name, ids in split.partitions.items() for i in ids}
    return np.array([where[i] for i in samples.ids])


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 10**6), st.integers(4, 60))
def test_invariants_hold_for_any_collection(seed, species):
    samples, taxonomy = collection(seed, species)
    split = make_split(samples, taxonomy, ALL, seed)
    ids = [i for part in split.partitions.values() for i in part]
    assert sorted(ids) == sorted(samples.ids)
    where = at(split, samples)
    per_specimen = {}
    for specimen, name in zip(samples.specimens, where, strict=True):
        assert per_specimen.setdefault(specimen, name) == name
    trained = set(samples.classes[where == "train"].tolist())
    for name in split.partitions:
        inside = set(samples.classes[where == name].tolist())
        if name.endswith("_id"):
            assert inside <= trained
        elif "_ood." in name:
            assert not inside & trained


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_out_of_distribution_says_exactly_what_is_unseen(seed):
    """The predecessor promised whole held-out groups; most groups were in training."""
    samples, taxonomy = collection(seed)
    where = at(make_split(samples, taxonomy, ALL, seed), samples)
    trained = set(samples.classes[where == "train"].tolist())
    genus, family = taxonomy.group("genus"), taxonomy.group("family")
    seen_genera, seen_families = {genus[c] for c in trained}, {family[c] for c in trained}
    for part in ("val", "test"):
        of_class = set(samples.classes[where == f"{part}_ood.class"].tolist())
        of_genus = set(samples.classes[where == f"{part}_ood.genus"].tolist())
        of_family = set(samples.classes[where == f"{part}_ood.family"].tolist())
        assert of_class
        assert of_genus
        assert of_family
        assert {genus[c] for c in of_class} <= seen_genera
        assert not {genus[c] for c in of_genus} & seen_genera
        assert {family[c] for c in of_genus} <= seen_families
        assert not {family[c] for c in of_family} & seen_families


def test_shares_come_out_and_the_tail_is_sampled_in_proportion():
    samples, taxonomy = collection(3, species=300, tail=0.8)
    where = at(make_split(samples, taxonomy, PRESETS["D10"], 42), samples)
    share = {name: n / len(where) for name, n in Counter(where.tolist()).items()}
    assert {name: round(s, 2) for name, s in share.items() if name != "train"} == {
        "val_id": 0.1,
        "test_id": 0.1,
        "val_ood.class": 0.1,
        "test_ood.class": 0.1,
    }
    specimens = Counter(int(s.split("-")[0]) for s in set(samples.specimens))
    trained = {int(c) for c in samples.classes[where == "train"]}
    single = {c for c, n in specimens.items() if n == 1}
    held = set(samples.classes[np.char.endswith(where.astype(str), "_id")].tolist())
    assert not held & single
    for low, high in ((2, 5), (6, 20), (21, 999)):
        mine = [c for c in trained if low <= specimens[c] <= high]
        inside = np.isin(samples.classes, mine)
        assert 0.12 < np.char.endswith(where[inside].astype(str), "_id").mean() < 0.36


def test_seeds_give_independent_splits_and_one_seed_always_the_same():
    """Seeds that share their draws understate how much results vary."""
    samples, taxonomy = collection()
    one, same, other = (make_split(samples, taxonomy, ALL, seed) for seed in (1, 1, 2))
    assert one == same
    held = [set(split.partitions["val_id"]) for split in (one, other)]
    assert len(held[0] & held[1]) < 0.4 * len(held[0])


def test_a_share_nothing_can_meet_still_ends():
    """One giant class: the predecessor searched seeds without end."""
    rows = {name: {"genus": name} for name in ("huge", "tiny")}
    n = 101
    samples = Samples(
        tuple(map(str, range(n))),
        np.array([0] * 100 + [1]),
        ("",) * n,
        ("",) * n,
        (None,) * n,
    )
    split = make_split(samples, build(rows, ["genus"]), Plan(0.1, {"class": 0.1}), 0)
    assert set(split.partitions["train"]) <= set(map(str, range(100)))
    assert 9 <= len(split.partitions["val_id"]) <= 11
    assert split.partitions["test_ood.class"] == ("100",)


def test_copies_of_one_file_stay_together_and_two_names_for_one_specimen_are_set_aside():
    samples, taxonomy = collection(5, species=30)
    n = len(samples.ids)
    digest = [f"d{i}" for i in range(n)]
    twins = [(i, j) for i, j in ((0, 40), (3, 90)) if samples.classes[i] == samples.classes[j]]
    assert twins
    for i, j in twins:
        digest[j] = digest[i]
    digest[n - 1] = digest[0]
    assert samples.classes[n - 1] != samples.classes[0]
    marked = Samples(samples.ids, samples.classes, samples.specimens, tuple(digest), samples.phash)
    split = make_split(marked, taxonomy, ALL, 7)
    assert {samples.ids[0], samples.ids[n - 1]} <= set(split.partitions["unused"])
    assert find_leaks(split, marked) == []


def hand_split(where):
    parts = {}
    for i, name in where.items():
        parts.setdefault(name, []).append(i)
    return Split(0, (20,), {name: tuple(ids) for name, ids in parts.items()})


def test_leaks_by_bytes_and_by_near_hash_are_all_found():
    samples = Samples(
        ("a", "b", "c", "d", "e"),
        np.zeros(5, dtype=np.int64),
        ("",) * 5,
        ("x", "x", "y", "z", ""),
        (0, 0, -1, -1 ^ (1 << 63) ^ 1, None),
    )
    split = hand_split({"a": "train", "b": "val_id", "c": "train", "d": "test_id", "e": "val_id"})
    found = find_leaks(split, samples)
    assert [(k.first, k.second, k.exact, k.bits) for k in found] == [
        ("a", "b", True, 0),
        ("c", "d", False, 2),
    ]
    assert [k.exact for k in find_leaks(split, samples, bits=1)] == [True]
    with pytest.raises(Conflict, match="2 pairs.*the same file"):
        refuse_leaks(found)
    with pytest.raises(Conflict):
        refuse_leaks(found[1:])
    refuse_leaks(found[1:], allow_near=True)
    refuse_leaks([])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 6))
def test_near_search_equals_comparing_all_pairs(seed, bits):
    rng = np.random.default_rng(seed)
    base = [int(v) for v in rng.integers(-(2**63), 2**63 - 1, 6)]
    hashes = [base[int(rng.integers(6))] ^ (1 << int(rng.integers(63))) for _ in range(24)]
    ids = tuple(f"{i:02}" for i in range(24))
    samples = Samples(ids, np.zeros(24, dtype=np.int64), ("",) * 24, ("",) * 24, tuple(hashes))
    split = hand_split({i: ("train", "val_id")[k % 2] for k, i in enumerate(ids)})
    found = {(k.first, k.second) for k in find_leaks(split, samples, bits)}
    brute = set()
    keys = [(value, i % 2) for i, value in enumerate(hashes)]
    firsts = [i for i, key in enumerate(keys) if key not in keys[:i]]
    for a in firsts:
        for b in firsts:
            near = ((hashes[a] ^ hashes[b]) & (2**64 - 1)).bit_count() <= bits
            if a < b and a % 2 != b % 2 and near:
                brute.add((ids[a], ids[b]))
    assert found == brute


def test_small_is_stratified_and_seeded():
    """The predecessor's dev split took the alphabetical head: a few classes only."""
    samples, taxonomy = collection(4)
    split = make_split(samples, taxonomy, ALL, 0)
    dev = small(split, samples, 150)
    assert dev == small(split, samples, 150)
    assert 140 <= len(dev.partitions["train"]) <= 160
    assert set(dev.partitions["train"]) <= set(split.partitions["train"])
    inside = np.isin(samples.ids, dev.partitions["train"])
    head = np.sort(samples.classes[np.isin(samples.ids, split.partitions["train"])])[:150]
    assert len(np.unique(samples.classes[inside])) > 5 * len(np.unique(head))


def test_held_out_partitions_can_be_trained_on_before_a_test():
    samples, taxonomy = collection(7)
    split = make_split(samples, taxonomy, ALL, 0)
    final = trained_too(split, ["val"])
    assert not final.names("val")
    parts = ("train", *split.names("val"))
    assert set(final.partitions["train"]) == {i for name in parts for i in split.partitions[name]}
    assert {n: final.partitions[n] for n in final.names("test")} == {
        n: split.partitions[n] for n in split.names("test")
    }
    assert trained_too(final, ["val"]) == final
    assert trained_too(split, []) == split


def test_counts_are_of_training_images():
    samples, taxonomy = collection(6, species=20)
    split = make_split(samples, taxonomy, ALL, 0)
    counts = train_counts(split, samples, 20)
    where = at(split, samples)
    assert counts.sum() == (where == "train").sum()
    held = samples.classes[where == "val_ood.class"]
    assert (counts[held] == 0).all()


def test_splits_are_plain_json(tmp_path):
    """The predecessor pickled its splits, which newer packages could not read."""
    samples, taxonomy = collection(7, species=20)
    split = make_split(samples, taxonomy, ALL, 0)
    write_split(split, tmp_path / "split.json")
    assert read_split(tmp_path / "split.json") == split
    assert (tmp_path / "split.json").read_text().startswith("{")
    for text in ("[]", '{"format": "other"}', "\x80pickle"):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(UnreadableSource):
            read_split(tmp_path / "bad.json")


def test_plans_that_make_no_sense_are_refused():
    samples, taxonomy = collection(8, species=10)
    with pytest.raises(InvalidSetting):
        Plan(0.3, {"class": 0.2})
    with pytest.raises(InvalidSetting):
        Plan(-0.1)
    with pytest.raises(InvalidSetting, match="tribe"):
        make_split(samples, taxonomy, Plan(0.1, {"tribe": 0.1}), 0)
    with pytest.raises(InvalidSetting):
        Samples(("a", "a"), np.zeros(2, dtype=np.int64), ("",) * 2, ("",) * 2, (None,) * 2)
    with pytest.raises(InvalidSetting):
        Samples(("a",), np.zeros(2, dtype=np.int64), ("",), ("",), (None,))


@needs_shared
def test_real_museum_specimens_keep_their_dorsal_and_ventral_sides_together():
    with (SHARED_DATA / "images" / "records.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["file"].startswith("nhm_heliconius")]
    labels = [f"{r['scientificName']} {r['infraspecificEpithet']}" for r in rows]
    names = sorted(set(labels))
    classes = np.array([names.index(label) for label in labels])
    n = len(rows)
    samples = Samples(
        tuple(r["file"] for r in rows),
        classes,
        tuple(r["occurrenceID"] for r in rows),
        ("",) * n,
        (None,) * n,
    )
    taxonomy = build({name: {"species": " ".join(name.split()[:2])} for name in names}, ["species"])
    split = make_split(samples, taxonomy, Plan(0.1, {"class": 0.05}), 42)
    where = dict(zip(samples.ids, at(split, samples), strict=True))
    sides = {}
    for row in rows:
        assert sides.setdefault(row["occurrenceID"], where[row["file"]]) == where[row["file"]]
    assert len(sides) < n
    assert split.partitions["val_ood.class"]


def test_a_tail_thins_the_training_classes_alone_and_keeps_specimens_whole():
    classes = np.repeat(np.arange(40), 24)
    specimens = tuple(
        f"{c}-{k // 2}" for c, k in zip(classes, np.tile(np.arange(24), 40), strict=True)
    )
    names = tuple(f"i{i:05}" for i in range(len(classes)))
    samples = Samples(names, classes, specimens, ("",) * len(names), (None,) * len(names))
    taxonomy = build({f"s{c:02}": {"genus": f"G{c // 4}"} for c in range(40)}, ["genus"])
    even = make_split(samples, taxonomy, Plan(0.2, {"genus": 0.1}), 3)
    long = make_split(samples, taxonomy, Plan(0.2, {"genus": 0.1}, tail=8), 3)
    for name in set(even.partitions) - {"train"}:
        assert long.partitions[name] == even.partitions[name]
    assert set(long.partitions["train"]) < set(even.partitions["train"])
    where = at(long, samples)
    kept = {s for s, name in zip(specimens, where, strict=True) if name == "train"}
    assert not kept & {s for s, name in zip(specimens, where, strict=True) if name == "unused"}
    counts = train_counts(long, samples, 40)
    trained = np.sort(counts[counts > 0])
    assert len(trained) == np.count_nonzero(train_counts(even, samples, 40))
    assert trained[-1] / trained[0] == pytest.approx(8, rel=0.3)
    middle = np.median(trained)
    assert middle == pytest.approx(np.sqrt(float(trained[0] * trained[-1])), rel=0.35)
    with pytest.raises(InvalidSetting, match="tail"):
        Plan(0.1, tail=0.5)

"""Ladders, votes, prompts and support, on arrays."""

from uuid import uuid4

import numpy as np
import pytest

from core.db.tables import RANKS
from core.filters import Choice, Taxon
from core.identification import prompts, support, votes
from core.identification.ladder import METHODS, Evidence, climb
from core.identification.support import HIDDEN, Trial
from core.identification.taxa import Lineage, Taxa
from core.identification.votes import Neighbour, Tally

MORPHO = ("Animalia", None, "Insecta", "Lepidoptera", "Nymphalidae", "Morpho")
MOTH = ("Animalia", None, "Insecta", "Lepidoptera", "Saturniidae", "Actias")
PLANT = ("Plantae", None, None, None, "Moraceae", "Morus")
LINEAGES = [
    Lineage((*MORPHO, "Morpho helenor"), "helenor morpho"),
    Lineage((*MORPHO, "Morpho menelaus")),
    Lineage((*MORPHO, None)),
    Lineage((*MOTH, "Actias luna"), "luna moth"),
    Lineage((*PLANT, "Morus alba")),
    Lineage((None, None, None, None, None, "Morus", "Morus bassanus")),
]
GENUS, SPECIES = 5, 6


@pytest.fixture
def taxa():
    return Taxa(LINEAGES)


def evidence(taxa, shares):
    none = np.full(len(taxa), -1.0)
    values = np.array(shares, float)
    return Evidence(values, none, Tally(values, np.where(values > 0, 0.9, -1.0)))


def test_a_lineage_with_more_precise_ones_below_is_no_class(taxa):
    assert taxa.ends.tolist() == [True, True, False, True, True, True]


def test_homonyms_of_two_kingdoms_are_two_taxa(taxa):
    assert taxa.codes[GENUS, 4] != taxa.codes[GENUS, 5]
    sums = taxa.sums(GENUS, np.arange(6.0))
    assert sums.sum() == 15
    assert sums[taxa.codes[GENUS, 0]] == 3


def test_within_by_name_and_rank(taxa):
    assert taxa.chosen(Choice((Taxon("morus"),))).tolist() == [False] * 4 + [True] * 2
    assert taxa.chosen(Choice((Taxon("Morpho", "family"),))).sum() == 0
    assert taxa.chosen(Choice((), (Taxon("Nymphalidae"),))).tolist() == [False] * 3 + [True] * 3


def test_the_ladder_stays_within_the_taxon_above(taxa):
    """Two thin species of one genus against a single species of another family."""
    steps = climb(taxa, evidence(taxa, [0.3, 0.3, 0, 0.4, 0, 0]), "specimens", 0)
    names = [None if s.code is None else taxa.names[s.rank][s.code] for s in steps]
    assert names == [
        "Animalia", None, "Insecta", "Lepidoptera", "Nymphalidae", "Morpho", "Morpho helenor",
    ]  # fmt: skip
    assert steps[GENUS].features[0] == pytest.approx(0.6)


def test_a_rank_that_the_evidence_does_not_name_is_passed_over(taxa):
    steps = climb(taxa, evidence(taxa, [0, 0, 0, 0, 0, 1]), "specimens", 0)
    assert [s.code is None for s in steps] == [True] * 5 + [False] * 2


def test_a_boost_changes_the_choice_and_not_the_features(taxa):
    found = evidence(taxa, [0.4, 0.35, 0, 0.25, 0, 0])
    boost = np.array([1, 2, 1, 1, 1, 1.0])
    plain, lifted = (climb(taxa, found, "specimens", 0, b)[SPECIES] for b in (None, boost))
    assert taxa.names[SPECIES][plain.code] == "Morpho helenor"
    assert taxa.names[SPECIES][lifted.code] == "Morpho menelaus"
    assert lifted.features[0] == pytest.approx(0.35)


def test_prompts_are_the_five_types_of_text():
    assert prompts.of_lineage(LINEAGES[3]) == [
        "a photo of Animalia Insecta Lepidoptera Saturniidae Actias luna.",
        "a photo of Actias luna.",
        "a photo of luna moth.",
        "a photo of Actias luna with common name luna moth.",
        "a photo of Animalia Insecta Lepidoptera Saturniidae Actias luna with common name"
        " luna moth.",
    ]
    assert len(prompts.of_lineage(LINEAGES[1])) == 2


def test_prompt_vectors_are_averaged_by_taxon():
    rows = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    found = prompts.averaged(rows, [2, 1])
    assert found == pytest.approx(np.array([[0.5**0.5, 0.5**0.5], [1, 0]]))


def test_votes_fall_with_distance_and_need_no_scale():
    near = votes.weights([0.9, 0.8, 0.7])
    assert near == pytest.approx([3 / 6, 2 / 6, 1 / 6])
    assert votes.weights([0.99, 0.98, 0.97]) == pytest.approx(near)
    assert votes.weights([0.5, 0.5]) == pytest.approx([0.5, 0.5])
    assert votes.weights([0.5]) == pytest.approx([1])


def test_each_specimen_votes_once_and_the_photo_itself_never(taxa):
    specimen, other = uuid4(), uuid4()
    seen = [
        Neighbour(uuid4(), 0.9, specimen, LINEAGES[0].names),
        Neighbour(uuid4(), 0.8, specimen, LINEAGES[0].names),
        Neighbour(uuid4(), 0.7, other, LINEAGES[3].names),
        Neighbour(uuid4(), 0.6, uuid4(), (None,) * 7),
    ]
    assert [n.cosine for n in votes.distinct(seen, 10)] == [0.9, 0.7]
    tally = votes.count(taxa, votes.distinct(seen, 10))
    assert tally.shares[0] > tally.shares[3] > 0
    assert tally.shares.sum() == pytest.approx(1)
    same = Neighbour(uuid4(), 0.995, specimen, LINEAGES[0].names, phash=-1)
    assert same.is_picture(-1 & ~0b111)
    assert not same.is_picture(0)
    assert not Neighbour(uuid4(), 0.9, specimen, (), phash=-1).is_picture(-1)


def world(seed=0, photos=200):
    """Trials in which the true taxon has the largest share, and its relatives more than others."""
    random = np.random.default_rng(seed)
    taxa = Taxa(LINEAGES[:2] + LINEAGES[3:5])
    trials = []
    for _ in range(photos):
        truth = int(random.integers(4))
        for hidden, weight in HIDDEN:
            related = (taxa.codes[:, [truth]] == taxa.codes).sum(0)
            shares = random.uniform(0.2, 0.3, 4) * (1 + related)
            shares[truth] *= random.uniform(5, 20)
            if hidden is not None:
                rank = RANKS.index(hidden)
                shares[taxa.codes[rank] == taxa.codes[rank, truth]] = 0
            trials.append(
                Trial(truth, evidence(taxa, shares / shares.sum()), weight, hidden is None)
            )
    return taxa, trials


@pytest.mark.parametrize("method", METHODS)
def test_support_is_calibrated_and_the_unknown_stops_higher(method):
    taxa, trials = world()
    fitted = support.fit(taxa, trials, method)
    _, fresh = world(seed=1)
    said, right = [], []
    for trial in fresh:
        steps = climb(taxa, trial.evidence, method, fitted.text_share)
        along = fitted.along(steps)
        known = [value for value in along if value is not None]
        assert known == sorted(known, reverse=True)
        last = support.stop(along)
        if trial.known:
            said.append(along[SPECIES])
            right.append(steps[SPECIES].code == taxa.codes[SPECIES, trial.truth])
        else:
            assert last is None or last < SPECIES
    sure = [r for s, r in zip(said, right, strict=True) if s >= 0.9]
    assert len(sure) > len(said) / 2
    assert np.mean(sure) >= 0.9


def test_too_few_photos_promise_nothing():
    taxa, trials = world(photos=support.FEWEST - 1)
    fitted = support.fit(taxa, trials, "specimens")
    steps = climb(taxa, trials[0].evidence, "specimens", 0)
    assert support.stop(fitted.along(steps)) is None


def test_all_right_is_not_certainty():
    taxa, trials = world()
    good = [trial for trial in trials if trial.known]
    fitted = support.fit(taxa, good, "specimens")
    along = fitted.along(climb(taxa, good[0].evidence, "specimens", 0))
    assert 0.9 < along[0] < 1

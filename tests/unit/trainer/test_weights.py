"""Class and pair weights against their formulas, written out."""

import math

import pytest
import torch

from core.errors import InvalidSetting
from tests.unit.trainer.dense import whole
from trainer.weights import ClassWeights, Frequency, PairWeights, log_prior

COUNTS = torch.tensor([1, 4, 4, 25, 0, 100])
N = 134
BATCH = 16


def frequency(pairing, a, b, same):
    if pairing == "naive":
        return a * b
    if pairing == "doubled":
        return a * b if same else 2 * a * b
    if same:
        return a / N * (1 + (BATCH - 1) * (a - 1) / (N - 1))
    return a / N * (BATCH - 1) * b / (N - 1)


def table(weights):
    at = torch.arange(6)
    return weights.block(whole(at)).double()


@pytest.mark.parametrize("pairing", ["naive", "doubled", "expected"])
@pytest.mark.parametrize("law", [Frequency(0.5), Frequency(1.0), Frequency(beta=0.99)])
def test_pair_weights_follow_their_formula_up_to_scale(pairing, law):
    weights = table(PairWeights(COUNTS, law, pairing, "class", BATCH))

    def raw(i, j):
        f = frequency(pairing, float(COUNTS[i]), float(COUNTS[j]), i == j)
        return f**-law.gamma if law.beta is None else (1 - law.beta) / (1 - law.beta**f)

    present = [0, 1, 2, 3, 5]
    scale = float(weights[0, 0]) / raw(0, 0)
    for i in present:
        for j in present:
            assert float(weights[i, j]) == pytest.approx(scale * raw(i, j), rel=1e-5)


@pytest.mark.parametrize("pairing", ["naive", "doubled", "expected"])
def test_pair_weights_have_mean_one_over_their_population(pairing):
    present = torch.tensor([0, 1, 2, 3, 5])
    by_class = table(PairWeights(COUNTS, Frequency(0.5), pairing, "class", BATCH))
    by_class = by_class[present][:, present]
    upper = torch.ones_like(by_class) if pairing == "naive" else torch.ones_like(by_class).triu()
    assert float((by_class * upper).sum() / upper.sum()) == pytest.approx(1.0, rel=1e-5)
    by_sample = table(PairWeights(COUNTS, Frequency(0.5), pairing, "sample", BATCH))
    total = met = 0.0
    for i in present:
        for j in present:
            name = "expected" if pairing == "expected" else "naive"
            f = frequency(name, float(COUNTS[i]), float(COUNTS[j]), bool(i == j))
            total, met = total + f * float(by_sample[i, j]), met + f
    assert total / met == pytest.approx(1.0, rel=1e-5)
    if pairing == "expected":
        assert met == pytest.approx(BATCH)


@pytest.mark.parametrize("pairing", ["naive", "doubled", "expected"])
def test_batch_mean_from_the_histogram_equals_the_mean_over_all_pairs(pairing):
    weights = PairWeights(COUNTS, Frequency(0.5), pairing, "sample", BATCH)
    classes = torch.tensor([0, 1, 1, 2, 3, 3, 3, 5, 5, 5, 5, 2, 1])
    mean = weights.block(whole(classes)).double().mean()
    assert float(weights.batch_mean(classes)) == pytest.approx(float(mean), rel=1e-6)


def test_class_weights_have_mean_one_over_classes_or_samples():
    present = COUNTS > 0
    by_class = ClassWeights(COUNTS, Frequency(0.5), "class").values
    assert float(by_class[present].mean()) == pytest.approx(1.0)
    assert float(by_class[0] / by_class[3]) == pytest.approx(5.0)
    by_sample = ClassWeights(COUNTS, Frequency(0.5), "sample").values
    assert float((by_sample * COUNTS).sum() / N) == pytest.approx(1.0)


def test_effective_number_is_exact_for_tiny_pair_frequencies():
    """1 - beta^f cancels in float32; the weight of f -> 0 is (1 - beta) / (f |log beta|)."""
    f = torch.tensor([1e-9])
    beta = 0.9999
    expected = (1 - beta) / (1e-9 * -math.log(beta))
    assert float(Frequency(beta=beta)(f)) == pytest.approx(expected, rel=1e-5)
    assert float(Frequency(beta=0.0)(f)) == 1.0


def test_log_prior_is_centred_over_samples_and_orders_by_count():
    prior = log_prior(COUNTS)
    assert float((prior * COUNTS).sum()) == pytest.approx(0.0, abs=1e-4)
    assert float(prior[5] - prior[1]) == pytest.approx(math.log(25), rel=1e-5)


def test_counts_and_laws_that_make_no_sense_are_refused():
    for counts in (torch.tensor([[1]]), torch.tensor([-1, 2]), torch.tensor([0, 0])):
        with pytest.raises(InvalidSetting):
            log_prior(counts)
    for law in ({"gamma": 0.0}, {"gamma": 1.5}, {"beta": 1.0}):
        with pytest.raises(InvalidSetting):
            Frequency(**law)
    with pytest.raises(InvalidSetting):
        PairWeights(COUNTS, Frequency(), "expected", "class", 1)

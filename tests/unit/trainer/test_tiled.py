"""The tiled loss equals the plain one in value and gradient, in bounded memory, on two ranks."""

import itertools
import math
import resource
import subprocess
import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from core.errors import InvalidSetting
from tests.paths import ROOT
from tests.unit.trainer.dense import dense_loss
from trainer.rows import unit_rows
from trainer.targets import ClassTarget, InstanceTarget, TableTarget, taxonomic_table
from trainer.terms import Focal, Term
from trainer.tiled import Sweep, tiled_loss
from trainer.weights import ClassWeights, Frequency, PairWeights, log_prior

B, D, C = 11, 6, 7
COUNTS = torch.tensor([1, 3, 3, 10, 40, 200, 7])
RANKS = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 1, 2], [0, 1, -1], [1, 2, 4], [1, 2, 5], [1, 3, 6]])


def soft_table():
    root = torch.rand(C, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    unit = torch.nn.functional.normalize(root, dim=1)
    return (unit @ unit.T).clamp(0, 1).fill_diagonal_(1.0).float()


TARGETS = {
    "instance": InstanceTarget(),
    "class": ClassTarget(),
    "taxonomic": TableTarget(taxonomic_table(RANKS.numpy())),
    "phylogenetic": TableTarget(soft_table()),
}
WEIGHTS = {
    "none": None,
    "naive": PairWeights(COUNTS, Frequency(0.5)),
    "doubled": PairWeights(COUNTS, Frequency(1.0), "doubled", "sample"),
    "expected": PairWeights(COUNTS, Frequency(beta=0.999), "expected", "sample", B),
    "class": ClassWeights(COUNTS, Frequency(0.5), "class"),
}
FOCALS = {"none": None, "half": Focal(0.5), "plain": Focal(2.0), "quality": Focal(2.0, "quality")}


def batch(seed=0, size=B):
    g = torch.Generator().manual_seed(seed)
    x = unit_rows(torch.randn(size, D, dtype=torch.float64, generator=g))
    y = unit_rows(torch.randn(size, D, dtype=torch.float64, generator=g) + x)
    return x, y, torch.randint(0, C, (size,), generator=g)


def parameters(terms):
    n = max(t.logits for t in terms) + 1
    scales = torch.tensor([math.log(8.0 + 3 * k) for k in range(n)], dtype=torch.float64)
    return scales, torch.tensor([-2.0 - k for k in range(n)], dtype=torch.float64)


def evaluate(function, x, y, scales, biases):
    leaves = [part.clone().requires_grad_() for part in (x, y, scales, biases)]
    loss = function(*leaves)
    return [loss.detach(), *torch.autograd.grad(loss, leaves, materialize_grads=True)]


def check_equal(terms, tiles=(4, 6, 64), rtol=1e-8):
    x, y, classes = batch()
    scales, biases = parameters(terms)
    plain = evaluate(lambda *p: dense_loss(terms, *p, classes), x, y, scales, biases)
    for tile in tiles:
        tiled = evaluate(
            lambda *p, t=tile: tiled_loss(*p, Sweep(terms, classes, t)), x, y, scales, biases
        )
        for mine, reference in zip(tiled, plain, strict=True):
            torch.testing.assert_close(mine, reference, rtol=rtol, atol=1e-1 * rtol)
    assert plain[1].abs().max() > 1e-6


EVERY = [
    case
    for case in itertools.product(("sigmoid", "softmax", "mse", "huber"), TARGETS, WEIGHTS, FOCALS)
    if not (case[0] != "softmax" and case[2] == "class")
]


@pytest.mark.parametrize(("kind", "target", "weight", "focal"), EVERY)
def test_tiled_equals_dense_for_every_kind_target_weight_and_focal(kind, target, weight, focal):
    check_equal([Term(kind, TARGETS[target], imbalance=WEIGHTS[weight], focal=FOCALS[focal])])


@pytest.mark.parametrize("kind", ["sigmoid", "softmax", "mse", "huber"])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("similarity", ["cos", "geo1", "geo2"])
@pytest.mark.parametrize("hard", [0.0, 2.0])
def test_tiled_equals_dense_for_every_similarity_prior_and_hardness(kind, target, similarity, hard):
    prior = 0.7 * log_prior(COUNTS)
    check_equal([Term(kind, TARGETS[target], similarity, hard=hard, prior=prior)])


@pytest.mark.parametrize("kind", ["sigmoid", "mse"])
@pytest.mark.parametrize("combine", ["product", "mean", "geometric", "harmonic"])
@pytest.mark.parametrize("balance", ["mass", 0.3])
@pytest.mark.parametrize("hard", [0.0, 1.5])
@pytest.mark.parametrize(("mean_one", "unit"), [(False, False), (True, False), (True, True)])
def test_tiled_equals_dense_for_every_way_to_combine_weights(
    kind, combine, balance, hard, mean_one, unit
):
    term = Term(
        kind,
        TARGETS["phylogenetic"],
        imbalance=WEIGHTS["expected"],
        focal=Focal(1.5, "quality"),
        balance=balance,
        combine=combine,
        hard=hard,
        mean_one=mean_one,
        mean_one_combined=mean_one,
        unit=unit,
    )
    # Imbalance weights are float32; their batch mean, made another way, is float64.
    check_equal([term], rtol=2e-6)


MIXED = [
    Term("sigmoid", TARGETS["class"], weight=0.7, focal=Focal(2.0), balance="mass", unit=True),
    Term("softmax", TARGETS["taxonomic"], "geo1", weight=0.2, logits=1, unit=True, hard=1.0),
    Term("huber", TARGETS["phylogenetic"], weight=0.1, imbalance=WEIGHTS["naive"], mean_one=True),
]


def test_terms_share_one_sweep_and_keep_their_own_scale_and_bias():
    check_equal(MIXED, rtol=2e-6)


def test_all_pairs_alike_leave_mass_balance_and_hard_negatives_finite():
    x, y, _ = batch()
    classes = torch.zeros(B, dtype=torch.int64)
    for kind in ("sigmoid", "softmax"):
        balance = "mass" if kind == "sigmoid" else None
        terms = [Term(kind, ClassTarget(), balance=balance, hard=1.0)]
        out = evaluate(
            lambda *p, t=terms: tiled_loss(*p, Sweep(t, classes, 5)), x, y, *parameters(terms)
        )
        assert all(bool(part.isfinite().all()) for part in out)


@pytest.mark.parametrize("kind", ["sigmoid", "softmax", "mse", "huber"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("form", ["plain", "quality"])
@pytest.mark.parametrize("similarity", ["cos", "geo1", "geo2"])
def test_gradients_are_finite_at_logits_of_100_and_zero_rows(kind, gamma, form, similarity):
    x = torch.eye(4).repeat(2, 1)
    x[3] = 0
    y = torch.cat([x[:4], -x[4:]])
    x.requires_grad_()
    y.requires_grad_()
    term = Term(
        kind, ClassTarget(), similarity, focal=Focal(gamma, form), imbalance=WEIGHTS["naive"]
    )
    classes = torch.tensor([0, 1, 2, 3, 0, 1, 4, 5])
    sweep = Sweep([term], classes, 3)
    scales, biases = torch.tensor([math.log(100.0)]), torch.zeros(1)
    loss = tiled_loss(unit_rows(x), unit_rows(y), scales, biases, sweep)
    loss.backward()
    assert bool(loss.isfinite())
    assert bool(x.grad.isfinite().all())
    assert bool(y.grad.isfinite().all())
    assert bool((x.grad[3] == 0).all())


def test_similarity_is_float32_under_bfloat16_autocast():
    """The predecessor multiplied in bfloat16: 509 distinct similarities collapsed to 5."""
    x, y, classes = (part.float() if part.is_floating_point() else part for part in batch(1))
    # All much alike, as embeddings of one collection are: the loss hangs on small differences.
    x = unit_rows(1 + 0.1 * x)
    y = unit_rows(x + 0.01 * y)
    scales, biases = torch.tensor([math.log(100.0)]), torch.zeros(1)
    terms = [Term("softmax", InstanceTarget())]
    plain = evaluate(lambda *p: tiled_loss(*p, Sweep(terms, classes, 8)), x, y, scales, biases)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = evaluate(lambda *p: tiled_loss(*p, Sweep(terms, classes, 8)), x, y, scales, biases)
        coarse = (x @ y.T).float()
    exact = dense_loss(terms, *(part.double() for part in (x, y, scales, biases)), classes)
    torch.testing.assert_close(plain[0].double(), exact, rtol=1e-5, atol=0)
    for mine, reference in zip(cast, plain, strict=True):
        assert torch.equal(mine, reference)
    # The trap is real: a similarity under autocast is wrong by far more than float32 rounding.
    assert (coarse - x @ y.T).abs().max() > 1e-4


def test_soft_softmax_is_normalised_along_each_axis_and_keeps_its_size():
    """The predecessor normalised soft targets along one axis only."""
    table = torch.tensor([[1.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]])
    classes = torch.tensor([0, 1, 2, 0])
    target = TableTarget(table)
    terms = [Term("softmax", target)]
    zero = torch.zeros(4, D, dtype=torch.float64)
    out = []
    for repeat in (1, 8):
        sweep = Sweep(terms, classes.repeat(repeat), 5)
        flat = zero.repeat(repeat, 1)
        out.append(tiled_loss(flat, flat, *parameters(terms), sweep))
        # Flat logits cost log B in both directions if and only if every query's targets sum to 1.
        torch.testing.assert_close(out[-1], torch.tensor(math.log(4 * repeat)).double())
    x, y, _ = batch(2, 4)
    small = evaluate(lambda *p: tiled_loss(*p, Sweep(terms, classes, 5)), x, y, *parameters(terms))
    forth = evaluate(lambda *p: dense_loss(terms, *p, classes), x, y, *parameters(terms))
    torch.testing.assert_close(small[1], forth[1])
    swapped = tiled_loss(y, x, *parameters(terms), Sweep(terms, classes, 5))
    torch.testing.assert_close(swapped, small[0])


def test_pair_weights_do_not_shrink_softmax_with_the_batch():
    """The predecessor divided by B^2 weights, so its loss fell as 1/B."""
    for size in (8, 64):
        flat = torch.zeros(size, D, dtype=torch.float64)
        classes = torch.arange(size) % C
        terms = [Term("softmax", ClassTarget(), imbalance=WEIGHTS["naive"])]
        loss = tiled_loss(flat, flat, *parameters(terms), Sweep(terms, classes, 16))
        torch.testing.assert_close(loss, torch.tensor(math.log(size)).double())


class _Largest(TorchDispatchMode):
    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for part in out if isinstance(out, tuple | list) else (out,):
            if isinstance(part, torch.Tensor):
                self.numel = max(self.numel, part.untyped_storage().nbytes() // 4)
        return out


@pytest.mark.parametrize("kind", ["sigmoid", "softmax"])
def test_no_tensor_holds_all_pairs(kind):
    size, width, tile = 512, 16, 32
    x = torch.randn(size, width)
    classes = torch.randint(0, C, (size,))
    terms = [
        Term(kind, TARGETS["phylogenetic"], imbalance=WEIGHTS["expected"], focal=Focal(2.0)),
        Term("sigmoid", TARGETS["class"], imbalance=WEIGHTS["naive"], balance="mass", hard=1.0),
    ]
    x = unit_rows(x).requires_grad_()
    scales, biases = (part.float() for part in parameters(terms))
    with _Largest() as seen:
        tiled_loss(x, x, scales, biases, Sweep(terms, classes, tile)).backward()
    assert 0 < seen.numel <= max(size * width, 2 * tile * tile, 5 * size)


HUGE = """
import sys, torch
from trainer.losses import LogitPair, Objective
from trainer.targets import ClassTarget, TableTarget
from trainer.terms import Focal, Term
from trainer.weights import Frequency, PairWeights
kind = sys.argv[1]
def peak():  # of this program; ru_maxrss would begin with that of the one that started it
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
torch.set_num_threads(1)
size, width, classes = 16384, 512, torch.arange(16384) % 1500
weights = PairWeights(torch.bincount(classes), Frequency(0.5))
x = torch.randn(size, width, requires_grad=True)
y = torch.randn(size, width, requires_grad=True)
balance = "mass" if kind == "sigmoid" else None
term = Term(kind, ClassTarget(), imbalance=weights, balance=balance)
objective = Objective([term], [LogitPair(2.3, -10.0)], tile=1024)
(x[:256] @ y[:256].T).sum().backward()
before = peak()
objective(x, y, classes).loss.backward()
assert x.grad.isfinite().all() and y.grad.abs().sum() > 0
print((peak() - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sigmoid", "softmax"])
def test_batch_of_16384_by_512_stays_under_480_mib(kind):
    """One B x B float32 matrix alone is 1,024 MiB. Ten B x D ones (features, unit features and
    gradients of both sides) are 320; the rest is tiles of 4 MiB."""
    done = subprocess.run(
        [sys.executable, "-c", HUGE, kind], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 0 < float(done.stdout) < 480
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime > 1


def test_terms_that_contradict_themselves_are_refused():
    for wrong in (
        {"kind": "softmax", "balance": "mass"},
        {"kind": "softmax", "mean_one_combined": True},
        {"kind": "sigmoid", "imbalance": WEIGHTS["class"]},
        {"kind": "sigmoid", "mean_one": True},
        {"kind": "sigmoid", "balance": 1.5},
        {"kind": "sigmoid", "weight": 0.0},
    ):
        with pytest.raises(InvalidSetting):
            Term(**{"target": ClassTarget(), **wrong})
    with pytest.raises(InvalidSetting):
        Focal(-1.0)

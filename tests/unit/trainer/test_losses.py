"""The objective: own scales, cap, floors, and the same loss on two ranks under DDP."""

import math

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from core.errors import InvalidSetting
from tests.unit.trainer.ranks import on_ranks
from trainer import dist
from trainer.losses import MAX_LOG_SCALE, LogitPair, Objective, unit_rows
from trainer.targets import ClassTarget, InstanceTarget, TableTarget
from trainer.terms import Focal, Term
from trainer.tiled import Sweep, tiled_loss
from trainer.weights import ClassWeights, Frequency, PairWeights

COUNTS = torch.tensor([2, 5, 9, 30])
TABLE = torch.tensor(
    [[1.0, 0.6, 0.1, 0.0], [0.6, 1.0, 0.2, 0.0], [0.1, 0.2, 1.0, 0.3], [0.0, 0.0, 0.3, 1.0]]
)


def every_coupling():
    """Terms that between them use every quantity that couples the ranks."""
    expected = PairWeights(COUNTS, Frequency(0.5), "expected", "sample", 12)
    by_class = ClassWeights(COUNTS, Frequency(0.5), "class")
    table = TableTarget(TABLE)
    return [
        Term("sigmoid", table, weight=0.5, imbalance=expected, mean_one=True, balance="mass"),
        Term("sigmoid", ClassTarget(), hard=2.0, focal=Focal(2.0), mean_one_combined=True),
        Term("mse", InstanceTarget(), "geo1", unit=True),
        Term("softmax", table, "cos", imbalance=by_class, focal=Focal(2.0, "quality"), logits=1),
        Term("softmax", ClassTarget(), imbalance=expected, hard=1.0, unit=True, logits=1),
    ]


class Towers(torch.nn.Module):
    """Two linear towers and the objective, so that one forward makes the loss."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.image, self.text = torch.nn.Linear(7, 5), torch.nn.Linear(7, 5)
        pairs = [LogitPair(2.0, -1.0), LogitPair(2.5, None)]
        self.objective = Objective(every_coupling(), pairs, tile=4)

    def forward(self, images, texts, classes):
        return self.objective(self.image(images), self.text(texts), classes)


def step(wrap=lambda model: model):
    """Loss, values and gradients after one backward, of this rank's share of a batch of 12."""
    g = torch.Generator().manual_seed(5)
    images, texts = torch.randn(2, 12, 7, generator=g).double().unbind()
    classes = torch.randint(0, 4, (12,), generator=g)
    model = Towers().double()
    share = slice(None)
    if dist.world_size() > 1:
        share = slice(dist.rank() * 6, dist.rank() * 6 + 6)
    wrapped = wrap(model)
    outcome = wrapped(images[share], texts[share], classes[share])
    outcome.loss.backward()
    gradients = {name: p.grad.tolist() for name, p in model.named_parameters()}
    return float(outcome.loss.detach()), outcome.values.tolist(), outcome.floors.tolist(), gradients


def step_with_mean_gradients():
    """`step`, then what any data-parallel wrapper does."""
    *rest, gradients = step()
    mean = {
        name: dist.sum_over_ranks(torch.tensor(g, dtype=torch.float64)) / dist.world_size()
        for name, g in gradients.items()
    }
    return *rest, {name: g.tolist() for name, g in mean.items()}


def step_under_ddp():
    return step(DistributedDataParallel)


@pytest.mark.parametrize(
    "name", ["step_with_mean_gradients", pytest.param("step_under_ddp", marks=pytest.mark.slow)]
)
def test_two_ranks_equal_one_process(name):
    loss, values, floors, gradients = step()
    for other in on_ranks(2, "tests.unit.trainer.test_losses", name):
        assert other[0] == pytest.approx(loss, rel=1e-9)
        assert other[1] == pytest.approx(values, rel=1e-9)
        assert other[2] == pytest.approx(floors, rel=1e-9, abs=1e-12)
        for key, gradient in gradients.items():
            mine, theirs = torch.tensor(gradient), torch.tensor(other[3][key])
            torch.testing.assert_close(theirs, mine, rtol=1e-6, atol=1e-9, msg=key)
            assert mine.abs().max() > 0, key


def test_value_reaches_its_floor_when_logits_fit_soft_targets():
    wanted = torch.tensor([[0.0, 2.0, 0.0], [2.0, 0.0, -2.0], [0.0, -2.0, 0.0]])
    term = Term("sigmoid", TableTarget(torch.sigmoid(wanted)))
    x = torch.eye(3) @ wanted
    objective = Objective([term], [LogitPair(0.0, None)])
    with torch.no_grad():
        outcome = objective(torch.eye(3), torch.eye(3), torch.arange(3))
    assert outcome.values > outcome.floors > 0
    sweep = Sweep([term], torch.arange(3), 2)
    tiled_loss(x, torch.eye(3), torch.zeros(1), torch.zeros(1), sweep)
    torch.testing.assert_close(sweep.tallies[0].value, sweep.tallies[0].floor, rtol=1e-6, atol=0)


def test_scale_and_bias_can_be_frozen_capped_and_absent():
    frozen = LogitPair(1.0, -10.0, freeze_scale=True, freeze_bias=True)
    assert [p.requires_grad for p in frozen.parameters()] == [False, False]
    clip = LogitPair(9.0, None, cap=True)
    assert len(list(clip.parameters())) == 1
    clip.cap_()
    assert clip.log_scale.item() == pytest.approx(MAX_LOG_SCALE)
    free = LogitPair(9.0, None)
    free.cap_()
    assert free.log_scale.item() == 9.0


def test_capped_scale_can_come_down_again():
    objective = Objective([Term("softmax", InstanceTarget())], [LogitPair(9.0, None, cap=True)])
    objective.logits[0].cap_()
    x, y = torch.eye(4), torch.eye(4).roll(1, 0)
    objective(x, y, torch.arange(4)).loss.backward()
    assert objective.logits[0].log_scale.grad > 0


def test_zero_rows_have_no_direction_and_no_gradient():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    out = unit_rows(x)
    assert out.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]
    out.sum().backward()
    assert x.grad[1].tolist() == [0.0, 0.0]
    assert math.isclose(float(unit_rows(x.detach().half())[0, 0]), 0.6, rel_tol=1e-6)


def test_objectives_that_cannot_work_are_refused():
    pair = LogitPair(1.0, None)
    for terms, tile in (
        ([], 8),
        ([Term("softmax", ClassTarget(), logits=1)], 8),
        ([Term("softmax", ClassTarget())], 0),
    ):
        with pytest.raises(InvalidSetting):
            Objective(terms, [pair], tile)

"""The objective: own scales, cap, floors, and the same loss on two ranks under DDP."""

import math

import pytest
import torch
from open_clip.loss import ClipLoss, SigLipLoss

from core.errors import InvalidSetting
from tests.unit.trainer.coupled import step
from tests.unit.trainer.ranks import on_ranks
from trainer.losses import MAX_LOG_SCALE, LogitPair, Objective
from trainer.rows import unit_rows
from trainer.targets import ClassTarget, InstanceTarget, TableTarget
from trainer.terms import Term
from trainer.tiled import Sweep, tiled_loss


@pytest.mark.parametrize(
    "name", ["step_with_mean_gradients", pytest.param("step_under_ddp", marks=pytest.mark.slow)]
)
def test_two_ranks_equal_one_process(name):
    loss, values, floors, gradients = step()
    for other in on_ranks(2, "tests.unit.trainer.coupled", name):
        assert other[0] == pytest.approx(loss, rel=1e-9)
        assert other[1] == pytest.approx(values, rel=1e-9)
        assert other[2] == pytest.approx(floors, rel=1e-9, abs=1e-12)
        for key, gradient in gradients.items():
            mine, theirs = torch.tensor(gradient), torch.tensor(other[3][key])
            torch.testing.assert_close(theirs, mine, rtol=1e-6, atol=1e-9, msg=key)
            assert mine.abs().max() > 0, key


def test_plain_terms_are_the_losses_of_open_clip():
    x, y = torch.randn(2, 40, 6, generator=torch.Generator().manual_seed(8))
    ones, at = torch.tensor(12.0), torch.arange(40)
    for kind, bias, theirs in (
        ("sigmoid", -5.0, SigLipLoss()(unit_rows(x), unit_rows(y), ones, torch.tensor(-5.0))),
        ("softmax", None, ClipLoss()(unit_rows(x), unit_rows(y), ones)),
    ):
        ours = Objective([Term(kind, InstanceTarget())], [LogitPair(math.log(12), bias)], tile=16)
        torch.testing.assert_close(ours(x, y, at).loss.detach(), theirs)


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

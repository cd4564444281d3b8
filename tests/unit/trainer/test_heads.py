"""The margin head equals its formula, in value and gradient, on one rank and on two."""

import math

import pytest
import torch
from torch import nn

from core.errors import InvalidSetting
from tests.unit.trainer import runs
from tests.unit.trainer.ranks import on_ranks
from trainer.assemble import objective
from trainer.clusters import spherical_k_means
from trainer.config import HeadSettings
from trainer.heads import MOST_LOSS, MarginHead, _margin
from trainer.rows import unit_rows

B, C, D = 12, 7, 5


def features() -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(3)
    return torch.randn(B, D, generator=source), torch.randint(0, C, (B,), generator=source)


def written_out(x: torch.Tensor, centres: torch.Tensor, y: torch.Tensor, own: HeadSettings):
    """cos(θ + m) with autograd's own derivative, or shifted by a constant (straight through)."""
    cosines = unit_rows(x) @ unit_rows(centres).T
    theirs = cosines.gather(1, y[:, None])
    made = (own.multiply * theirs.acos() + own.angle).cos() - own.cosine
    if not own.exact:
        made = theirs + (made - theirs).detach()
    return nn.functional.cross_entropy(own.scale * cosines.scatter(1, y[:, None], made), y)


MARGINS = [
    HeadSettings(angle=0.3),
    HeadSettings(angle=0.3, exact=True),
    HeadSettings(angle=0.0, cosine=0.2, scale=8.0),
    HeadSettings(angle=0.2, cosine=0.1, multiply=1.1, exact=True, scale=16.0),
]


@pytest.mark.parametrize("own", MARGINS)
def test_value_and_gradients_are_those_of_the_formula(own):
    x, y = features()
    # No angle may pass π here: there the formula would rise again, and ours goes on falling.
    head = MarginHead(C, D, own, seed=1)
    with torch.no_grad():
        head.centres.copy_(unit_rows(head.centres) * 0.4 + unit_rows(x)[:C])
        x = x + 0.5 * unit_rows(head.centres)[y]
    ours = x.clone().requires_grad_()
    lost = head(ours, y)
    lost.backward()
    plain, centres = x.clone().requires_grad_(), head.centres.detach().clone().requires_grad_()
    expected = written_out(plain, centres, y, own)
    expected.backward()
    assert float(lost.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    torch.testing.assert_close(ours.grad, plain.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(head.centres.grad, centres.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("own", MARGINS)
def test_the_margin_falls_from_0_to_pi_and_never_helps(own):
    angles = torch.linspace(0.001, math.pi - 0.001, 500, dtype=torch.float64)
    value, slope = _margin(angles.cos(), own)
    assert (value.diff() < 0).all()
    assert (value <= angles.cos() + 1e-9).all()
    assert (slope >= 0).all()


def test_a_hopeless_picture_counts_no_more_than_the_guard_and_still_learns():
    head = MarginHead(2, 2, HeadSettings(scale=64.0, angle=0.0), seed=0)
    with torch.no_grad():
        head.centres.copy_(torch.tensor([[1.0, 0.02], [-1.0, 0.02]]))
    x = torch.tensor([[1.0, 0.3]], requires_grad=True)
    lost = head(x, torch.tensor([1]))
    lost.backward()
    assert float(lost.detach()) == pytest.approx(69.0776, abs=1e-3) == pytest.approx(MOST_LOSS)
    assert x.grad.abs().sum() > 0.1


def test_doubtful_negatives_are_left_out():
    x = torch.tensor([[1.0, 0.1]])
    loss = {}
    for limit in (0.0, 0.9):
        head = MarginHead(3, 2, HeadSettings(angle=0.0, filter=limit), seed=0)
        with torch.no_grad():  # the second centre is the first one's twin
            head.centres.copy_(torch.tensor([[1.0, 0.0], [1.0, 0.05], [0.0, 1.0]]))
        loss[limit] = float(head(x, torch.tensor([0])).detach())
        head(x, torch.tensor([0])).backward()
    assert loss[0.0] > 0.5
    assert loss[0.9] < 1e-3
    assert head.centres.grad[1].abs().sum() == 0


def test_some_centres_are_drawn_and_all_that_are_needed():
    x, y = features()
    head = MarginHead(200, D, HeadSettings(rate=0.1), seed=1)
    torch.manual_seed(0)
    head(x, y * 20).backward()
    touched = set(head.centres.grad.abs().sum(1).nonzero()[:, 0].tolist())
    assert len(touched) == 20
    assert touched >= set((y * 20).tolist())
    first = head.centres.grad.clone()
    head.zero_grad()
    torch.manual_seed(0)  # as every step does by its seed
    head(x, y * 20).backward()
    assert torch.equal(first, head.centres.grad)


def by_rank() -> tuple[float, torch.Tensor, torch.Tensor]:
    """Loss and gradients as data-parallel training would average them."""
    from trainer import dist

    x, y = features()
    head = MarginHead(C, D, HeadSettings(exact=True), seed=1)
    size = B // dist.world_size()
    cut = slice(dist.rank() * size, (dist.rank() + 1) * size)
    mine = x[cut].clone().requires_grad_()
    lost = head(mine, y[cut])
    lost.backward()
    centres = dist.sum_over_ranks(head.centres.grad) / dist.world_size()
    return float(lost.detach()), dist.gather_rows(mine.grad) / dist.world_size(), centres


def test_two_ranks_compute_what_one_does():
    one = by_rank()
    for found in on_ranks(2, __name__, "by_rank"):
        assert found[0] == pytest.approx(one[0], rel=1e-6)
        torch.testing.assert_close(found[1], one[1], rtol=1e-4, atol=1e-7)
        torch.testing.assert_close(found[2], one[2], rtol=1e-4, atol=1e-7)


def test_a_head_alone_trains_the_pictures_and_resumes_exactly(tmp_path):
    changes = ["loss=[]", "head={lr_factor: 2, rate: 0.5}", "run.samples=96", "run.save=48"]
    whole = runs.engine(tmp_path / "whole", runs.config(*changes))
    assert whole.objective.head is not None
    whole.train()
    found = runs.losses(tmp_path / "whole")
    assert found[-1] < found[0]
    first = runs.engine(tmp_path / "cut", runs.config(*changes))
    first.steps = 3
    first.train()
    again = runs.engine(tmp_path / "cut", runs.config(*changes))
    assert again.done == 3
    again.train()
    assert runs.losses(tmp_path / "cut") == found


def test_a_loss_of_nothing_is_refused():
    _, facts = runs.loader(runs.config())
    with pytest.raises(InvalidSetting, match="at least one term, or a head"):
        objective(runs.config("loss=[]"), facts)
    with pytest.raises(InvalidSetting, match="rate within"):
        runs.config("head={rate: 0}")
    with pytest.raises(InvalidSetting, match="two centres or more"):
        MarginHead(1, 4, HeadSettings(), 0)


def test_clusters_are_the_groups_that_there_are():
    source = torch.Generator().manual_seed(1)
    middles = unit_rows(torch.randn(6, 32, generator=source))
    own = torch.arange(300) % 6
    rows = unit_rows(middles[own] + 0.05 * torch.randn(300, 32, generator=source))
    labels = spherical_k_means(rows, 6, 20, seed=2)
    pairs = {(int(a), int(b)) for a, b in zip(own, labels, strict=True)}
    assert len(pairs) == 6
    assert torch.equal(labels, spherical_k_means(rows, 6, 20, seed=2))
    same = spherical_k_means(rows[:1].repeat(9, 1), 3, 5, seed=0)  # all rows coincide
    assert same.shape == (9,)
    with pytest.raises(InvalidSetting, match="4 pictures cannot make 5 clusters"):
        spherical_k_means(rows[:4], 5, 5, seed=0)

"""Every term that couples the ranks, in one step of a small model; run alone and on two ranks.

Imports little, because each rank is a fresh process.
"""

import torch
from torch.nn.parallel import DistributedDataParallel

from trainer import dist
from trainer.losses import LogitPair, Objective
from trainer.targets import ClassTarget, InstanceTarget, TableTarget
from trainer.terms import Focal, Term
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

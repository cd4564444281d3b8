"""Cluster discrimination: pictures against learnable centres, with a margin.

UNICOM (An et al. 2023). Every rank compares the pictures of all ranks with its own share of the
centres (Partial FC, An et al. 2022), so that neither logits nor their gradient exist as a whole.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import InvalidSetting
from trainer import dist
from trainer.config import HeadSettings
from trainer.rows import unit_rows

MOST_LOSS = -math.log(1e-30)
"""A picture's loss counts up to here, 69.0776; its gradient is unaffected."""
_ROWS = 1024


@dataclass(frozen=True)
class _Shard:
    """The centres of this rank that take part: `offset` is the label of the first one's own."""

    labels: Tensor
    """int64 [B]: where each picture's centre is among the rows, -1 where another rank has it."""
    own: HeadSettings


class MarginHead(nn.Module):
    """Softmax over the cosines with C centres; that with the picture's own is made harder.

    logit_y = s (cos(m1 θ + m2) - m3), others s cos θ. With `exact` False the margin shifts the
    logit and leaves its slope at s, which is what published models were trained with; the true
    derivative has a factor that grows without bound near θ = 0.
    """

    centres: Tensor

    def __init__(self, count: int, width: int, settings: HeadSettings, seed: int) -> None:
        super().__init__()
        if count < 2:
            raise InvalidSetting(f"a head needs two centres or more, not {count}")
        source = torch.Generator().manual_seed(seed)
        # The same on every rank: no rank needs to tell the others.
        self.centres = nn.Parameter(torch.randn(count, width, generator=source) * 0.01)
        self.settings = settings

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """The mean loss over all ranks of features [b, D] with int64 labels [b] in [0, C).

        A scalar equal on every rank. Its gradients are those of the global loss times the number of
        ranks, as in `tiled`, since whoever averages over ranks divides by that.
        """
        every = dist.gather_rows(labels)
        rows, places = self._chosen(every)
        with torch.autocast(images.device.type, enabled=False):
            loss: Tensor = _Discriminate.apply(
                unit_rows(images), unit_rows(self.centres)[rows], _Shard(places, self.settings)
            )
        return loss

    def _chosen(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of the centres that this rank compares with, and the labels' places among them."""
        count, world = len(self.centres), dist.world_size()
        first, last = (count * (dist.rank() + k) // world for k in (0, 1))
        mine = (labels >= first) & (labels < last)
        rows = torch.arange(first, last, device=labels.device)
        if self.settings.rate < 1:
            rows = _sampled(rows, torch.unique(labels[mine]), self.settings.rate)
        where = torch.full((count,), -1, device=labels.device)
        where[rows] = torch.arange(len(rows), device=labels.device)
        return rows, where[labels]


def _sampled(rows: Tensor, positives: Tensor, rate: float) -> Tensor:
    """The positives and random others, `rate` of all rows together; sorted.

    The order of the random numbers is that of the step, so a resumed run draws the same.
    """
    wanted = max(len(positives), round(rate * len(rows)))
    score = torch.rand(len(rows)).to(rows.device)
    score[positives - rows[0]] = 2.0
    return rows[score.topk(wanted).indices.sort().values] if wanted else rows[:0]


class _Discriminate(torch.autograd.Function):
    """Forms gradients in its forward; [_ROWS, centres of this rank] is the largest tensor."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, centres: Tensor, shard: _Shard) -> Tensor:
        every = dist.gather_rows(images)
        to_images, to_centres = torch.zeros_like(every), torch.zeros_like(centres)
        total = images.new_zeros((), dtype=torch.float64)
        for start in range(0, len(every), _ROWS):
            cut = slice(start, start + _ROWS)
            cosines = every[cut] @ centres.T
            lost, slope = _softmax(cosines, shard.labels[cut], shard.own)
            total += lost.double().sum()
            slope /= len(every)
            to_images[cut] = slope @ centres
            to_centres += slope.T @ every[cut]
        ctx.save_for_backward(dist.scatter_sum(to_images), to_centres)
        return (total / len(every)).to(images.dtype)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        to_images, to_centres = ctx.saved_tensors
        factor = outer[0] * dist.world_size()
        return to_images * factor, to_centres * factor, None


def _softmax(cosines: Tensor, labels: Tensor, own: HeadSettings) -> tuple[Tensor, Tensor]:
    """Loss [r] of rows, summed over ranks, and its slope with respect to this rank's cosines."""
    here = labels >= 0
    row, column = here.nonzero()[:, 0], labels[here]
    logits = own.scale * cosines
    if own.filter > 0:
        doubtful = cosines > own.filter
        doubtful[row, column] = False
        logits = logits.masked_fill(doubtful, -torch.inf)
    value, inner = _margin(cosines[row, column], own)
    logits[row, column] = own.scale * value
    # A rank may have no centre at all: an empty row's sum is -inf, and stays so.
    local = logits.logsumexp(1) if logits.shape[1] else logits.new_full((len(logits),), -torch.inf)
    whole = dist.logsumexp_over_ranks(local)
    target = logits.new_zeros(len(logits))
    target[row] = logits[row, column]
    lost = (whole - dist.sum_over_ranks(target)).clamp(max=MOST_LOSS)
    slope = own.scale * (logits - whole[:, None]).exp()
    slope[row, column] = (slope[row, column] - own.scale) * inner
    return lost, slope


def _margin(cosine: Tensor, own: HeadSettings) -> tuple[Tensor, Tensor]:
    """cos(m1 θ + m2) - m3 and its derivative by cos θ.

    Past π the cosine would rise again and reward a wrong direction: it goes on falling as
    (-1)^k cos - 2k on [kπ, (k+1)π] does (Liu et al. 2017, SphereFace).
    """
    angle = cosine.clamp(-1, 1).acos()
    turned = own.multiply * angle + own.angle
    half_turns = (turned / math.pi).floor()
    sign = 1 - 2 * (half_turns % 2)
    value = sign * turned.cos() - 2 * half_turns - own.cosine
    if not own.exact:
        return value, torch.ones_like(cosine)
    sine = angle.sin().clamp(min=1e-4)
    return value, own.multiply * sign * turned.sin() / sine

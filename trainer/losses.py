"""The objective: features in, one scalar out, with its learnable logit scales and biases."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.errors import InvalidSetting
from trainer.terms import Term
from trainer.tiled import Sweep, tiled_loss

MAX_LOG_SCALE = math.log(100)


@dataclass(frozen=True)
class Outcome:
    """`loss` carries the gradient; `values` and `floors` are float64 [terms], detached.

    A term's floor is the entropy of its soft targets: value - floor is comparable across targets.
    """

    loss: Tensor
    values: Tensor
    floors: Tensor


class LogitPair(nn.Module):
    """A learnable scale, kept as its logarithm, and a bias; either may be frozen.

    `bias` None means a fixed 0, as in CLIP. `cap` keeps the scale at 100 or below.
    """

    log_scale: Tensor
    bias: Tensor

    def __init__(
        self,
        log_scale: float,
        bias: float | None,
        *,
        freeze_scale: bool = False,
        freeze_bias: bool = False,
        cap: bool = False,
    ) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(log_scale), requires_grad=not freeze_scale)
        if bias is None:
            self.register_buffer("bias", torch.zeros(()))
        else:
            self.bias = nn.Parameter(torch.tensor(bias), requires_grad=not freeze_bias)
        self._cap = cap

    @torch.no_grad()
    def cap_(self) -> None:
        """Bring the scale back to the cap; call after each optimiser step.

        Clamping the parameter, not the value in use, keeps a gradient that can lower it again.
        """
        if self._cap:
            self.log_scale.clamp_(max=MAX_LOG_SCALE)


class Objective(nn.Module):
    """All terms of a loss over one gather and one shared sweep of tiles."""

    def __init__(
        self, terms: Sequence[Term], logits: Sequence[LogitPair], tile: int = 1024
    ) -> None:
        super().__init__()
        if not terms:
            raise InvalidSetting("a loss needs at least one term")
        if max(term.logits for term in terms) >= len(logits):
            raise InvalidSetting("a loss term names a scale-and-bias pair that does not exist")
        if tile < 1:
            raise InvalidSetting(f"the tile must be 1 or more, not {tile}")
        self.terms = tuple(terms)
        self.logits = tuple(logits)
        self._logits = nn.ModuleList(logits)
        self.tile = tile

    def forward(self, images: Tensor, texts: Tensor, classes: Tensor) -> Outcome:
        """Loss of this rank's features [b, D], of any length, and int64 class ids [b]."""
        sweep = Sweep(self.terms, classes, self.tile)
        scales = torch.stack([pair.log_scale for pair in self.logits])
        biases = torch.stack([pair.bias for pair in self.logits])
        loss = tiled_loss(unit_rows(images), unit_rows(texts), scales, biases, sweep)
        values = torch.stack([tally.value for tally in sweep.tallies])
        floors = torch.stack([tally.floor for tally in sweep.tallies])
        return Outcome(loss, values, floors)


def unit_rows(features: Tensor) -> Tensor:
    """Rows scaled to length 1 in float32 (or float64); a row of length 0 stays 0, gradient 0."""
    wide = features if features.dtype == torch.float64 else features.float()
    square = wide.square().sum(-1, keepdim=True)
    # Written so that NaN counts as alive: it must reach the loss, not vanish here.
    alive = ~(square <= torch.finfo(wide.dtype).tiny)
    return torch.where(alive, wide * torch.where(alive, square, 1.0).rsqrt(), 0.0)

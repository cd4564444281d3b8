"""The objective: features in, one scalar out, with its learnable logit scales and biases."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.errors import InvalidSetting
from trainer.heads import MarginHead
from trainer.rows import unit_rows
from trainer.terms import Term
from trainer.tiled import Sweep, tiled_loss
from trainer.words import Words

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
    """All terms of a loss over one gather and one shared sweep of tiles, and the head's beside."""

    def __init__(
        self,
        terms: Sequence[Term],
        logits: Sequence[LogitPair],
        tile: int = 1024,
        head: MarginHead | None = None,
    ) -> None:
        super().__init__()
        if not terms and head is None:
            raise InvalidSetting("a loss needs at least one term, or a head")
        if max((term.logits for term in terms), default=-1) >= len(logits):
            raise InvalidSetting("a loss term names a scale-and-bias pair that does not exist")
        if tile < 1:
            raise InvalidSetting(f"the tile must be 1 or more, not {tile}")
        self.terms = tuple(terms)
        self.logits = tuple(logits)
        self._logits = nn.ModuleList(logits)
        self.tile = tile
        self.head = head

    def forward(
        self,
        images: Tensor,
        texts: Tensor,
        classes: Tensor,
        labels: Tensor | None = None,
        words: Words | None = None,
    ) -> Outcome:
        """Loss of this rank's features [b, D], of any length, and int64 class ids [b].

        `labels` are what the head tells apart, the classes when None. Its value comes last.
        `words` are asked for by truth targets.
        """
        found = self._pairs(images, texts, classes, words)
        if self.head is None:
            return found
        lost = self.head(images, classes if labels is None else labels)
        loss = found.loss + self.head.settings.weight * lost
        value = lost.detach().double()[None]
        return Outcome(loss, torch.cat([found.values, value]), torch.cat([found.floors, 0 * value]))

    def _pairs(
        self, images: Tensor, texts: Tensor, classes: Tensor, words: Words | None
    ) -> Outcome:
        if not self.terms:
            # Wrappers want every parameter to have taken part.
            none = texts.new_zeros(0, dtype=torch.float64)
            return Outcome(0.0 * texts.float().sum(), none, none)
        sweep = Sweep(self.terms, classes, self.tile, words)
        scales = torch.stack([pair.log_scale for pair in self.logits])
        biases = torch.stack([pair.bias for pair in self.logits])
        loss = tiled_loss(unit_rows(images), unit_rows(texts), scales, biases, sweep)
        values = torch.stack([tally.value for tally in sweep.tallies])
        floors = torch.stack([tally.floor for tally in sweep.tallies])
        return Outcome(loss, values, floors)

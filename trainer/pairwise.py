"""Terms that judge each pair on its own: sigmoid cross-entropy, squared and Huber error.

L = 1 / (B m) * sum_ij W_ij loss_ij, where W combines imbalance, focal, balance and hard-negative
weights and m is 1, or the batch mean of W where asked.
"""

import torch
from torch import Tensor

from trainer import dist
from trainer.elements import combined, pair_floor, pair_focal, pair_loss
from trainer.terms import Term
from trainer.tiles import Batch, Tally, Tile, logits, pair_weights
from trainer.weights import PairWeights


class PairwiseState:
    """See `TermState`. Needs no statistics sweep unless a weight couples the whole batch."""

    def __init__(self, term: Term, batch: Batch) -> None:
        self._term = term
        self._batch = batch
        self._like, self._unlike = _balance(term, batch)
        self._imbalance_mean = _imbalance_mean(term, batch)
        self._stages = ["hard"] * (term.hard > 0)
        self._stages += ["total"] * (term.mean_one_combined or term.unit)
        zero = torch.zeros((), dtype=torch.float64, device=batch.images.device)
        self._weight, self._value, self._floor = zero, zero, zero
        self._hard = torch.full_like(zero, -torch.inf)
        self._unlike_mass = zero
        self._mean, self._unit = torch.ones_like(zero), torch.ones_like(zero)

    @property
    def ready(self) -> bool:
        """See `TermState.ready`."""
        return not self._stages

    def observe(self, tile: Tile, log_scale: Tensor, bias: Tensor) -> None:
        """See `TermState.observe`."""
        if self._stages[0] == "hard":
            self._observe_hard(tile, log_scale, bias)
            return
        weight, loss, _ = self._parts(tile, log_scale, bias)
        whole = torch.ones_like(loss) if weight is None else weight.expand_as(loss)
        self._weight = self._weight + whole.sum(dtype=torch.float64)
        self._value = self._value + (whole * loss).sum(dtype=torch.float64)

    def advance(self) -> None:
        """See `TermState.advance`."""
        if self._stages.pop(0) == "hard":
            mass = dist.sum_over_ranks(self._unlike_mass)
            self._hard = dist.logsumexp_over_ranks(self._hard) - mass.log()
            self._hard = torch.where(mass > 0, self._hard, 0.0)
            return
        size = self._batch.size
        if self._term.mean_one_combined:
            mean = dist.sum_over_ranks(self._weight) / size**2
            self._mean = mean.clamp(min=1e-12)
        if self._term.unit:
            value = dist.sum_over_ranks(self._value) / self._mean / size
            self._unit = value.clamp(min=1e-12)
        self._value = torch.zeros_like(self._value)

    def surrogate(self, tile: Tile, log_scale: Tensor, bias: Tensor) -> Tensor:
        """See `TermState.surrogate`."""
        weight, loss, target = self._parts(tile, log_scale, bias)
        weighted = loss if weight is None else weight * loss
        with torch.no_grad():
            self._value = self._value + weighted.sum(dtype=torch.float64)
            if self._term.kind == "sigmoid" and not self._term.target.binary:
                floor = pair_floor(target) if weight is None else weight * pair_floor(target)
                self._floor = self._floor + floor.sum(dtype=torch.float64)
        share = self._term.weight / (self._mean * self._unit * self._batch.size)
        return weighted.sum() * share.to(weighted.dtype)

    def tally(self) -> Tally:
        """See `TermState.tally`."""
        both = dist.sum_over_ranks(torch.stack([self._value, self._floor]))
        value, floor = (both / (self._mean * self._batch.size)).unbind()
        return Tally(value, floor)

    def _parts(
        self, tile: Tile, log_scale: Tensor, bias: Tensor
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """Weight (None is 1), loss and target of each pair."""
        term, pairs = self._term, tile.pairs()
        s, z = logits(term, tile, log_scale, bias)
        if term.prior is not None:
            prior = term.prior.to(z.dtype)
            rows, columns = prior[pairs.row_classes], prior[pairs.column_classes]
            z = z + 0.5 * (rows[:, None] + columns[None, :])
        target = term.target.block(pairs).to(z.dtype)
        weights = []
        imbalance = pair_weights(term, pairs)
        if imbalance is not None:
            weights.append(imbalance.to(z.dtype) / self._imbalance_mean.to(z.dtype))
        if term.focal is not None:
            weights.append(pair_focal(term.focal, z, target))
        if term.balance is not None:
            like, unlike = self._like.to(z.dtype), self._unlike.to(z.dtype)
            weights.append(target * like + (1 - target) * unlike)
        if term.hard > 0:
            factor = (term.hard * s.detach() - self._hard.to(z.dtype)).exp()
            weights.append(target + (1 - target) * factor)
        weight = combined(weights, term.combine) if weights else None
        return weight, pair_loss(term.kind, z, target, term.delta), target

    def _observe_hard(self, tile: Tile, log_scale: Tensor, bias: Tensor) -> None:
        s, _ = logits(self._term, tile, log_scale, bias)
        unlike = 1 - self._term.target.block(tile.pairs()).to(s.dtype)
        here = (self._term.hard * s + unlike.log()).flatten().logsumexp(0).double()
        self._hard = torch.logaddexp(self._hard, here)
        self._unlike_mass = self._unlike_mass + unlike.sum(dtype=torch.float64)


def _balance(term: Term, batch: Batch) -> tuple[Tensor, Tensor]:
    """Weights of a wholly like and a wholly unlike pair."""
    one = torch.ones((), dtype=torch.float64, device=batch.images.device)
    if term.balance is None:
        return one, one
    if term.balance != "mass":
        return one * 2 * term.balance, one * 2 * (1 - term.balance)
    like = term.target.mass(batch.whole())
    unlike = batch.size**2 - like
    scale = batch.size**2 / (2 * like * unlike)
    single = unlike <= 0
    return torch.where(single, one, scale * unlike), torch.where(single, one, scale * like)


def _imbalance_mean(term: Term, batch: Batch) -> Tensor:
    if term.mean_one and isinstance(term.imbalance, PairWeights):
        return term.imbalance.batch_mean(batch.classes)
    return torch.ones((), dtype=torch.float64, device=batch.images.device)

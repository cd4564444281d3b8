"""Symmetric InfoNCE with hard or soft targets, one query per image and one per text.

For each query, targets times pair weights are normalised to a distribution P along its own axis;
CE = logsumexp(z) - sum P z; the term is the mean of both directions of the weighted query mean
sum f Q CE / sum f Q, with Q the query's weight and f its focal weight (its gradient flows).
Soft targets are thus normalised in each direction, and the loss does not shrink with the batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainer import dist
from trainer.elements import query_focal
from trainer.terms import Term
from trainer.tiles import Batch, Tally, Tile, logits, pair_weights
from trainer.weights import ClassWeights


class _Direction:
    """Streamed sums of n queries, and from them each query's gradient coefficient."""

    def __init__(self, term: Term, classes: Tensor, dtype: torch.dtype) -> None:
        self._term = term
        self._classes = classes
        zeros = torch.zeros(len(classes), dtype=dtype, device=classes.device)
        self.log_like = torch.full_like(zeros, -torch.inf)
        self.log_unlike, self.log_hard = self.log_like.clone(), self.log_like.clone()
        self.sums = zeros.repeat(5, 1)
        """Per query: targets; weighted targets; those times z; their x log x; 1 - targets."""

    def observe(self, at: slice, seen: "_Seen") -> None:
        """Take in the pairs [n, m] of queries `at` and m candidates."""
        z, target, weighted = seen.z, seen.target, seen.weighted
        liked = target.sum(1)
        mass = liked if weighted is target else weighted.sum(1)
        # Of targets 0 and 1 the x log x is 0.
        entropy = torch.zeros_like(mass) if seen.plain else torch.xlogy(weighted, weighted).sum(1)
        product = (weighted * z).sum(1)
        self.sums[:, at] += torch.stack([liked, mass, product, entropy, z.shape[1] - liked])
        if seen.hard is None:
            _accumulate(self.log_like, at, z)
            return
        hard, unlike = seen.hard, (1 - target).log()
        _accumulate(self.log_like, at, z + target.log())
        _accumulate(self.log_unlike, at, z + hard + unlike)
        _accumulate(self.log_hard, at, hard + unlike)

    def merge_ranks(self) -> None:
        """Add up the sums of all ranks, for queries whose candidates are spread over them."""
        dist.sum_over_ranks(self.sums)
        self.log_like = dist.logsumexp_over_ranks(self.log_like)
        if self._term.hard > 0:
            self.log_unlike = dist.logsumexp_over_ranks(self.log_unlike)
            self.log_hard = dist.logsumexp_over_ranks(self.log_hard)

    def finish(self, spread: bool) -> tuple[Tensor, Tensor]:
        """Weighted mean loss and floor, float64; `spread` where other ranks hold other queries."""
        target, weighted, product, entropy, unlike = self.sums
        self.shift = torch.where(unlike > 0, self.log_hard - unlike.log(), 0.0)
        self.log_all = self.log_like
        if self._term.hard > 0:
            self.log_all = torch.logaddexp(self.log_like, self.log_unlike - self.shift)
        self.mass = weighted
        loss = (self.log_all - product / weighted).requires_grad_()
        floor = weighted.log() - entropy / weighted
        weight = weighted / target
        if isinstance(self._term.imbalance, ClassWeights):
            weight = weight * self._term.imbalance.of(self._classes).to(weight.dtype)
        with torch.enable_grad():
            if self._term.focal is not None:
                weight = weight * query_focal(self._term.focal, loss, floor)
            slope = torch.autograd.grad((weight * loss).sum(), loss)[0]
        weight, loss = weight.detach(), loss.detach()
        totals = [(weight * loss).sum(), (weight * floor).sum(), weight.sum()]
        sums = torch.stack(totals).double()
        value, least, norm = (dist.sum_over_ranks(sums) if spread else sums).unbind()
        self.slope = slope / norm.to(slope.dtype)
        means: Tensor = torch.stack([value, least]) / norm
        return means[0], means[1]

    def gradient(self, at: slice, seen: "_Seen") -> Tensor:
        """d(direction) / dz of the logits [n, m] of queries `at`."""
        p = (seen.z.detach() - self.log_all[at, None]).exp_()
        if seen.hard is not None:
            factor = (seen.hard - self.shift[at, None]).exp_()
            p *= seen.target + (1 - seen.target) * factor
        p -= seen.weighted / self.mass[at, None]
        p *= self.slope[at, None]
        return p


@dataclass(frozen=True)
class _Seen:
    """A tile of pairs from the side of the queries [n, m]."""

    z: Tensor
    """Logits, with the prior of the candidates where there is one."""
    target: Tensor
    weighted: Tensor
    """Targets times pair weights; the targets themselves where pairs are not weighed."""
    plain: bool
    """Whether `weighted` holds zeros and ones only."""
    hard: Tensor | None

    def turned(self, z: Tensor) -> "_Seen":
        """The same from the other side."""
        target = self.target.T
        weighted = target if self.weighted is self.target else self.weighted.T
        return _Seen(z.T, target, weighted, self.plain, None if self.hard is None else self.hard.T)


class SoftmaxState:
    """See `TermState`. One statistics sweep gives the value and all row and column sums."""

    def __init__(self, term: Term, batch: Batch) -> None:
        self._term = term
        dtype = batch.images.dtype
        self._images = _Direction(term, batch.own_classes, dtype)
        self._texts = _Direction(term, batch.classes, dtype)
        self._tally: Tally | None = None
        self._share = torch.zeros((), device=batch.images.device)

    @property
    def ready(self) -> bool:
        """See `TermState.ready`."""
        return self._tally is not None

    def observe(self, tile: Tile, log_scale: Tensor, bias: Tensor) -> None:
        """See `TermState.observe`."""
        _, rows, columns = self._oriented(tile, log_scale, bias)
        self._images.observe(tile.rows, rows)
        self._texts.observe(tile.columns, columns)

    def advance(self) -> None:
        """See `TermState.advance`."""
        self._texts.merge_ranks()
        image_value, image_floor = self._images.finish(spread=True)
        text_value, text_floor = self._texts.finish(spread=False)
        value, floor = (image_value + text_value) / 2, (image_floor + text_floor) / 2
        post = 1 / value.clamp(min=1e-12) if self._term.unit else torch.ones_like(value)
        self._share = post * self._term.weight / 2
        self._tally = Tally(value, floor)

    def surrogate(self, tile: Tile, log_scale: Tensor, bias: Tensor) -> Tensor:
        """See `TermState.surrogate`."""
        z, rows, columns = self._oriented(tile, log_scale, bias)
        with torch.no_grad():
            slope = self._images.gradient(tile.rows, rows)
            slope += self._texts.gradient(tile.columns, columns).T
            slope *= self._share.to(slope.dtype)
        return (z * slope).sum()

    def tally(self) -> Tally:
        """See `TermState.tally`."""
        assert self._tally is not None
        return self._tally

    def _oriented(self, tile: Tile, log_scale: Tensor, bias: Tensor) -> tuple[Tensor, _Seen, _Seen]:
        """The logits, and the pairs as images and as texts see them."""
        term, pairs = self._term, tile.pairs()
        s, z = logits(term, tile, log_scale, bias)
        target = term.target.block(pairs).to(z.dtype)
        weights = pair_weights(term, pairs)
        weighted = target if weights is None else target * weights.to(z.dtype)
        plain = weights is None and term.target.binary
        hard = term.hard * s.detach() if term.hard > 0 else None
        to_text, to_image = z, z
        if term.prior is not None:
            prior = term.prior.to(z.dtype)
            to_text = z + prior[pairs.column_classes][None, :]
            to_image = z + prior[pairs.row_classes][:, None]
        rows = _Seen(to_text, target, weighted, plain, hard)
        return z, rows, rows.turned(to_image)


def _accumulate(running: Tensor, at: slice, more: Tensor) -> None:
    running[at] = torch.logaddexp(running[at], more.logsumexp(1))

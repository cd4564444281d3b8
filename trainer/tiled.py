"""A loss over all B x B image-text pairs whose gradient is formed tile by tile, in its forward.

No B x B tensor exists at any time: memory is O(B D + tile^2). The result is an ordinary scalar, so
DDP, FSDP and gradient accumulation need nothing special. Each rank sweeps its own rows against the
gathered columns; gradients of gathered columns return by reduce-scatter.

Gradients are those of the global loss times the number of ranks, because data-parallel wrappers
average over ranks: after the average they are exactly those of the global loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from trainer import dist
from trainer.pairwise import PairwiseState
from trainer.softmax import SoftmaxState
from trainer.terms import Term
from trainer.tiles import Batch, Tally, TermState, Tile
from trainer.words import Words


@dataclass
class Sweep:
    """The constants of one evaluation, and its tallies once it has been made."""

    terms: Sequence[Term]
    classes: Tensor
    tile: int
    words: Words | None = None
    tallies: list[Tally] = field(default_factory=list)


@dataclass
class _Gradients:
    images: Tensor
    texts: Tensor
    log_scales: Tensor
    biases: Tensor


class _TiledLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, images: Tensor, texts: Tensor, log_scales: Tensor, biases: Tensor, sweep: Sweep
    ) -> Tensor:
        columns = dist.gather_rows(texts)
        words = None if sweep.words is None else sweep.words.gathered()
        batch = Batch(images, columns, dist.gather_rows(sweep.classes), sweep.tile, words)
        states = [_state(term, batch) for term in sweep.terms]
        _observe(states, sweep.terms, batch, log_scales, biases)
        found = _differentiate(states, sweep.terms, batch, log_scales, biases)
        sweep.tallies = [state.tally() for state in states]
        ctx.save_for_backward(
            found.images, dist.scatter_sum(found.texts), found.log_scales, found.biases
        )
        return _total(sweep).to(images.dtype)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        factor = outer[0] * dist.world_size()
        return (*(gradient * factor for gradient in ctx.saved_tensors), None)


def tiled_loss(
    images: Tensor, texts: Tensor, log_scales: Tensor, biases: Tensor, sweep: Sweep
) -> Tensor:
    """The sum of weighted terms over the global batch, a scalar equal on every rank.

    `images` and `texts` are this rank's unit rows [b, D] (b equal on all ranks), float32 or
    float64; anything narrower is widened. `log_scales` and `biases` are [n], picked by
    `Term.logits`. Autocast is off inside: bfloat16 similarities would merge distinct pairs.
    """
    wide = images.dtype if images.dtype == torch.float64 else torch.float32
    with torch.autocast(images.device.type, enabled=False):
        inputs = (part.to(wide) for part in (images, texts, log_scales, biases))
        loss: Tensor = _TiledLoss.apply(*inputs, sweep)
    return loss


def _total(sweep: Sweep) -> Tensor:
    values = [
        term.weight * (torch.ones_like(tally.value) if term.unit else tally.value)
        for term, tally in zip(sweep.terms, sweep.tallies, strict=True)
    ]
    return torch.stack(values).sum()


def _state(term: Term, batch: Batch) -> TermState:
    return (SoftmaxState if term.kind == "softmax" else PairwiseState)(term, batch)


def _observe(
    states: Sequence[TermState],
    terms: Sequence[Term],
    batch: Batch,
    log_scales: Tensor,
    biases: Tensor,
) -> None:
    """Statistics sweeps, shared by all terms that still need one."""
    pairs = list(zip(states, terms, strict=True))
    while waiting := [(state, term) for state, term in pairs if not state.ready]:
        for tile in batch.tiles():
            for state, term in waiting:
                state.observe(tile, log_scales[term.logits], biases[term.logits])
        for state, _ in waiting:
            state.advance()


def _differentiate(
    states: Sequence[TermState],
    terms: Sequence[Term],
    batch: Batch,
    log_scales: Tensor,
    biases: Tensor,
) -> _Gradients:
    """The gradient sweep: autograd inside a tile, two matrix products to leave it."""
    scales, offsets = log_scales.detach().requires_grad_(), biases.detach().requires_grad_()
    total = _Gradients(*(torch.zeros_like(t) for t in (batch.images, batch.texts, scales, offsets)))
    for plain in batch.tiles():
        dots = plain.dots.requires_grad_()
        tile = Tile(plain.rows, plain.columns, dots, batch)
        with torch.enable_grad():
            parts = [
                state.surrogate(tile, scales[term.logits], offsets[term.logits])
                for state, term in zip(states, terms, strict=True)
            ]
            found = torch.autograd.grad(sum(parts[1:], parts[0]), (dots, scales, offsets))
        total.images[tile.rows] += found[0] @ batch.texts[tile.columns]
        total.texts[tile.columns] += found[0].T @ batch.images[tile.rows]
        total.log_scales += found[1]
        total.biases += found[2]
    return total

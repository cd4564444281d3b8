"""Rank arithmetic and the few collectives the loss needs; all are no-ops in a single process.

Only contiguous tensors of equal shape on every rank may be passed.
"""

import torch
import torch.distributed as c10d
from torch import Tensor


def rank() -> int:
    """This process's position among the ranks, 0 when not distributed."""
    return c10d.get_rank() if _active() else 0


def world_size() -> int:
    """How many ranks take part, 1 when not distributed."""
    return c10d.get_world_size() if _active() else 1


def gather_rows(local: Tensor) -> Tensor:
    """Concatenate [b, ...] of every rank in rank order to [world * b, ...]; carries no gradient."""
    if world_size() == 1:
        return local
    parts = [torch.empty_like(local) for _ in range(world_size())]
    c10d.all_gather(parts, local.contiguous())
    return torch.cat(parts)


def scatter_sum(full: Tensor) -> Tensor:
    """Sum [world * b, ...] over ranks and hand each rank its own [b, ...] (reduce-scatter)."""
    if world_size() == 1:
        return full
    parts = [part.contiguous() for part in full.chunk(world_size())]
    own = torch.empty_like(parts[rank()])
    c10d.reduce_scatter(own, parts)
    return own


def sum_over_ranks(value: Tensor) -> Tensor:
    """Sum in place over ranks and return it."""
    if world_size() > 1:
        c10d.all_reduce(value)
    return value


def logsumexp_over_ranks(value: Tensor) -> Tensor:
    """log of the sum over ranks of exp(value), elementwise; -inf stays -inf."""
    if world_size() == 1:
        return value
    top = value.clone()
    c10d.all_reduce(top, op=c10d.ReduceOp.MAX)
    safe = top.clamp(min=torch.finfo(top.dtype).min)
    return sum_over_ranks((value - safe).exp()).log() + safe


def _active() -> bool:
    return c10d.is_available() and c10d.is_initialized()

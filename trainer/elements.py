"""Pointwise formulas of the pairwise losses; every tensor is one tile in float32 or float64."""

import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.terms import Combine, Focal, Kind, Similarity

_TINY = 1e-12


def similarity(dots: Tensor, form: Similarity) -> Tensor:
    """Similarity in [-1, 1] of unit vectors from their dot products.

    geo1 and geo2 are 1 - 2 theta / pi of the angle theta, by atan2 and by arccos.
    """
    if form == "cos":
        return dots
    if form == "geo1":
        theta = torch.atan2((1 - dots * dots).clamp(min=_TINY).sqrt(), dots)
    else:
        theta = dots.clamp(-1 + 1e-6, 1 - 1e-6).arccos()
    return 1 - theta * (2 / torch.pi)


def pair_loss(kind: Kind, z: Tensor, target: Tensor, delta: float) -> Tensor:
    """Loss of each pair: cross-entropy of sigmoid(z), or squared or Huber error of sigmoid(z)."""
    if kind == "sigmoid":
        return F.softplus(z) - target * z
    error = torch.sigmoid(z) - target
    if kind == "mse":
        return error.square()
    return F.huber_loss(torch.sigmoid(z), target, reduction="none", delta=delta)


def pair_floor(target: Tensor) -> Tensor:
    """The least cross-entropy any z can reach: the entropy of a soft target."""
    return -(torch.xlogy(target, target) + torch.xlogy(1 - target, 1 - target))


def pair_focal(focal: Focal, z: Tensor, target: Tensor) -> Tensor:
    """Focal weight of each pair; gradients flow through it."""
    p = torch.sigmoid(z)
    base = (target - p).abs() if focal.form == "quality" else p + target - 2 * p * target
    # The floor keeps the derivative of base^gamma finite for gamma < 1.
    return base.clamp(min=_TINY) ** focal.gamma


def query_focal(focal: Focal, loss: Tensor, floor: Tensor) -> Tensor:
    """Focal weight of each softmax query from its cross-entropy (and its target's entropy)."""
    excess = loss - floor if focal.form == "quality" else loss
    return (-torch.expm1(-excess)).clamp(min=_TINY) ** focal.gamma


def combined(weights: list[Tensor], how: Combine) -> Tensor:
    """One weight from several of broadcastable shape."""
    if how == "product":
        out = weights[0]
        for other in weights[1:]:
            out = out * other
        return out
    if len(weights) == 1:
        return weights[0]
    # Sums, not a stack: a stack would hold as many tiles again.
    if how == "mean":
        return sum(weights[1:], weights[0]) / len(weights)
    if how == "geometric":
        tiny = torch.finfo(weights[0].dtype).tiny
        logs = [weight.clamp(min=tiny).log() for weight in weights]
        return (sum(logs[1:], logs[0]) / len(weights)).exp()
    inverse = [1 / weight.clamp(min=1e-8) for weight in weights]
    return len(weights) / sum(inverse[1:], inverse[0])

"""Rows of features at unit length, in float32 whatever they were computed in."""

import torch
from torch import Tensor


def unit_rows(features: Tensor) -> Tensor:
    """Rows scaled to length 1 in float32 (or float64); a row of length 0 stays 0, gradient 0."""
    wide = features if features.dtype == torch.float64 else features.float()
    square = wide.square().sum(-1, keepdim=True)
    # Written so that NaN counts as alive: it must reach the loss, not vanish here.
    alive = ~(square <= torch.finfo(wide.dtype).tiny)
    return torch.where(alive, wide * torch.where(alive, square, 1.0).rsqrt(), 0.0)

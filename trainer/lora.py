"""Low-rank adapters on the weight matrices of chosen layers (Hu et al. 2021, LoRA).

A parametrisation of the weight itself, not a wrapper of the module: it reaches the fused
projections of nn.MultiheadAttention too, and disappears without a trace when merged.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from core.errors import InvalidSetting
from trainer.layers import layers

_MATRICES = ("weight", "in_proj_weight")


class LowRank(nn.Module):
    """weight -> weight + (alpha / rank) up @ down; up starts at 0, so nothing changes at first."""

    def __init__(self, weight: Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.down = nn.Parameter(weight.new_empty(rank, columns))
        self.up = nn.Parameter(weight.new_zeros(rows, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self._scale = alpha / rank

    def forward(self, weight: Tensor) -> Tensor:
        """The adapted weight."""
        return weight + self._scale * (self.up @ self.down)


def add_lora(model: nn.Module, towers: Sequence[str], rank: int, alpha: float | None = None) -> int:
    """Freeze these towers ("image", "text") and adapt every matrix of their blocks.

    Returns how many matrices were adapted. `alpha` defaults to the rank. Call before any wrapper.
    """
    if rank < 1 or not towers or set(towers) - {"image", "text"}:
        raise InvalidSetting("LoRA needs a rank of 1 or more and towers among image and text")
    parameters = dict(model.named_parameters())
    chosen = [layer for layer in layers(model) if layer.tower in towers]
    deepest = {t: max((x.depth for x in chosen if x.tower == t), default=0) for t in towers}
    adapted = 0
    for layer in chosen:
        for name in layer.names:
            parameters[name].requires_grad_(False)
        if 0 < layer.depth < deepest[layer.tower]:
            adapted += sum(_adapt(model, name, rank, alpha or rank) for name in layer.names)
    if adapted == 0:
        raise InvalidSetting("the model has no matrix in its blocks for LoRA to adapt")
    return adapted


@torch.no_grad()
def merge_lora(model: nn.Module) -> int:
    """Fold every adapter into its weight and remove it; returns how many there were."""
    found = [
        (module, name)
        for module in model.modules()
        if parametrize.is_parametrized(module)
        for name, chain in module.parametrizations.items()  # type: ignore[operator, union-attr]
        if any(isinstance(part, LowRank) for part in chain)
    ]
    for module, name in found:
        parametrize.remove_parametrizations(module, name, leave_parametrized=True)
    return len(found)


def _adapt(model: nn.Module, name: str, rank: int, alpha: float) -> bool:
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    weight = getattr(module, leaf)
    if leaf not in _MATRICES or weight.ndim != 2 or isinstance(module, nn.Embedding):
        return False
    parametrize.register_parametrization(module, leaf, LowRank(weight, rank, alpha))
    return True

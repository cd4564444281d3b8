"""A moving average of the weights, evaluated and published in their place."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Averages every parameter that is trained; decay rises to `decay` as (1 + t) / (10 + t)."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._live = {n: p for n, p in module.named_parameters() if p.requires_grad}
        self.shadow: dict[str, Tensor] = {n: p.detach().clone() for n, p in self._live.items()}
        self._decay = decay

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After the optimiser's step number `step`, counted from 0."""
        decay = min(self._decay, (1 + step) / (10 + step))
        live = [p.detach() for p in self._live.values()]
        torch._foreach_lerp_(list(self.shadow.values()), live, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The average stands in the module; the trained weights return at the end."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self._live.items():
            kept = parameter.detach().clone()
            parameter.copy_(self.shadow[name])
            self.shadow[name].copy_(kept)

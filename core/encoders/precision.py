"""Matrices in bfloat16 on processors that compute in it: half the bytes, twice the speed.

Only where nothing is lost by it: the answers are compared with those in single precision first.
Autocast over single-precision matrices converts them in every call and takes twice the time
instead, see docs/decisions/0003-encoders.md.
"""

from collections.abc import Callable, Iterator

import torch

LEAST = 10_000_000
"""Numbers in matrices below which a tower is quick anyway."""
SHARE = 0.9
"""Of a tower's numbers that are in matrices: convolutions gain nothing."""
_MATRICES = (torch.nn.Linear, torch.nn.MultiheadAttention)


def worthwhile(tower: torch.nn.Module) -> bool:
    """Whether this processor computes in bfloat16 and `tower` consists of large matrices."""
    able = torch.cpu.get_capabilities()
    held = sum(each.numel() for each in _matrices(tower))
    total = sum(each.numel() for each in tower.parameters())
    quick = bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return quick and held >= LEAST and held >= SHARE * total


def halve(tower: torch.nn.Module, same: Callable[[], bool]) -> bool:
    """Keep the matrices of `tower` in bfloat16, for use under autocast.

    Takes it back and returns False where `same` then says that the answers are others.
    """
    before = [(each, each.data) for each in _matrices(tower)]
    for each, values in before:
        each.data = values.to(torch.bfloat16)
    if same():
        return True
    for each, values in before:
        each.data = values
    return False


def least_cosine(left: torch.Tensor, right: torch.Tensor) -> float:
    """The least cosine between rows of two [n, dim]; nan where a number is not finite."""
    return float(torch.nn.functional.cosine_similarity(left.double(), right.double()).min())


def _matrices(tower: torch.nn.Module) -> Iterator[torch.nn.Parameter]:
    found = {
        id(each): each
        for module in tower.modules()
        if isinstance(module, _MATRICES)
        for each in module.parameters()
    }
    return iter(found.values())

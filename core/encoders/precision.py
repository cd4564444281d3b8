"""Matrices in bfloat16 on processors that compute in it: half the bytes, twice the speed.

Only where nothing is lost by it: the answers are compared with those in single precision first.
Autocast over single-precision matrices converts them in every call and takes twice the time
instead, see docs/decisions/0014-precision.md.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

import torch
from torch.nn.functional import scaled_dot_product_attention

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
    quick = torch._C._has_mkldnn and bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return quick and held >= LEAST and held >= SHARE * total


class Packed(torch.nn.Module):
    """A linear layer in bfloat16, its matrix laid out once as the processor multiplies by it.

    PyTorch's own lays it out anew in every call, which takes as long as the product of few rows.
    """

    def __init__(self, original: torch.nn.Module) -> None:
        super().__init__()
        matrix = original.weight.detach().to(torch.bfloat16)  # type: ignore[operator]
        laid_out = torch.ops.mkldnn._reorder_linear_weight(matrix)
        self.weight = torch.nn.Parameter(laid_out, requires_grad=False)
        bias: torch.Tensor | None = original.bias  # type: ignore[assignment]
        self.bias = None if bias is None else bias.detach().to(torch.bfloat16)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """States [..., inputs] to bfloat16 [..., outputs]."""
        states = states.to(torch.bfloat16)
        multiplied = torch.ops.mkldnn._linear_pointwise  # as torch.compile has it
        made: torch.Tensor = multiplied(states, self.weight, self.bias, "none", [], "")
        return made


class Attention(torch.nn.Module):
    """Self-attention with the weights of a `MultiheadAttention` whose batch comes first.

    That one turns its batch first, after which every product copies the weights for each row.
    """

    def __init__(self, original: torch.nn.Module) -> None:
        super().__init__()
        joint = torch.nn.Linear(1, 1, device="meta")
        joint.weight, joint.bias = original.in_proj_weight, original.in_proj_bias  # type: ignore[assignment]
        self.joint = Packed(joint)
        self.out_proj = Packed(original.out_proj)  # type: ignore[arg-type]
        self.heads = original.num_heads

    def forward(
        self,
        states: torch.Tensor,
        *_same: torch.Tensor,
        need_weights: bool = False,  # noqa: ARG002  it is never asked for them
        attn_mask: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, None]:
        """States [n, length, width] to the same, and nothing for the weights."""
        count, length, width = states.shape
        joint = self.joint(states)
        query, key, value = joint.view(count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mask = None if attn_mask is None else attn_mask.to(query.dtype)
        seen = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out_proj(seen.transpose(1, 2).reshape(count, length, width)), None


def halve(tower: torch.nn.Module, same: Callable[[], bool]) -> bool:
    """Keep the matrices of `tower` in bfloat16, for use under autocast.

    Takes it back and returns False where `same` then says that the answers are others, or where
    a layer is used for more than to be called.
    """
    replaced = list(_layers(tower))
    with suppress(RuntimeError, AttributeError):
        for parent, name, original in replaced:
            attends = isinstance(original, torch.nn.MultiheadAttention)
            setattr(parent, name, Attention(original) if attends else Packed(original))
        if same():
            return True
    for parent, name, original in replaced:
        setattr(parent, name, original)
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


def _layers(tower: torch.nn.Module) -> Iterator[tuple[torch.nn.Module, str, torch.nn.Module]]:
    """Parent, name and module of every layer that `Packed` or `Attention` can stand in for."""
    for parent in list(tower.modules()):
        for name, child in parent.named_children():
            if type(child) is torch.nn.Linear or (
                isinstance(child, torch.nn.MultiheadAttention)
                and child.batch_first and child.in_proj_weight is not None and child.bias_k is None
            ):  # fmt: skip
                yield parent, name, child

"""UNICOM's image towers (An et al. 2023): vision transformers without a text tower.

Names of weights are those of the published files, so that these can be read; a file is known by its
checksum. Patches have no class token: all of them together are projected, with batch norms.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from core.errors import ModelError

_EPS = 2e-5
_DROP = 0.1
"""Share of the deepest residual branches that is left out in training, as published."""


@dataclass(frozen=True)
class Shape:
    """One published size; `sha256` of its file of half-precision weights."""

    width: int
    depth: int
    heads: int
    patch: int
    image_size: int
    embedding: int
    file: str
    sha256: str


SHAPES = {
    "unicom_vitb32": Shape(768, 12, 12, 32, 224, 512, "FP16-ViT-B-32.pt",
        "f9d5696a9b58dbbbefee2d31615ca59084f2895a0fdd2ca4c235e0f9b2793f7a"),
    "unicom_vitb16": Shape(768, 12, 12, 16, 224, 768, "FP16-ViT-B-16.pt",
        "c04f324f7c3b4435667236ec6c0eca1cd62f9d64fbfc2d06f8e8e60e6497edef"),
    "unicom_vitl14": Shape(1024, 24, 16, 14, 224, 768, "FP16-ViT-L-14.pt",
        "ff3ab62ff782876460099e6e0ee17b73a7c01109de2fffd595f16f4129404bbd"),
    "unicom_vitl14_336": Shape(1024, 24, 16, 14, 336, 768, "FP16-ViT-L-14-336px.pt",
        "3916ab5aed3b522fc90345be8b4457fe5dad60801ad2af5a6871c0c096e8d7ea"),
}  # fmt: skip
PREPROCESS: dict[str, Any] = {
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


class ImageOnly(nn.Module):
    """A network with an image tower and no other; its vectors of texts are zeros."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.visual = _Tower(shape)
        self._width = shape.embedding

    def encode_image(self, pixels: Tensor) -> Tensor:
        """[b, embedding] of normalised float [b, 3, side, side]."""
        found: Tensor = self.visual(pixels)
        return found

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Zeros [b, embedding]: rows without a direction, which no loss can learn from."""
        return torch.zeros(len(tokens), self._width, device=tokens.device)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Compute activations of blocks again in the backward pass."""
        self.visual.again = enable


def read_weights(network: ImageOnly, path: Path, wanted: Shape) -> None:
    """Put a published file, or one with the same names, into `network`; raises ModelError.

    A file by the published name must have the published checksum.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if path.name == wanted.file and digest != wanted.sha256:
            raise ModelError(f"{path} is not the published file: its sha256 is {digest}")
        found = torch.load(path, map_location="cpu", weights_only=True)
        weights = {name.split("module.")[-1]: value.float() for name, value in found.items()}
        network.visual.load_state_dict(weights)
    except (OSError, RuntimeError, AttributeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path} does not hold a UNICOM tower of this size: {reason}") from error


class _Tower(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        patches = (shape.image_size // shape.patch) ** 2
        self.patch_embed = nn.ModuleDict(
            {"proj": nn.Conv2d(3, shape.width, shape.patch, shape.patch)}
        )
        self.pos_embed = nn.Parameter(torch.zeros(1, patches, shape.width))
        rates = torch.linspace(0, _DROP, shape.depth, device="cpu").tolist()
        self.blocks = nn.ModuleList(_Block(shape.width, shape.heads, rate) for rate in rates)
        self.norm = nn.LayerNorm(shape.width)
        self.feature = nn.Sequential(
            nn.Linear(shape.width * patches, shape.width, bias=False),
            nn.BatchNorm1d(shape.width, eps=_EPS),
            nn.Linear(shape.width, shape.embedding, bias=False),
            nn.BatchNorm1d(shape.embedding, eps=_EPS),
        )
        self.preprocess_cfg = {"size": shape.image_size, **PREPROCESS}
        self.again = False
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def forward(self, pixels: Tensor) -> Tensor:
        rows = self.patch_embed["proj"](pixels).flatten(2).transpose(1, 2) + self.pos_embed
        for block in self.blocks:
            if self.again and torch.is_grad_enabled():
                rows = checkpoint(block, rows, use_reentrant=False)
            else:
                rows = block(rows)
        found: Tensor = self.feature(self.norm(rows.float()).flatten(1))
        return found


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, drop: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = _Attention(width, heads)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)}
        )
        self.drop_path = DropPath(drop)

    def forward(self, rows: Tensor) -> Tensor:
        rows = rows + self.drop_path(self.attn(self.norm1(rows)))
        hidden = F.relu6(self.mlp["fc1"](self.norm2(rows)))
        found: Tensor = rows + self.drop_path(self.mlp["fc2"](hidden))
        return found


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)
        self._heads = heads

    def forward(self, rows: Tensor) -> Tensor:
        size, length, width = rows.shape
        parts = self.qkv(rows).view(size, length, 3, self._heads, width // self._heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind()
        mixed = F.scaled_dot_product_attention(query, key, value)
        found: Tensor = self.proj(mixed.transpose(1, 2).reshape(size, length, width))
        return found

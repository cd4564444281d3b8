"""The network, its loss, and its open_clip directory form."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from open_clip import CLIP
from safetensors.torch import save_file
from torch import Tensor

from trainer.tiny.config import TinyConfig

MEAN, STD = (0.62, 0.58, 0.53), (0.27, 0.27, 0.28)
PREPROCESS = {
    "mean": MEAN,
    "std": STD,
    "interpolation": "bicubic",
    "resize_mode": "squash",
}


def build(config: TinyConfig, device: torch.device) -> CLIP:
    """The untrained network, the same for the same seed."""
    torch.manual_seed(config.seed)
    cfg = config.model_cfg
    model = CLIP(cfg["embed_dim"], cfg["vision_cfg"], cfg["text_cfg"])
    return model.to(device).to(memory_format=torch.channels_last)


def contrast(image: Tensor, text: Tensor, scale: Tensor, true: Tensor) -> Tensor:
    """Symmetric InfoNCE where a row may have several true partners.

    image, text: (B, D) normalised; true: (B, B) bool, picture by caption, diagonal true. Each
    row's target is uniform over its true partners (supervised contrastive, Khosla et al. 2020,
    "outside" form); returns a scalar.
    """
    logits = scale * image @ text.T
    target = true.to(logits.dtype)
    by_image = (target * logits.log_softmax(1)).sum(1) / target.sum(1)
    by_text = (target * logits.log_softmax(0)).sum(0) / target.sum(0)
    return -(by_image.mean() + by_text.mean()) / 2


def normalised(pictures: Tensor) -> Tensor:
    """uint8 (B, S, S, 3) to float (B, 3, S, S) as the published preprocessing gives it."""
    mean, std = (torch.tensor(v, device=pictures.device) * 255 for v in (MEAN, STD))
    scaled = (pictures.float() - mean) / std
    return scaled.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def publish(model: CLIP, config: TinyConfig) -> Path:
    """Write the open_clip directory: configuration and fp16 weights. Returns the weights' path."""
    config.out.mkdir(parents=True, exist_ok=True)
    described: dict[str, Any] = {"model_cfg": config.model_cfg, "preprocess_cfg": PREPROCESS}
    text = json.dumps(described, indent=2) + "\n"
    (config.out / "open_clip_config.json").write_text(text, encoding="utf-8")
    weights = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for name, value in model.state_dict().items()
    }
    path = config.out / "open_clip_model.safetensors"
    part = path.with_suffix(".part")
    save_file(weights, part, metadata={"format": "pt"})
    part.chmod(0o644)  # safetensors writes private files
    os.replace(part, path)
    return path

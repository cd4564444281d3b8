"""A tiny open_clip model with random weights in directory form, for tests that need no meaning."""

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file

MODEL_CFG: dict[str, Any] = {
    "embed_dim": 48,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
PREPROCESS_CFG: dict[str, Any] = {
    "mean": [0.5, 0.4, 0.3],
    "std": [0.2, 0.3, 0.4],
    "interpolation": "bilinear",
    "resize_mode": "squash",
}


def save(directory: Path, *, seed: int = 0, preprocess: dict[str, Any] | None = None) -> Path:
    """Write open_clip_config.json and open_clip_model.safetensors; returns `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": MODEL_CFG, "preprocess_cfg": preprocess or PREPROCESS_CFG}
    (directory / "open_clip_config.json").write_text(json.dumps(config))
    save_file(weights(seed), directory / "open_clip_model.safetensors")
    return directory


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights that spread pictures widely enough to tell their vectors apart."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = open_clip.CLIP(**MODEL_CFG)
    return {name: value.contiguous() for name, value in model.state_dict().items()}

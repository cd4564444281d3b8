"""Changes to a released network before it is trained: what it sees, drops and projects with."""

import copy
import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import open_clip
import timm.layers.patch_dropout
import torch
from open_clip.transformer import PatchDropout
from timm.layers.drop import DropPath
from torch import nn

from core.encoders.weights import CONFIG_NAME
from core.errors import InvalidSetting, ModelError
from trainer.config import ModelSettings

Changed = tuple[nn.Module, dict[str, Any]]
"""A network and open_clip's description of it, from which it can be built again."""


def changed(
    network: nn.Module, model_cfg: dict[str, Any], own: ModelSettings, seed: int
) -> Changed:
    """Apply what `own` says of towers; raises InvalidSetting where a network cannot.

    New weights follow from `seed`; all others stay those of `network`.
    """
    config = copy.deepcopy(model_cfg)
    if own.projection:
        network = _projected(network, config, own.projection, seed)
    if own.non_causal:
        _see_forwards(network, config)
    if own.patch_dropout:
        _drop_patches(network, own.patch_dropout)
    if own.drop_path:
        _drop_branches(network, own.drop_path)
    return network, config


@contextmanager
def unsaid() -> Iterator[None]:
    """Without open_clip's warning that weights are random, where that is what was asked for."""
    was = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(was)


def _projected(network: nn.Module, config: dict[str, Any], kind: str, seed: int) -> nn.Module:
    vision = config["vision_cfg"]
    if "timm_model_name" not in vision:
        raise InvalidSetting("a projection can be added to networks with a timm image tower only")
    vision["timm_proj"] = kind
    described = {"model_cfg": config, "preprocess_cfg": network.visual.preprocess_cfg}  # type: ignore[union-attr]
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / CONFIG_NAME).write_text(json.dumps(described), encoding="utf-8")
        with unsaid():
            made: nn.Module = open_clip.create_model(
                f"local-dir:{folder}", load_weights=False, pretrained_text=False
            )
    found = made.load_state_dict(network.state_dict(), strict=False)
    strange = [name for name in found.missing_keys if not name.startswith("visual.head.")]
    if strange or found.unexpected_keys:
        raise ModelError(f"with a projection the network would lose {[*strange, *found[1]][0]}")
    return made.train()


def _see_forwards(network: nn.Module, config: dict[str, Any]) -> None:
    """Let every token of a text see all others, padding among them, as SigLIP's towers do."""
    towers = [getattr(network, "text", None), network]
    masked = [tower for tower in towers if getattr(tower, "attn_mask", None) is not None]
    if not masked:
        raise InvalidSetting("the text tower of this model is not causal already")
    for tower in masked:
        tower.attn_mask = None  # type: ignore[union-attr]
    config["text_cfg"]["no_causal_mask"] = True


def _drop_patches(network: nn.Module, share: float) -> None:
    """Leave out this share of patches in training, never in evaluation (Li et al. 2023, FLIP)."""
    visual: Any = network.visual
    trunk = getattr(visual, "trunk", visual)
    if hasattr(visual, "patch_dropout"):
        visual.patch_dropout = PatchDropout(share)
    elif hasattr(trunk, "patch_drop"):
        prefix = int(getattr(trunk, "num_prefix_tokens", 0))
        trunk.patch_drop = timm.layers.patch_dropout.PatchDropout(share, num_prefix_tokens=prefix)
    else:
        raise InvalidSetting("this image tower has no patches to leave out")


def _drop_branches(network: nn.Module, share: float) -> None:
    """Leave out residual branches in training, deeper ones more often (Huang et al. 2016)."""
    blocks = list(getattr(getattr(network.visual, "trunk", None), "blocks", []))
    named = [name for name in ("drop_path1", "drop_path2") if blocks and hasattr(blocks[0], name)]
    if not named:
        raise InvalidSetting("this image tower has no residual branches to leave out")
    for depth, block in enumerate(blocks):
        for name in named:
            setattr(block, name, DropPath(share * depth / max(len(blocks) - 1, 1)))

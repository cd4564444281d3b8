"""The network that is trained, and all that was released with it."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import open_clip
import torch
from torch import Tensor, nn

from core.encoders import weights
from core.encoders.preprocess import Preprocess
from core.errors import ModelError
from trainer.config import ModelSettings
from trainer.models import REGISTRY
from trainer.options import changed, unsaid
from trainer.unicom import SHAPES, ImageOnly, read_weights


@dataclass(frozen=True)
class Released:
    """A network with what belongs to it."""

    network: nn.Module
    tokenizer: Callable[[list[str]], Tensor]
    """Texts to int64 [n, context]."""
    preprocess: Preprocess
    log_scale: float
    bias: float | None
    model_cfg: dict[str, Any]
    """open_clip's description of the architecture, from which it can be built again."""
    text_length: int
    """Tokens that the text tower reads, 0 where there is none."""


def load(settings: ModelSettings, seed: int) -> Released:
    """The network of `settings` in float32 on the CPU, ready to train; raises ModelError.

    Every weight is proven to come from the checkpoint, unless random ones are asked for: then they
    follow from `seed`.
    """
    if settings.id in SHAPES:
        return _image_only(settings, seed)
    known = REGISTRY.get(settings.id)
    model = known.model if known else settings.id
    pretrained = settings.pretrained or (known.pretrained if known else "")
    if settings.random:
        return _random(known.config if known else model, settings, seed)
    with weights.resolve(model, pretrained) as source:
        network = weights.build(source)
        tokenizer = weights.tokenizer(source)
        config = _description(source.config)
        if source.tag and open_clip.get_pretrained_cfg(source.config, source.tag).get("quick_gelu"):
            config["quick_gelu"] = True
    return _released(network, tokenizer, config, settings, seed)


def _random(model: str, settings: ModelSettings, seed: int) -> Released:
    """A directory need hold no more than its configuration."""
    name = f"local-dir:{Path(model).resolve()}" if Path(model).is_dir() else model
    torch.manual_seed(seed)
    try:
        with unsaid():
            network = open_clip.create_model(name, load_weights=False, pretrained_text=False)
        tokenizer = open_clip.get_tokenizer(name)
    except Exception as error:
        raise ModelError(f"{model} could not be built: {' '.join(str(error).split())}") from error
    return _released(network, tokenizer, _description(name), settings, seed)


def _image_only(settings: ModelSettings, seed: int) -> Released:
    shape = SHAPES[settings.id]
    torch.manual_seed(seed)
    network = ImageOnly(shape)
    if not settings.random:
        if not settings.pretrained:
            raise ModelError(f"{settings.id} needs model.pretrained, the path of {shape.file}")
        read_weights(network, Path(settings.pretrained), shape)
    described = {"embed_dim": shape.embedding, "vision_cfg": {}, "text_cfg": {}}

    def unread(texts: list[str]) -> Tensor:
        return torch.zeros(len(texts), 0, dtype=torch.int64)

    return _released(network, unread, described, settings, seed)


def _released(
    network: nn.Module,
    tokenizer: Callable[[list[str]], Tensor],
    described: dict[str, Any],
    settings: ModelSettings,
    seed: int,
) -> Released:
    network, model_cfg = changed(network, described, settings, seed)
    network.train().requires_grad_(True)
    preprocess = Preprocess.from_dict(network.visual.preprocess_cfg)  # type: ignore[union-attr, arg-type]
    if settings.mean:
        mean, std = settings.mean, settings.std
        preprocess = replace(preprocess, mean=mean, std=std)
    scale, bias = getattr(network, "logit_scale", None), getattr(network, "logit_bias", None)
    return Released(
        network=network,
        tokenizer=tokenizer,
        preprocess=preprocess,
        log_scale=math.log(1 / 0.07) if scale is None else float(scale.detach()),
        bias=None if bias is None else float(bias.detach()),
        model_cfg=model_cfg,
        text_length=int(tokenizer(["a"]).shape[1]),
    )


def _description(config: str) -> dict[str, Any]:
    """open_clip's model_cfg of a name, a directory or a model on the hub."""
    if config.startswith("local-dir:"):
        path = Path(config.removeprefix("local-dir:")) / weights.CONFIG_NAME
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["model_cfg"]
        return found
    return dict(open_clip.get_model_config(config.removeprefix("hf-hub:")) or _hub(config))


def _hub(config: str) -> dict[str, Any]:
    from open_clip.factory import _get_hf_config

    found: dict[str, Any] = _get_hf_config(config.removeprefix("hf-hub:"))["model_cfg"]
    return found


class Towers(nn.Module):
    """Both towers behind one forward, so that wrappers see every parameter in use.

    The network's own logit scale and bias take no part: the objective has its own.
    """

    slope: Tensor
    offset: Tensor

    def __init__(self, released: Released) -> None:
        super().__init__()
        self.network = released.network
        for name in ("logit_scale", "logit_bias"):
            own = getattr(self.network, name, None)
            if isinstance(own, nn.Parameter):
                own.requires_grad_(False)
        mean, std = (
            torch.tensor(values).view(1, 3, 1, 1)
            for values in (released.preprocess.mean, released.preprocess.std)
        )
        self.register_buffer("slope", 1 / (255 * std), persistent=False)
        self.register_buffer("offset", -mean / std, persistent=False)

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [b, H, W, 3] and int64 [b, L] to features [b, D] each, not normalised."""
        return self.images(pixels), self.texts(tokens)

    def images(self, pixels: Tensor) -> Tensor:
        """Features [b, D] of uint8 [b, H, W, 3]; normalised pixels never leave the device."""
        # (pixels / 255 - mean) / std, in one pass over the memory.
        scaled = torch.addcmul(self.offset, pixels.permute(0, 3, 1, 2), self.slope)
        found: Tensor = self.network.encode_image(scaled)  # type: ignore[operator]
        return found

    def texts(self, tokens: Tensor) -> Tensor:
        """Features [b, D] of int64 [b, L]."""
        found: Tensor = self.network.encode_text(tokens)  # type: ignore[operator]
        return found

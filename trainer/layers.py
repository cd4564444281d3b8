"""One list of layers per tower, for freezing, layer-wise learning rates and LoRA alike.

Depth 0 is the stem, then come the blocks from input to output, then the top (final norm, pooling,
projection). Wrapper prefixes are ignored, so that it makes no difference whether a model has been
wrapped for data-parallel or compiled training.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from open_clip.utils import freeze_batch_norm_2d
from torch import Tensor, nn

from core.errors import InvalidSetting

Tower = Literal["image", "text", "logit"]

_WRAPPERS = re.compile(
    r"(^|\.)(module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)
_BLOCK = re.compile(
    r"^(?:visual\.|text\.)?(?:trunk\.)?(?:transformer\.)?"
    r"(?:(?:resblocks|blocks|layers)\.(?P<one>\d+)|layer(?P<stage>\d)\.(?P<inner>\d+))\."
)
_TOP = re.compile(
    r"^(?:visual\.|text\.)?(?:trunk\.)?"
    r"(?:ln_post|ln_final|feature|proj|text_projection|norm|fc_norm|attn_pool|attnpool|pool|head)(?:\.|$)"
)
_LOGIT = re.compile(r"(?:^|\.)(?:logit_scale|logit_bias|log_scale)$|^objective\.|(?:^|\.)logits\.")
_SELECTOR = re.compile(r"^(image|text)(?::(\d+))?$")


@dataclass(frozen=True)
class Layer:
    """Parameters of one depth of one tower, by their names in the model as given."""

    tower: Tower
    depth: int
    names: tuple[str, ...]


def layers(model: nn.Module) -> list[Layer]:
    """All parameters of an open_clip model, each in exactly one layer, image tower first."""
    keys = {name: _place(_WRAPPERS.sub(r"\1", name)) for name, _ in model.named_parameters()}
    order = {
        tower: {key: i for i, key in enumerate(sorted({k for t, k in keys.values() if t == tower}))}
        for tower in ("image", "text", "logit")
    }
    grouped: dict[tuple[Tower, int], list[str]] = {}
    for name, (tower, key) in keys.items():
        grouped.setdefault((tower, order[tower][key]), []).append(name)
    return [Layer(tower, depth, tuple(names)) for (tower, depth), names in sorted(grouped.items())]


def freeze(model: nn.Module, selectors: Sequence[str]) -> int:
    """Stop training what `selectors` name; returns how many parameters (tensors) that stopped.

    "image" or "text" is a whole tower, "image:5" its first 5 layers, stem included. Batch norms of
    frozen layers keep their statistics. Raises InvalidSetting if a selector means nothing here or
    nothing but logit scales would be left.
    """
    parameters = dict(model.named_parameters())
    frozen: set[str] = set()
    listed = layers(model)
    for selector in selectors:
        found = _SELECTOR.match(selector)
        mine = [layer for layer in listed if found and layer.tower == found[1]]
        depth = int(found[2]) if found and found[2] else len(mine)
        if not mine or not 0 < depth <= len(mine):
            raise InvalidSetting(
                f"cannot freeze {selector!r}: say image, text, or a number of layers such as "
                f"image:3, at most {len(mine)} here"
            )
        frozen.update(name for layer in mine if layer.depth < depth for name in layer.names)
    for name in frozen:
        parameters[name].requires_grad_(False)
    towers = [name for layer in listed if layer.tower != "logit" for name in layer.names]
    if not any(parameters[name].requires_grad for name in towers):
        raise InvalidSetting("everything is frozen: nothing is left to train")
    still = {name.rpartition(".")[0] for name in frozen}
    norms = {name: True for name, module in model.named_modules() if _is_norm(module, name, still)}
    if norms:
        freeze_batch_norm_2d(model, norms)
    return len(frozen)


@dataclass(frozen=True)
class Group:
    """Parameters that share a learning-rate factor and a weight decay."""

    name: str
    parameters: list[Tensor]
    lr_factor: float
    weight_decay: float


def parameter_groups(
    model: nn.Module, weight_decay: float, decay_per_layer: Mapping[str, float] | None = None
) -> list[Group]:
    """Groups for an optimiser, of trainable parameters only.

    Scalars, biases, norms and what the model lists in `no_weight_decay` are not decayed.
    `decay_per_layer` {"image": 0.8} multiplies the rate by 0.8 for each layer below the top.
    """
    factors = dict(decay_per_layer or {})
    if set(factors) - {"image", "text"} or any(not 0 < f <= 1 for f in factors.values()):
        raise InvalidSetting("layer-wise decay is a number in (0, 1] for image, text, or both")
    parameters = dict(model.named_parameters())
    exempt = _exempt(model)
    listed = layers(model)
    top = {
        tower: max((y.depth for y in listed if y.tower == tower), default=0) for tower in factors
    }
    groups: dict[str, Group] = {}
    for layer in listed:
        factor = factors.get(layer.tower, 1.0) ** (top.get(layer.tower, layer.depth) - layer.depth)
        for name in layer.names:
            parameter = parameters[name]
            if not parameter.requires_grad:
                continue
            plain = layer.tower == "logit" or parameter.ndim <= 1 or name in exempt
            label = f"{layer.tower}:{layer.depth}:{'plain' if plain else 'decayed'}"
            decay = 0.0 if plain else weight_decay
            groups.setdefault(label, Group(label, [], factor, decay)).parameters.append(parameter)
    return list(groups.values())


def _place(name: str) -> tuple[Tower, tuple[int, int, int]]:
    """Tower and sort key (stem / block / top, stage, block) of a parameter."""
    if _LOGIT.search(name):
        return "logit", (0, 0, 0)
    tower: Tower = "image" if name.startswith("visual.") else "text"
    block = _BLOCK.match(name)
    if block:
        if block["one"]:
            return tower, (1, 0, int(block["one"]))
        return tower, (1, int(block["stage"]), int(block["inner"]))
    return tower, (2, 0, 0) if _TOP.match(name) else (0, 0, 0)


def _exempt(model: nn.Module) -> set[str]:
    """Full names of the parameters that some module lists in `no_weight_decay`."""
    out: set[str] = set()
    for path, module in model.named_modules():
        listed = getattr(module, "no_weight_decay", None)
        if callable(listed):
            inner: Iterable[str] = listed()
            out.update(f"{path}.{name}" if path else name for name in inner)
    return out


def _is_norm(module: nn.Module, name: str, frozen: set[str]) -> bool:
    return isinstance(module, nn.BatchNorm2d | nn.SyncBatchNorm) and name in frozen

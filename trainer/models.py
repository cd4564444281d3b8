"""Every architecture by its short id, with the facts a run depends on, checked by the tests.

Widths, inputs, contexts, vocabularies and parameter counts are those of open_clip's own configs.
"""

import difflib
from dataclasses import dataclass
from typing import Any, Literal

import open_clip
import torch
from torch import nn

from core.errors import InvalidSetting

Family = Literal["clip", "siglip"]


@dataclass(frozen=True)
class Defaults:
    """AdamW's settings that differ between families."""

    weight_decay: float
    beta2: float


DEFAULTS: dict[Family, Defaults] = {"clip": Defaults(0.2, 0.98), "siglip": Defaults(0.0, 0.95)}


@dataclass(frozen=True)
class Architecture:
    """One entry of the registry."""

    id: str
    model: str
    """What to load: an open_clip name or `hf-hub:org/name`."""
    pretrained: str
    """open_clip tag of the released weights, "" where `model` names its weights."""
    config: str
    """open_clip name of the architecture, also where `model` is on the hub."""
    width: int
    """Length of an embedding."""
    image_size: int
    """Side of the square input, pixels."""
    context: int
    """Length of a tokenised text."""
    vocabulary: int
    parameters: int

    @property
    def family(self) -> Family:
        """Which family's training defaults apply."""
        return "siglip" if "siglip" in self.id else "clip"

    @property
    def defaults(self) -> "Defaults":
        """What AdamW is best given for this family."""
        return DEFAULTS[self.family]

    def preprocess(self) -> dict[str, Any]:
        """The released preprocessing: size, mean, std, interpolation, resize_mode.

        SigLIP squashes to a square; CLIP resizes the shorter side and crops.
        """
        found = dict(open_clip.get_pretrained_cfg(self.config, self.pretrained or "openai"))
        keys = ("mean", "std", "interpolation", "resize_mode")
        return {"size": self.image_size, **{key: found[key] for key in keys}}

    def blank(self) -> nn.Module:
        """The network on the meta device: shapes and names, no weights, no memory."""
        tagged = open_clip.get_pretrained_cfg(self.config, self.pretrained) or {}
        with torch.device("meta"):
            network: nn.Module = open_clip.create_model(
                self.config,
                device="meta",
                load_weights=False,
                pretrained_text=False,
                force_quick_gelu=bool(tagged.get("quick_gelu")),
                # open_clip's ViTamin-XL-384 config says 256.
                force_image_size=self.image_size,
            )
        return network


def _row(
    id: str, names: str, width: int, size: int, context: int, vocabulary: int, parameters: int
) -> Architecture:
    model, pretrained, config = (names.split() + [names.split()[0]])[:3]
    if model.startswith("hf-hub:"):
        model, pretrained, config = model, "", pretrained
    return Architecture(id, model, pretrained, config, width, size, context, vocabulary, parameters)


_C = (77, 49_408)
_S = (64, 32_000)
_S2 = (64, 256_000)
_V = "datacomp1b"

REGISTRY: dict[str, Architecture] = {
    row.id: row
    for row in (
        _row("clip_vitb32", "ViT-B-32 openai", 512, 224, *_C, 151_277_313),
        _row("clip_vitb16", "ViT-B-16 openai", 512, 224, *_C, 149_620_737),
        _row("clip_vitl14", "ViT-L-14 openai", 768, 224, *_C, 427_616_513),
        _row("clip_vitl14_336", "ViT-L-14-336 openai", 768, 336, *_C, 427_944_193),
        _row("bioclip", "hf-hub:imageomics/bioclip ViT-B-16", 512, 224, *_C, 149_620_737),
        _row("bioclip2", "hf-hub:imageomics/bioclip-2 ViT-L-14", 768, 224, *_C, 427_616_513),
        _row("clip_rn50", "RN50 openai", 1024, 224, *_C, 102_007_137),
        _row("clip_rn101", "RN101 openai", 512, 224, *_C, 119_688_033),
        _row("clip_rn50x4", "RN50x4 openai", 640, 288, *_C, 178_300_601),
        _row("clip_rn50x16", "RN50x16 openai", 768, 384, *_C, 290_979_217),
        _row("clip_rn50x64", "RN50x64 openai", 1024, 448, *_C, 623_258_305),
        _row("siglip_vitb16", "ViT-B-16-SigLIP webli", 768, 224, *_S, 203_155_970),
        _row("siglip_vitb16_256", "ViT-B-16-SigLIP-256 webli", 768, 256, *_S, 203_202_050),
        _row("siglip_vitb16_384", "ViT-B-16-SigLIP-384 webli", 768, 384, *_S, 203_447_810),
        _row("siglip_vitl16_256", "ViT-L-16-SigLIP-256 webli", 1024, 256, *_S, 652_150_786),
        _row("siglip_vitl16_384", "ViT-L-16-SigLIP-384 webli", 1024, 384, *_S, 652_478_466),
        _row(
            "siglip_vitso400m14", "ViT-SO400M-14-SigLIP webli", 1152, 224, 16, 32_000, 877_360_306
        ),
        _row("siglip2_vitb16", "ViT-B-16-SigLIP2 webli", 768, 224, *_S2, 375_187_970),
        _row("siglip2_vitb16_384", "ViT-B-16-SigLIP2-384 webli", 768, 384, *_S2, 375_479_810),
        _row("siglip2_vitl16_384", "ViT-L-16-SigLIP2-384 webli", 1024, 384, *_S2, 881_854_466),
        _row("siglip2_vitso400m14", "ViT-SO400M-14-SigLIP2 webli", 1152, 224, *_S2, 1_135_463_602),
        _row(
            "siglip2_vitgopt16_384", "ViT-gopt-16-SigLIP2-384 webli", 1536, 384, *_S2, 1_871_885_426
        ),
        _row("vitamin_s", f"ViTamin-S {_V}", 384, 224, *_C, 62_469_185),
        _row("vitamin_s_ltt", f"ViTamin-S-LTT {_V}", 768, 224, *_C, 145_822_913),
        _row("vitamin_b", f"ViTamin-B {_V}", 512, 224, *_C, 150_953_345),
        _row("vitamin_b_ltt", f"ViTamin-B-LTT {_V}", 768, 224, *_C, 211_372_161),
        _row("vitamin_l", f"ViTamin-L {_V}", 768, 224, *_C, 456_968_353),
        _row("vitamin_l_256", f"ViTamin-L-256 {_V}", 768, 256, *_C, 457_029_793),
        _row("vitamin_l_336", f"ViTamin-L-336 {_V}", 768, 336, *_C, 457_219_233),
        _row("vitamin_l_384", f"ViTamin-L-384 {_V}", 768, 384, *_C, 457_357_473),
        _row("vitamin_l2", f"ViTamin-L2 {_V}", 1024, 224, *_C, 687_612_833),
        _row("vitamin_l2_384", f"ViTamin-L2-384 {_V}", 1024, 384, *_C, 688_001_953),
        _row("vitamin_xl_384", f"ViTamin-XL-384 {_V}", 1152, 384, *_C, 924_776_257),
    )
}


def architecture(id: str) -> Architecture:
    """The registry's entry; raises InvalidSetting with the nearest ids."""
    if id not in REGISTRY:
        near = difflib.get_close_matches(id, REGISTRY, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(REGISTRY)}"
        raise InvalidSetting(f"no model {id!r}: {hint}")
    return REGISTRY[id]


def family_defaults(id: str, network: nn.Module) -> Defaults:
    """Of a model of the registry, or of any other by whether it has SigLIP's logit bias."""
    if id in REGISTRY:
        return REGISTRY[id].defaults
    biased = getattr(network, "logit_bias", None) is not None
    return DEFAULTS["siglip" if biased else "clip"]


def check_text_lengths(id: str, context: int, longest: int) -> None:
    """Refuse captions longer than the context, which the tokenizer would cut without a word.

    `longest` counts tokens with start and end marks. SO400M-14-SigLIP has 16, less than most
    taxonomic captions.
    """
    if longest > context:
        raise InvalidSetting(
            f"the longest caption has {longest} tokens and {id} reads {context}: "
            "shorten the template or take another model"
        )

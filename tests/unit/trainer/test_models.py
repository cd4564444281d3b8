"""Every registry entry against open_clip's own network, built without weights."""

import open_clip
import pytest

from core.errors import InvalidSetting
from trainer.layers import layers
from trainer.models import REGISTRY, Defaults, architecture, check_text_lengths

SIZES = {
    "siglip_vitl16_256": (24, 24),
    "vitamin_l": (31, 12),
    "clip_rn50": (16, 12),
    "clip_vitl14": (24, 12),
    "siglip2_vitgopt16_384": (40, 27),
}
"""Blocks of the image and the text tower of a few."""


@pytest.mark.parametrize(
    "id", [id if id in SIZES else pytest.param(id, marks=pytest.mark.slow) for id in REGISTRY]
)
def test_registry_facts_are_those_of_the_network(id):
    """The predecessor's table had wrong widths or counts for eight models."""
    arch = architecture(id)
    network = arch.blank()
    config = open_clip.get_model_config(arch.config)
    assert arch.width == config["embed_dim"]
    assert arch.parameters == sum(p.numel() for p in network.parameters())
    text = getattr(network, "text", network)
    assert (text.context_length, text.vocab_size) == (arch.context, arch.vocabulary)
    size = network.visual.image_size
    assert (size if isinstance(size, int) else size[0]) == arch.image_size
    assert not arch.pretrained or open_clip.is_pretrained_cfg(arch.config, arch.pretrained)
    check_layers(id, network)


def check_layers(id, network):
    """Each parameter lies in one layer; every tower has a stem, its blocks and a top."""
    listed = layers(network)
    names = [name for layer in listed for name in layer.names]
    assert sorted(names) == sorted(name for name, _ in network.named_parameters())
    logit = [name for layer in listed if layer.tower == "logit" for name in layer.names]
    assert set(logit) <= {"logit_scale", "logit_bias"}
    assert "logit_scale" in logit
    for at, tower in enumerate(("image", "text")):
        mine = [layer for layer in listed if layer.tower == tower]
        assert [layer.depth for layer in mine] == list(range(len(mine)))
        assert not any("blocks." in n or ".layer" in n for n in mine[0].names + mine[-1].names)
        assert all("blocks." in n or ".layer" in n for y in mine[1:-1] for n in y.names)
        assert any("embed" in n or "conv1" in n for n in mine[0].names)
        if id in SIZES:
            assert len(mine) - 2 == SIZES[id][at]


def test_width_is_known_without_a_network_for_every_family():
    """The predecessor read it off text_projection, which CLIP has as a bare parameter."""
    assert {arch.width for arch in REGISTRY.values()} == {384, 512, 640, 768, 1024, 1152, 1536}


@pytest.mark.parametrize("id", REGISTRY)
def test_preprocessing_is_the_released_one(id):
    """The predecessor cropped every family; SigLIP was released squashing."""
    found = architecture(id).preprocess()
    siglip = architecture(id).family == "siglip"
    assert found["resize_mode"] == ("squash" if siglip else "shortest")
    assert found["mean"][0] == pytest.approx(0.5 if siglip else 0.48145466)
    assert found["interpolation"] == "bicubic"
    assert found["size"] == architecture(id).image_size


def test_openai_weights_get_quick_gelu_and_others_do_not():
    def activations(id):
        return {type(m).__name__ for m in architecture(id).blank().modules() if "GELU" in str(m)}

    assert "QuickGELU" in activations("clip_vitb32")
    assert "QuickGELU" not in activations("bioclip")


def test_family_defaults():
    assert architecture("bioclip").defaults == Defaults(0.2, 0.98)
    siglip = architecture("siglip2_vitb16")
    assert siglip.defaults == Defaults(0.0, 0.95)


def test_an_unknown_id_is_answered_with_the_nearest():
    with pytest.raises(InvalidSetting, match="siglip_vitb16"):
        architecture("siglip_vit_b16")
    with pytest.raises(InvalidSetting, match="clip_rn50x64"):
        architecture("???")


def test_captions_that_would_be_cut_are_refused():
    with pytest.raises(InvalidSetting, match="29 tokens"):
        check_text_lengths("so400m", architecture("siglip_vitso400m14").context, 29)
    check_text_lengths("b16", architecture("siglip_vitb16").context, 32)

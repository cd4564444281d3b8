"""What is changed about a released network, and that it can be published and loaded so."""

import json

import open_clip
import pytest
import torch

from core.encoders.openclip import load as load_encoder
from core.errors import InvalidSetting
from tests.paths import TINY
from trainer.config import ModelSettings
from trainer.network import Towers, load
from trainer.publish import _write, check_parity

TIMM = {
    "model_cfg": {
        "embed_dim": 192,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "image_size": 224, "timm_model_name": "vit_tiny_patch16_224",
            "timm_model_pretrained": False, "timm_pool": "token", "timm_proj": "none",
        },
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2,
                     "layers": 2},
    },
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"},
}  # fmt: skip


@pytest.fixture
def timm(tmp_path):
    (tmp_path / "open_clip_config.json").write_text(json.dumps(TIMM))
    return str(tmp_path)


def vectors(released, towers=None):
    pixels = torch.randint(
        0, 255, (3, *released.preprocess.size, 3), dtype=torch.uint8,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    tokens = released.tokenizer(["Pica pica", "a moth with spots", ""])
    with torch.inference_mode():
        return (towers or Towers(released).eval())(pixels, tokens)


def published(released, folder):
    folder.mkdir()
    _write(folder, released, False)
    return check_parity(folder, released, 1e-4)


def test_patches_are_dropped_in_training_only(timm):
    for own in (timm, "ViT-S-32-alt"):
        plain = load(ModelSettings(own, random=True), 1)
        dropped = load(ModelSettings(own, random=True, patch_dropout=0.5), 1)
        same = vectors(plain)[0]
        torch.testing.assert_close(vectors(dropped)[0], same)
        torch.manual_seed(0)
        trained = vectors(dropped, Towers(dropped).train())[0]
        assert not torch.allclose(trained, same, atol=1e-3)


def test_a_text_tower_sees_forwards_and_is_published_so(tmp_path):
    start = load(ModelSettings(str(TINY)), 1)
    open_ = load(ModelSettings(str(TINY), non_causal=True), 1)
    assert not torch.allclose(vectors(start)[1], vectors(open_)[1], atol=1e-3)
    torch.testing.assert_close(vectors(start)[0], vectors(open_)[0])
    assert published(open_, tmp_path / "out") < 1e-4
    kept = json.loads((tmp_path / "out" / "open_clip_config.json").read_text())
    assert kept["model_cfg"]["text_cfg"]["no_causal_mask"] is True
    assert load_encoder(str(tmp_path / "out")).spec.dim == 256
    again = ModelSettings(str(tmp_path / "out"), non_causal=True)
    with pytest.raises(InvalidSetting, match="not causal already"):
        load(again, 1)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_a_projection_is_added_and_nothing_else_changes(timm, tmp_path, kind):
    plain = load(ModelSettings(timm, random=True), 1)
    made = load(ModelSettings(timm, random=True, projection=kind), 1)
    names = set(made.network.state_dict()) - set(plain.network.state_dict())
    assert names
    assert all(name.startswith("visual.head.") for name in names)
    for name, value in plain.network.state_dict().items():
        assert torch.equal(value, made.network.state_dict()[name]), name
    assert published(made, tmp_path / "out") < 1e-4
    network = open_clip.create_model(f"local-dir:{tmp_path / 'out'}")
    assert set(network.state_dict()) == set(made.network.state_dict())


def test_what_a_network_does_not_have_is_refused():
    with pytest.raises(InvalidSetting, match="no patches to leave out"):
        load(ModelSettings(str(TINY), patch_dropout=0.5), 1)
    with pytest.raises(InvalidSetting, match="timm image tower only"):
        load(ModelSettings(str(TINY), projection="mlp"), 1)
    with pytest.raises(InvalidSetting, match="patch_dropout lies within"):
        ModelSettings(str(TINY), patch_dropout=1.0)


def test_branches_are_left_out_in_training_only(timm):
    plain = load(ModelSettings(timm, random=True), 1)
    dropped = load(ModelSettings(timm, random=True, drop_path=0.5), 1)
    torch.testing.assert_close(vectors(dropped), vectors(plain))
    torch.manual_seed(0)
    learning = Towers(dropped).train()
    assert not torch.equal(vectors(dropped, learning)[0], vectors(dropped, learning)[0])
    rates = [block.drop_path1.drop_prob for block in dropped.network.visual.trunk.blocks]
    assert (rates[0], rates[-1]) == (0.0, 0.5)
    with pytest.raises(InvalidSetting, match="no residual branches"):
        load(ModelSettings(TINY, random=True, drop_path=0.1), 1)


def test_pixels_can_be_normalised_by_the_data_and_are_published_so(tmp_path):
    own = ModelSettings(TINY, random=True, mean=(0.2, 0.18, 0.12), std=(0.3, 0.26, 0.22))
    made = load(own, 1)
    plain = load(ModelSettings(TINY, random=True), 1)
    assert not torch.equal(vectors(made)[0], vectors(plain)[0])
    assert published(made, tmp_path / "made") < 1e-4
    assert load_encoder(str(tmp_path / "made")).prepare_cfg.mean == (0.2, 0.18, 0.12)
    for wrong in ({"mean": (0.5,) * 3}, {"mean": (0.5,) * 3, "std": (0.0,) * 3}):
        with pytest.raises(InvalidSetting, match="three numbers each"):
            ModelSettings(TINY, **wrong)

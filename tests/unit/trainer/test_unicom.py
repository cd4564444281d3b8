"""UNICOM's image towers: published names and checksums, a forward by hand, training by a head."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from typer.testing import CliRunner

from core.errors import ModelError
from tests.unit.trainer.test_commands import TEXT
from trainer import unicom
from trainer.__main__ import app
from trainer.config import ModelSettings
from trainer.layers import layers
from trainer.network import Towers, load
from trainer.unicom import SHAPES, ImageOnly, Shape, read_weights

SMALL = Shape(32, 3, 4, 8, 32, 12, "small.pt", "0" * 64)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(unicom.SHAPES, "unicom_small", SMALL)
    return ModelSettings("unicom_small", random=True)


@pytest.mark.parametrize(
    ("id", "millions"),
    [("unicom_vitb32", 117), ("unicom_vitb16", 202), ("unicom_vitl14", 573),
     ("unicom_vitl14_336", 909)],
)  # fmt: skip
def test_sizes_without_weights(id, millions):
    """By hand: 12 blocks of 12 w^2, the patches' projection of n w^2, and little else."""
    with torch.device("meta"):
        network = ImageOnly(SHAPES[id])
    count = sum(p.numel() for p in network.parameters()) / 1e6
    assert count == pytest.approx(millions, abs=1)


def test_the_forward_is_that_of_the_paper():
    torch.manual_seed(0)
    network = ImageOnly(SMALL).eval()
    pixels = torch.randn(2, 3, 32, 32)
    own = dict(network.visual.named_parameters())
    rows = F.conv2d(pixels, own["patch_embed.proj.weight"], own["patch_embed.proj.bias"], 8)
    rows = rows.flatten(2).mT + own["pos_embed"]
    for i in range(3):
        weight = {k.removeprefix(f"blocks.{i}."): v for k, v in own.items()}
        normed = F.layer_norm(rows, (32,), weight["norm1.weight"], weight["norm1.bias"])
        parts = (normed @ weight["attn.qkv.weight"].T).unflatten(-1, (3, 4, 8))
        query, key, value = (parts[:, :, j].transpose(1, 2) for j in range(3))
        shares = (query @ key.mT / 8**0.5).softmax(-1)
        mixed = (shares @ value).transpose(1, 2).flatten(2)
        rows = rows + F.linear(mixed, weight["attn.proj.weight"], weight["attn.proj.bias"])
        normed = F.layer_norm(rows, (32,), weight["norm2.weight"], weight["norm2.bias"])
        hidden = F.linear(normed, weight["mlp.fc1.weight"], weight["mlp.fc1.bias"]).clamp(0, 6)
        rows = rows + F.linear(hidden, weight["mlp.fc2.weight"], weight["mlp.fc2.bias"])
    flat = F.layer_norm(rows, (32,), own["norm.weight"], own["norm.bias"]).flatten(1)
    scale = 1 / (1 + 2e-5) ** 0.5  # a batch norm that has seen nothing
    wanted = flat @ own["feature.0.weight"].T * scale @ own["feature.2.weight"].T * scale
    torch.testing.assert_close(network.encode_image(pixels), wanted, rtol=1e-4, atol=1e-5)
    assert network.encode_text(torch.zeros(5, 0)).shape == (5, 12)


def test_a_file_is_read_by_its_names_and_known_by_its_checksum(tmp_path):
    torch.manual_seed(1)
    kept = ImageOnly(SMALL).visual.state_dict()
    path = tmp_path / "mine.pt"
    torch.save({f"module.{name}": value.half() for name, value in kept.items()}, path)
    network = ImageOnly(SMALL)
    read_weights(network, path, SMALL)
    for name, value in network.visual.state_dict().items():
        torch.testing.assert_close(value, kept[name].half().to(value.dtype))
    path.rename(tmp_path / "small.pt")
    with pytest.raises(ModelError, match="not the published file"):
        read_weights(network, tmp_path / "small.pt", SMALL)
    with pytest.raises(ModelError, match="does not hold a UNICOM tower"):
        read_weights(ImageOnly(SHAPES["unicom_vitb32"]), path_of(tmp_path, kept), SMALL)
    with pytest.raises(ModelError, match="needs model.pretrained, the path of FP16-ViT-B-32.pt"):
        load(ModelSettings("unicom_vitb32"), 1)


def path_of(folder, weights):
    torch.save(weights, folder / "again.pt")
    return folder / "again.pt"


def test_its_layers_are_found_and_its_activations_can_be_computed_again(small):
    released = load(small, 1)
    assert (released.text_length, released.model_cfg["embed_dim"]) == (0, 12)
    found = layers(released.network)
    assert [layer.depth for layer in found] == [0, 1, 2, 3, 4]
    assert {name.split(".")[1] for name in found[-1].names} == {"norm", "feature"}
    towers = Towers(released).eval()
    pixels = torch.randint(0, 255, (4, 32, 32, 3), dtype=torch.uint8)
    plain = towers.images(pixels)
    released.network.set_grad_checkpointing(True)
    again = towers.images(pixels)
    torch.testing.assert_close(again, plain)
    again.sum().backward()
    assert towers.network.visual.pos_embed.grad.abs().sum() > 0


def test_a_head_trains_it_and_only_pictures_are_judged(small, tmp_path):
    config = tmp_path / "unicom.yaml"
    text = TEXT.replace("PACKS", str(tmp_path / "packs"))
    config.write_text(text)
    changes = ["model={id: unicom_small, random: true}", "loss=[]", "head={}",
               "run.best=val_id.i2i.ap", "optim.ema=null"]  # fmt: skip
    options = [word for change in changes for word in ("-o", change)]
    run = tmp_path / "run"
    found = CliRunner().invoke(app, ["train", "-c", str(config), *options, "--out", str(run)])
    assert found.exit_code == 0, found.output
    result = json.loads((run / "result.json").read_text())
    judged = result["partitions"]["val_id"]
    assert {"i2i", "index", "prototypes", "names_index"} <= set(judged)
    assert not {"i2t", "t2i", "names", "choice_4"} & set(judged)
    assert result["measures"]["all"] == pytest.approx(judged["i2i"]["ap"]["micro"])
    assert np.isfinite(result["measures"]["val_id.prototypes.hit@1"])
    refused = CliRunner().invoke(
        app, ["train", "-c", str(config), "-o", changes[0], "--out", str(tmp_path / "other")]
    )
    assert "reads no texts: set loss: [] and a head" in refused.output
    gone = CliRunner().invoke(app, ["publish", "--run", str(run), "--out", str(tmp_path / "p")])
    assert "reads no texts" in gone.output

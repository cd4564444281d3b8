"""Freezing, parameter groups and LoRA on real open_clip networks of small size."""

import copy
import tempfile

import pytest
import torch
import torch.distributed as c10d
from open_clip.model import CLIP, CustomTextCLIP
from torch.nn.parallel import DistributedDataParallel

from core.errors import InvalidSetting
from trainer.layers import freeze, layers, parameter_groups
from trainer.lora import add_lora, merge_lora

TEXT = {"context_length": 8, "vocab_size": 50, "width": 16, "heads": 2, "layers": 3}
IMAGE = {"image_size": 16, "patch_size": 8, "width": 16, "layers": 4, "head_width": 8}


def clip():
    torch.manual_seed(0)
    return CLIP(12, IMAGE, TEXT)


def custom():
    torch.manual_seed(0)
    return CustomTextCLIP(12, IMAGE, TEXT, init_logit_bias=-10.0)


def resnet():
    torch.manual_seed(0)
    return CLIP(12, {"image_size": 32, "layers": (1, 1, 1, 1), "width": 8}, TEXT)


def step(model, size=16):
    images = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(1))
    texts = torch.arange(32).reshape(4, 8)
    out = model(images, texts)
    return (out[0] * out[1]).sum() * out[2]


@pytest.fixture
def one_rank():
    with tempfile.TemporaryDirectory() as where:
        c10d.init_process_group("gloo", init_method=f"file://{where}/meet", rank=0, world_size=1)
        yield
        c10d.destroy_process_group()


def test_freezing_works_before_and_after_wrapping(one_rank):
    """The predecessor matched names after wrapping, when all began with "module."."""
    for early in (True, False):
        model = clip()
        if early:
            freeze(model, ["image"])
        wrapped = DistributedDataParallel(model, find_unused_parameters=True)
        if not early:
            assert freeze(wrapped, ["image"]) > 40
        step(wrapped).backward()
        moved = {name for name, p in model.named_parameters() if p.grad is not None}
        if early:
            assert not any(name.startswith("visual.") for name in moved)
        assert any(name.startswith("transformer.") for name in moved)
        assert not any(p.requires_grad for p in model.visual.parameters())
        groups = parameter_groups(wrapped, 0.2)
        held = {id(p) for group in groups for p in group.parameters}
        assert held == {id(p) for p in model.parameters() if p.requires_grad}


@pytest.mark.parametrize("make", [clip, custom])
def test_the_first_layers_can_be_frozen_alone(make):
    model = make()
    freeze(model, ["image:3", "text:1"])
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert "visual.conv1.weight" in frozen
    assert {n.split("resblocks.")[1][0] for n in frozen if "visual" in n and "resblocks" in n} == {
        "0",
        "1",
    }
    prefix = "text." if make is custom else ""
    assert f"{prefix}token_embedding.weight" in frozen
    assert not any(name.startswith(f"{prefix}transformer") for name in frozen)
    assert "visual.proj" not in frozen
    step(model).backward()
    of = {n: p for n, p in model.named_parameters() if n != "logit_bias"}
    assert all((p.grad is None) == (not p.requires_grad) for p in of.values())


def test_frozen_batch_norms_keep_their_statistics():
    model = resnet().train()
    before = copy.deepcopy(dict(model.named_buffers()))
    freeze(model, ["image"])
    out = model(torch.randn(4, 3, 32, 32), torch.arange(32).reshape(4, 8))
    out[1].sum().backward()
    after = dict(model.named_buffers())
    kept = [name for name in before if "running" in name]
    assert kept
    assert all(torch.equal(before[name], after[name]) for name in kept)


def test_freezing_what_is_not_there_or_all_is_refused():
    for wrong in (["visual"], ["image:0"], ["image:99"], ["image", "text"]):
        with pytest.raises(InvalidSetting):
            freeze(clip(), wrong)


@pytest.mark.parametrize("make", [clip, custom, resnet])
def test_scalars_biases_and_norms_are_not_decayed(make):
    """The predecessor tested ndim == 1, so 0-d logit scale and bias were decayed."""
    model = make()
    names = {id(p): name for name, p in model.named_parameters()}
    groups = parameter_groups(model, 0.2)
    held = [p for group in groups for p in group.parameters]
    assert len(held) == len({id(p) for p in held}) == len(names)
    for group in groups:
        for p in group.parameters:
            name = names[id(p)]
            plain = p.ndim <= 1 or name.startswith("logit")
            listed = name.endswith(("positional_embedding", "class_embedding"))
            if plain:
                assert group.weight_decay == 0, name
            elif not listed:
                assert group.weight_decay == 0.2, name


def test_learning_rates_fall_layer_by_layer_from_the_top():
    model = clip()
    groups = parameter_groups(model, 0.1, {"image": 0.5})
    factor = {id(p): group.lr_factor for group in groups for p in group.parameters}
    of = {name: factor[id(p)] for name, p in model.named_parameters()}
    assert of["visual.proj"] == 1.0
    assert of["visual.transformer.resblocks.3.mlp.c_fc.weight"] == 0.5
    assert of["visual.transformer.resblocks.0.mlp.c_fc.weight"] == 0.5**4
    assert of["visual.conv1.weight"] == 0.5**5
    assert of["transformer.resblocks.0.mlp.c_fc.weight"] == 1.0
    assert of["logit_scale"] == 1.0
    for wrong in ({"logit": 0.5}, {"image": 0.0}, {"text": 1.5}):
        with pytest.raises(InvalidSetting):
            parameter_groups(model, 0.1, wrong)


@pytest.mark.parametrize("make", [clip, custom])
def test_lora_starts_as_nothing_learns_and_merges_away(make):
    model = make()
    keys = set(model.state_dict())
    plain = step(model).detach()
    adapted = add_lora(model, ["image", "text"], rank=2, alpha=4.0)
    assert adapted == 7 * 4
    torch.testing.assert_close(step(model).detach(), plain)
    names = {name for name, p in model.named_parameters() if p.requires_grad}
    assert all(name.endswith((".up", ".down")) or name.startswith("logit") for name in names)
    frozen = {n: p.clone() for n, p in model.named_parameters() if not p.requires_grad}
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        step(model).backward()
        optimiser.step()
    learnt = step(model).detach()
    assert not torch.allclose(learnt, plain)
    assert all(torch.equal(p, frozen[n]) for n, p in model.named_parameters() if n in frozen)
    assert merge_lora(model) == adapted
    torch.testing.assert_close(step(model).detach(), learnt, rtol=1e-4, atol=1e-5)
    assert set(model.state_dict()) == keys


def test_lora_parameters_belong_to_the_layer_they_adapt():
    model = clip()
    add_lora(model, ["image"], rank=2)
    image = {layer.depth: layer.names for layer in layers(model) if layer.tower == "image"}
    assert sum(name.endswith(".up") for name in image[2]) == 4
    assert not any(name.endswith(".up") for name in image[0])
    text = [name for y in layers(model) if y.tower == "text" for name in y.names]
    assert not any(name.endswith(".up") for name in text)
    for wrong in ({"towers": []}, {"towers": ["logit"]}, {"rank": 0}):
        with pytest.raises(InvalidSetting):
            add_lora(clip(), **{"towers": ["image"], "rank": 2, **wrong})

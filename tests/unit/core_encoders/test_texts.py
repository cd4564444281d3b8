"""Texts go through as much of the tower as they need, and come out the same."""

import time
from functools import cache

import open_clip
import pytest
import torch

from core.encoders import precision, texts
from core.encoders.texts import PROBES, shorten
from tests import tiny_model

TEXTS = ["", "a moth", *PROBES, "wings " * 200]
bfloat16 = pytest.mark.skipif(
    not {"avx512_bf16", "amx_bf16"} & {k for k, v in torch.cpu.get_capabilities().items() if v},
    reason="this processor does not compute in bfloat16",
)


def model(custom: bool = False, **text_cfg: object) -> torch.nn.Module:
    cfg = tiny_model.MODEL_CFG
    made = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = made(**cfg | {"text_cfg": cfg["text_cfg"] | text_cfg})
    return network.eval().requires_grad_(False)


@cache
def tokens(length: int = 16) -> torch.Tensor:
    return open_clip.SimpleTokenizer(context_length=length)(TEXTS)


@pytest.mark.parametrize("custom", [False, True])
@pytest.mark.parametrize("pool", [{}, {"pool_type": "eos", "eos_id": 49407}])
def test_every_length_gives_the_same_vector(custom, pool):
    network = model(custom, **pool)
    cut = shorten(network, tokens(), here=True)
    assert cut is not None
    seen = []
    tower = getattr(network, "text", network).transformer
    tower.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[1]))
    for row in tokens():
        torch.testing.assert_close(cut(row[None]), network.encode_text(row[None]))
    assert seen[::2] == [2, 4, 3, 16, 16]
    torch.testing.assert_close(cut(tokens()), network.encode_text(tokens()))


def test_a_tower_that_sees_forwards_is_run_whole():
    assert shorten(model(custom=True, no_causal_mask=True), tokens(), here=True) is None
    assert shorten(model(custom=True, embed_cls=True, pad_id=0), tokens(), here=True) is None


def test_a_tower_that_does_something_else_is_run_whole():
    network = model()
    plain = network.encode_text
    network.encode_text = lambda t: plain(t) + t.float().mean(1, keepdim=True)
    assert shorten(network, tokens(), here=True) is None


@bfloat16
def test_large_towers_are_kept_in_half_the_bytes_and_say_the_same():
    network = model(width=512, heads=8, layers=4, context_length=77)
    whole = network.encode_text(tokens(77))
    cut = shorten(network, tokens(77), here=True)
    assert cut is not None
    assert cut.autocast is torch.bfloat16
    layer = network.transformer.resblocks[0].mlp.c_fc
    assert isinstance(layer, precision.Packed)
    assert layer.weight.nbytes == 2 * 512 * 2048
    assert precision.least_cosine(cut(tokens(77)), whole) >= texts.ENOUGH


@bfloat16
def test_where_half_the_bytes_say_something_else_they_are_taken_back():
    tower = model(width=512, heads=8, layers=4).transformer
    before = tower.resblocks[0].mlp.c_fc.weight.clone()
    assert precision.worthwhile(tower)
    assert not precision.halve(tower, lambda: False)
    assert torch.equal(tower.resblocks[0].mlp.c_fc.weight, before)


@bfloat16
def test_layers_that_are_more_than_called_stay_as_they_are():
    tower = model(width=512, heads=8, layers=4).transformer
    first = tower.resblocks[0].mlp.c_fc

    def same() -> bool:
        weight = tower.resblocks[0].mlp.c_fc.weight
        return torch.nn.functional.linear(torch.zeros(1, 512), weight) is not None

    assert not precision.halve(tower, same)
    assert tower.resblocks[0].mlp.c_fc is first


def test_small_and_convolving_towers_stay_as_they_are():
    assert not precision.worthwhile(model().transformer)
    assert not precision.worthwhile(torch.nn.Conv2d(2000, 2000, 3))


def test_a_short_text_costs_a_part_of_a_whole_one():
    """A guard, not a figure: eight times as many positions are left out here."""
    network = model(width=256, heads=4, layers=6, context_length=77)
    cut = shorten(network, tokens(77), here=True)
    assert cut is not None
    short = open_clip.SimpleTokenizer()(["a blue moth with spots"] * 8)

    def cost(run) -> float:
        started = time.thread_time()
        for _ in range(3):
            run(short)
        return time.thread_time() - started

    was = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        cost(cut), cost(network.encode_text)
        assert cost(cut) < 0.6 * cost(network.encode_text)
    finally:
        torch.set_num_threads(was)

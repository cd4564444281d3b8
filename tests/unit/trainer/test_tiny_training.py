"""Captions are true and never leak; the loss is right; a killed run resumes to the same weights."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidSetting
from core.sample.questions import says_held_out
from core.sample.taxonomy import draw_taxonomy
from tests.paths import ROOT
from trainer.tiny.config import TinyConfig, read_config
from trainer.tiny.data import VIEWS, Kind, caption, truth
from trainer.tiny.network import contrast
from trainer.tiny.train import rate_at, train

CONFIG = ROOT / "trainer" / "configs" / "specimen-tiny.yaml"
KINDS = [
    Kind(s, v)
    for s in draw_taxonomy()
    for v in VIEWS
    if v == "label" or (v == "whole") == (s.traits.plan == "plant")
]


@given(st.integers(0, 2**32), st.sampled_from(KINDS))
def test_a_caption_is_true_of_its_picture_and_leaks_nothing(seed: int, kind: Kind) -> None:
    made = caption(random.Random(seed), kind)
    assert made.true_of(kind)
    assert not says_held_out(dict(made.query))
    assert 0 < len(made.text) < 120


def test_captions_tell_most_kinds_apart() -> None:
    made = [caption(random.Random(i), k) for i, k in enumerate(KINDS)]
    table = truth(made, KINDS, np.arange(len(KINDS)))
    assert table.diagonal().all()
    assert 1 / len(KINDS) < table.mean() < 0.2


def test_the_loss_with_single_partners_is_plain_infonce() -> None:
    torch.manual_seed(0)
    a, b = (torch.nn.functional.normalize(torch.randn(6, 8), dim=1) for _ in range(2))
    logits = 10 * a @ b.T
    answer = torch.arange(6)
    want = (
        torch.nn.functional.cross_entropy(logits, answer)
        + torch.nn.functional.cross_entropy(logits.T, answer)
    ) / 2
    got = contrast(a, b, torch.tensor(10.0), torch.eye(6, dtype=torch.bool))
    assert got.item() == pytest.approx(want.item(), rel=1e-5)


def test_the_loss_asks_for_every_true_partner() -> None:
    image = torch.eye(4)
    true = torch.eye(4, dtype=torch.bool)
    true[0, 1] = true[1, 0] = True
    shared = torch.nn.functional.normalize(image + image[[1, 0, 2, 3]] * 0.9, dim=1)
    scale = torch.tensor(5.0)
    assert contrast(image, shared, scale, true) < contrast(image, image, scale, true)


def test_the_rate_warms_up_and_ends_at_zero() -> None:
    config = read_config(CONFIG)
    rates = [rate_at(s, config) for s in range(config.steps)]
    assert max(rates) == pytest.approx(config.learning_rate)
    assert rates[0] < rates[config.warmup // 2] < rates[config.warmup]
    assert rates[-1] < config.learning_rate * 1e-4


def test_unknown_and_missing_keys_are_named(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG.read_text().replace("batch:", "batchsize:"))
    with pytest.raises(InvalidSetting, match="batch, batchsize"):
        read_config(path)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[TinyConfig]:
    before = torch.get_num_threads()
    yield replace(
        read_config(CONFIG),
        out=tmp_path / "out",
        work=tmp_path / "work",
        specimens=60,
        reduce=0.3,
        image_size=64,
        steps=4,
        batch=8,
        save_every=2,
        log_every=1,
        threads=1,
    )
    torch.set_num_threads(before)


class Killed(Exception):
    pass


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_weights(small: TinyConfig, tmp_path: Path) -> None:
    whole = train(small, lambda _: None)
    broken = replace(small, work=tmp_path / "again")
    broken.work.mkdir()
    (broken.work / "pictures.npy").write_bytes((small.work / "pictures.npy").read_bytes())

    def die(line: str) -> None:
        if line.startswith("step 3"):
            raise Killed

    with pytest.raises(Killed):
        train(broken, die)
    said: list[str] = []
    resumed = train(broken, said.append)
    assert "resumed at step 2" in said
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    loaded, *_ = open_clip.create_model_and_transforms(f"local-dir:{small.out}")
    weight = loaded.state_dict()["visual.conv1.weight"]
    assert torch.equal(weight, whole.state_dict()["visual.conv1.weight"].half().float())

"""The committed model: it is what its card says, and finds what it never saw."""

import json

import numpy as np
import pytest

from core.encoders.openclip import load
from core.sample.drawing.picture import draw_picture
from core.sample.specimens import draw_specimens
from core.sample.statements import attributes
from core.sample.taxonomy import draw_taxonomy
from tests.paths import ROOT, TINY
from trainer.card import Preface, card
from trainer.config import read_config
from trainer.questions import Asked, answers, found, read_questions

CONFIGS = ROOT / "trainer" / "configs"
LARGEST = 16_000_000  # bytes
CONFIG = read_config(CONFIGS / "specimen-tiny.yaml")
RESULT = json.loads((TINY / "result.json").read_text())
PAGE = (ROOT / "docs" / "sample-museum.md").read_text()


@pytest.fixture(scope="module")
def encoder():
    return load(str(TINY), device="cpu")


def test_it_is_small_and_of_its_own_dimension(encoder) -> None:
    assert (TINY / "open_clip_model.safetensors").stat().st_size < LARGEST
    assert encoder.encode_texts(["a blue butterfly"]).shape == (1, 256)


def test_it_was_made_by_the_committed_settings_and_its_card_says_what_was_measured() -> None:
    about = (CONFIGS / "specimen-tiny.md").read_text()
    own = card("specimen-tiny", CONFIG, RESULT, RESULT["step"], Preface(about, "apache-2.0"))
    assert (TINY / "README.md").read_text() == own


def test_the_measured_figures_are_far_above_chance() -> None:
    held = RESULT["partitions"]["val_id"]
    assert held["i2t"]["hit@1"]["micro"] > 0.6
    for group in held["questions"].values():
        for name in ("recall@10", "ap"):
            assert group[name] > max(0.6, 2 * group["chance"][name])


@pytest.mark.slow
def test_it_finds_and_names_specimens_drawn_just_now(encoder) -> None:
    tree = draw_taxonomy()
    fresh = draw_specimens(seed=2024, specimens=len(tree) * 2, even=True)
    prepared = map(encoder.prepare_cfg, (draw_picture(s, s.views[0], 0.7) for s in fresh))
    images = encoder.encode_images(np.stack(list(prepared)))
    groups = read_questions("museum")
    right = answers(groups, [attributes(s.species, s.views[0]) for s in fresh])
    for name, asked in groups.items():
        rows = encoder.encode_texts([question.text for question in asked])
        assert found(Asked(rows, right[name]), images)["recall@10"] > 0.6
    names = encoder.encode_texts([f"a photo of {s.name}" for s in tree])
    answer = np.array([tree.index(s.species) for s in fresh])
    assert ((images @ names.T).argmax(1) == answer).mean() > 0.6

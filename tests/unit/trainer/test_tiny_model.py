"""The committed model: it loads, is what its card says, and finds what it never saw."""

import json

import numpy as np
import pytest
from PIL import Image

from core.sample import phrase, questions, relevant
from core.sample.drawing.picture import draw_picture
from core.sample.specimens import draw_specimens
from core.sample.taxonomy import draw_taxonomy
from tests.paths import ROOT, TINY
from trainer.tiny.card import card, table
from trainer.tiny.config import read_config
from trainer.tiny.evaluate import retrieval, top_1
from trainer.tiny.judge import Encoder

LARGEST = 16_000_000  # bytes
CONFIG = read_config(ROOT / "trainer" / "configs" / "specimen-tiny.yaml")
METRICS = json.loads((TINY / "metrics.json").read_text())


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(TINY)


def test_it_is_small_and_of_its_own_dimension(encoder: Encoder) -> None:
    assert (TINY / "open_clip_model.safetensors").stat().st_size < LARGEST
    assert encoder.words(["a blue butterfly"]).shape == (1, 256)
    assert encoder.pictures([Image.new("RGB", (90, 70))]).shape == (1, 256)
    described = json.loads((TINY / "open_clip_config.json").read_text())
    assert described["model_cfg"] == CONFIG.model_cfg


def test_the_card_and_the_page_say_what_was_measured() -> None:
    assert (TINY / "README.md").read_text() == card(CONFIG, METRICS)
    assert table(METRICS) in (ROOT / "docs" / "sample-museum.md").read_text()


def test_the_measured_figures_are_far_above_chance() -> None:
    trained, untrained, guess = (METRICS[k] for k in ("trained", "untrained", "chance"))
    assert trained["held_out_questions"]["recall_at_10"] > 0.6
    assert trained["top_1_scientific_name_upper"] > 0.6
    for other in (untrained, guess):
        for questions_ in ("held_out_questions", "other_questions"):
            for name in ("recall_at_10", "average_precision"):
                assert trained[questions_][name] > 2 * other[questions_][name]


@pytest.mark.slow
def test_it_finds_and_names_specimens_drawn_just_now(encoder: Encoder) -> None:
    tree = draw_taxonomy()
    fresh = draw_specimens(seed=2024, specimens=len(tree) * 2, even=True)
    images = encoder.pictures([draw_picture(s, s.views[0], 0.7) for s in fresh])
    asked = questions(held=True)
    truth = np.array([[relevant(q, s) for s in fresh] for q in asked])
    found = retrieval(encoder.words([phrase(q) for q in asked]) @ images.T, truth)
    assert found.recall_at_10 > 0.6
    names = encoder.words([f"a photo of {s.name}" for s in tree])
    answer = np.array([tree.index(s.species) for s in fresh])
    assert top_1(images @ names.T, answer) > 0.6

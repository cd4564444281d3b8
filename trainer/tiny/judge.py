"""Evaluates an open_clip directory on the demo museum, beside chance and the untrained network."""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image

from core.sample.captions import phrase
from core.sample.drawing.picture import draw_picture
from core.sample.questions import questions
from core.sample.specimens import Specimen, draw_specimens, relevant
from core.sample.taxonomy import draw_taxonomy
from core.sample.traits import Query
from trainer.tiny.config import TinyConfig
from trainer.tiny.evaluate import Bools, Floats, Museum, Vectors, report, report_chance
from trainer.tiny.network import build, publish

DEMO_SEED, DEMO_SPECIMENS = 7, 400
Shown = list[tuple[Specimen, str]]


def shown_in(specimens: list[Specimen]) -> Shown:
    """Every picture of a museum that shows a specimen."""
    return [(s, view) for s in specimens for view in s.views]


def _as_stored(specimen: Specimen, view: str) -> Image.Image:
    """The picture as it comes out of the museum's JPEG file."""
    buffer = io.BytesIO()
    draw_picture(specimen, view).save(buffer, "JPEG", quality=90)
    return Image.open(buffer).convert("RGB")


def _relevance(asked: list[Query], shown: Shown) -> Bools:
    return np.array([[relevant(q, s, v) for s, v in shown] for q in asked])


def museum_of(shown: Shown) -> Museum:
    """The known truth about the pictures."""
    names = [s.name for s in draw_taxonomy()]
    return Museum(
        held_out=_relevance(questions(held=True), shown),
        said=_relevance(questions(held=False), shown),
        species=np.array([names.index(s.species.name) for s, _ in shown]),
        upper=np.array([view != "ventral" for _, view in shown]),
    )


class Encoder:
    """A loaded open_clip directory that encodes pictures and words to normalised float32."""

    def __init__(self, directory: Path) -> None:
        name = f"local-dir:{directory}"
        self.model, _, self.preprocess = open_clip.create_model_and_transforms(name)
        self.tokenizer = open_clip.get_tokenizer(name)
        self.model.eval()

    @torch.inference_mode()
    def words(self, texts: list[str]) -> Floats:
        """Texts to (N, D)."""
        vectors: Floats = self.model.encode_text(self.tokenizer(texts), normalize=True).numpy()
        return vectors

    @torch.inference_mode()
    def pictures(self, images: list[Image.Image]) -> Floats:
        """Images to (N, D)."""
        rows = []
        for start in range(0, len(images), 64):
            batch = torch.stack([self.preprocess(i) for i in images[start : start + 64]])
            rows.append(self.model.encode_image(batch, normalize=True).numpy())
        return np.concatenate(rows)


def vectors_of(encoder: Encoder, images: list[Image.Image]) -> Vectors:
    """Vectors of the pictures, of both kinds of question and of both kinds of name."""
    tree = draw_taxonomy()
    return Vectors(
        pictures=encoder.pictures(images),
        held_out=encoder.words([phrase(q) for q in questions(held=True)]),
        said=encoder.words([phrase(q) for q in questions(held=False)]),
        scientific=encoder.words([f"a photo of {s.name}" for s in tree]),
        common=encoder.words([f"a photo of a {s.common_name}" for s in tree]),
    )


def judge(config: TinyConfig, say: Callable[[str], None]) -> dict[str, Any]:
    """Metrics of the published weights, of the untrained network and of chance."""
    shown = shown_in(draw_specimens(DEMO_SEED, DEMO_SPECIMENS))
    say(f"drawing {len(shown)} pictures of {DEMO_SPECIMENS} specimens never trained on")
    images = [_as_stored(s, v) for s, v in shown]
    museum = museum_of(shown)
    trained = report(vectors_of(Encoder(config.out), images), museum)
    with tempfile.TemporaryDirectory() as scratch:
        fresh = TinyConfig(**{**vars(config), "out": Path(scratch)})
        publish(build(fresh, torch.device("cpu")), fresh)
        untrained = report(vectors_of(Encoder(fresh.out), images), museum)
    return {
        "museum": {"seed": DEMO_SEED, "specimens": DEMO_SPECIMENS, "pictures": len(shown)},
        "species": len(draw_taxonomy()),
        "trained": trained,
        "untrained": untrained,
        "chance": report_chance(museum, len(draw_taxonomy())),
    }

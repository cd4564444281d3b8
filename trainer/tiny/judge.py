"""Evaluates an open_clip directory on the demo museum, beside chance and the untrained network."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image

from core import images as core_images
from core.sample.captions import phrase
from core.sample.files import file_bytes
from core.sample.museum import Museum, draw_museum
from core.sample.questions import questions
from core.sample.specimens import Specimen, relevant
from core.sample.taxonomy import draw_taxonomy
from core.sample.traits import Query
from trainer.tiny.config import TinyConfig
from trainer.tiny.evaluate import Bools, Floats, Truth, Vectors, report, report_chance
from trainer.tiny.network import build, publish

Shown = list[tuple[Specimen, str]]
MAX_PIXELS, MAX_BYTES = 1_000_000, 2_000_000


def pictures_of(museum: Museum) -> tuple[Shown, list[Image.Image]]:
    """Every picture of a museum that shows a specimen, decoded from its published file."""
    kept = [(s, view, name) for s, view, name in museum.shown() if view != "label"]
    files = [museum.files[name] for _, _, name in kept]
    images = [
        core_images.decode(file_bytes(f), max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES) for f in files
    ]
    return [(s, view) for s, view, _ in kept], images


def _relevance(asked: list[Query], shown: Shown) -> Bools:
    return np.array([[relevant(q, s, v) for s, v in shown] for q in asked])


def truth_of(shown: Shown) -> Truth:
    """The known truth about the pictures."""
    names = [s.name for s in draw_taxonomy()]
    return Truth(
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
    museum = draw_museum()
    say(f"drawing the demo museum: {len(museum.specimens)} specimens never trained on")
    shown, images = pictures_of(museum)
    truth = truth_of(shown)
    encoder = Encoder(config.out)
    trained = report(vectors_of(encoder, images), truth)
    with tempfile.TemporaryDirectory() as scratch:
        fresh = TinyConfig(**{**vars(config), "out": Path(scratch)})
        publish(build(fresh, torch.device("cpu")), fresh)
        untrained = report(vectors_of(Encoder(fresh.out), images), truth)
    return {
        "museum": {
            "seed": museum.seed,
            "specimens": len(museum.specimens),
            "pictures": len(shown),
        },
        "species": len(draw_taxonomy()),
        "parameters": sum(p.numel() for p in encoder.model.parameters()),
        "trained": trained,
        "untrained": untrained,
        "chance": report_chance(truth, len(draw_taxonomy())),
    }

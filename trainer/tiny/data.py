"""Training pictures, their captions, and which caption is true of which picture."""

import os
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.sample.captions import phrase, statements
from core.sample.drawing.picture import draw_picture
from core.sample.questions import says_held_out
from core.sample.specimens import Specimen, draw_specimens
from core.sample.taxonomy import Species, draw_taxonomy
from core.sample.traits import matches, visible
from trainer.tiny.config import TinyConfig

MARGIN = 8  # extra pixels around the crop
LABELLED = 25  # one specimen in so many also has a label-only picture
VIEWS = ("dorsal", "ventral", "whole", "label")

Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class Kind:
    """What a picture shows, as far as captions can tell: a species in a view."""

    species: Species
    view: str


@dataclass(frozen=True)
class Caption:
    """A caption and what it claims: traits, names of taxa, a view ("" claims nothing)."""

    text: str
    query: tuple[tuple[str, str | int | bool], ...] = ()
    species: str = ""
    genus: str = ""
    view: str = ""

    def true_of(self, kind: Kind) -> bool:
        """Whether every claim holds for the pictures of `kind`."""
        if kind.view == "label" or (self.view and kind.view != self.view):
            return kind.view == self.view
        if self.species and kind.species.name != self.species:
            return False
        if self.genus and kind.species.genus != self.genus:
            return False
        if not self.query:
            return True
        seen = visible(kind.species.traits, kind.view)
        return matches(dict(self.query), seen)


@dataclass(frozen=True)
class TrainingSet:
    """Pictures (N, S, S, 3) uint8 and the kind of each (N,) as an index into `kinds`."""

    pictures: Pictures
    kind_of: NDArray[np.int64]
    kinds: list[Kind]


def _draw(job: tuple[Specimen, str, float, int]) -> Pictures:
    specimen, view, reduce, side = job
    image = draw_picture(specimen, view, reduce)
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC), np.uint8)


def _jobs(config: TinyConfig) -> list[tuple[Specimen, str, float, int]]:
    side = config.image_size + MARGIN
    museum = draw_specimens(config.museum_seed, config.specimens, even=True)
    views = ([*s.views, *(["label"] if s.number % LABELLED == 0 else [])] for s in museum)
    return list(
        chain.from_iterable(
            [(s, v, config.reduce, side) for v in shown]
            for s, shown in zip(museum, views, strict=True)
        )
    )


def training_set(config: TinyConfig) -> TrainingSet:
    """Draw the training museum, or read the drawings an earlier start of the run has kept."""
    jobs = _jobs(config)
    kinds = [Kind(s, v) for s in draw_taxonomy() for v in VIEWS]
    where = {(k.species.name, k.view): i for i, k in enumerate(kinds)}
    kind_of = np.array([where[s.species.name, v] for s, v, _, _ in jobs])
    kept = config.work / "pictures.npy"
    if not kept.exists():
        config.work.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(config.threads) as pool:
            pictures = np.stack(list(pool.map(_draw, jobs, chunksize=16)))
        _replace(kept, pictures)
    return TrainingSet(np.load(kept), kind_of, kinds)


def _replace(path: Path, array: Pictures) -> None:
    """Write whole or not at all."""
    part = path.with_suffix(".part.npy")
    np.save(part, array)
    os.replace(part, path)


def _name_caption(rng: random.Random, kind: Kind) -> Caption:
    s = kind.species
    view = kind.view if rng.random() < 0.2 and kind.view != "whole" else ""
    if rng.random() < 0.15:
        return Caption(
            rng.choice(("a photo of {}", "{}", "genus {}")).format(s.genus), genus=s.genus
        )
    name = rng.choice((s.name, s.name, s.common_name, s.common_name, f"{s.name}, {s.common_name}"))
    text = rng.choice(("a photo of {}", "{}", "a specimen of {}", "a photo of a {}")).format(name)
    text = f"{view} view of {text}" if view else text
    return Caption(text, species=s.name, view=view)


def _trait_caption(rng: random.Random, kind: Kind) -> Caption:
    said = statements(visible(kind.species.traits, kind.view))
    plan = said.pop("plan")
    while True:
        names = rng.sample(sorted(said), min(len(said), rng.choice((0, 1, 1, 2, 2, 2, 3, 3, 4))))
        query: dict[str, str | int | bool] = {n: said[n] for n in names}
        if query.get("pattern", "plain") != "plain" and rng.random() < 0.7:
            query["second"] = said["second"]
        if "second" in query and rng.random() < 0.7:
            query["pattern"] = said["pattern"]
        head = rng.random()
        if head < 0.6:
            query["plan"] = plan
        elif head < 0.85:
            query["part"] = kind.species.traits.part
        if query and not says_held_out(query):
            break
    view = kind.view if rng.random() < 0.15 and kind.view != "whole" else ""
    text = rng.choice(("{}", "{}", "a photo of {}", "a specimen, {}")).format(phrase(query, rng))
    if view:
        text = rng.choice((f"{text}, {view} view", f"{view} view of {text}"))
    if "eyespots" in query and rng.random() < 0.3:
        query["eyespots"] = "any"
        text = phrase(query, rng)
        view = ""
    return Caption(text, query=tuple(sorted(query.items())), view=view)


def caption(rng: random.Random, kind: Kind) -> Caption:
    """One caption true of the kind, never saying a held-out combination of traits."""
    if kind.view == "label":
        return Caption(rng.choice(("a specimen label", "label", "a label card")), view="label")
    return _name_caption(rng, kind) if rng.random() < 0.35 else _trait_caption(rng, kind)


def truth(
    captions: list[Caption], kinds: list[Kind], shown: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which caption is true of which picture: (pictures, captions)."""
    present, back = np.unique(shown, return_inverse=True)
    table = np.array([[c.true_of(kinds[k]) for c in captions] for k in present])
    return table[back]

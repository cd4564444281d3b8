"""All that is measured of an encoder, on arrays only: it never sees a model."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import InvalidSetting
from trainer.aggregate import by_bucket, harmonic, macro, micro
from trainer.config_run import EvalSettings
from trainer.hierarchy import accuracy_by_rank, severity
from trainer.metrics import Judged, judge
from trainer.probes import Classes, Rows, prototypes, simpleshot
from trainer.statistics import bootstrap

Result = dict[str, Any]
_BUCKETED = {"i2i": "ap", "i2t": "hit@1", "t2i": "ap"}


@dataclass(frozen=True)
class Vectors:
    """Unit rows [n, D] of pictures and their classes [n]."""

    images: Rows
    classes: Classes


@dataclass(frozen=True)
class Ground:
    """What does not depend on the partition."""

    prompts: Rows
    """Unit rows [C, D], one for each class."""
    codes: NDArray[np.int64]
    """int64 [C, R] of `Taxonomy.codes`."""
    ranks: Sequence[str]
    counts: NDArray[np.int64]
    """int64 [C]: training pictures of each class."""
    bounds: Sequence[int]
    train: Vectors | None = None


def evaluate(held: Vectors, ground: Ground, own: EvalSettings) -> Result:
    """Every measure of one partition; figures in 0-1, NaN where nothing can be judged.

    i2i: pictures look for pictures of their class in the partition, themselves left out. index:
    in the training pictures. i2t: pictures look for their class among the classes of the partition,
    `all_classes` among all. t2i: classes look for pictures. prototypes: nearest training mean.
    """
    if len(held.images) == 0:
        raise InvalidSetting("there is nothing to evaluate: the partition is empty")
    present = np.unique(held.classes)
    own_place = torch.arange(len(held.images))
    tasks = {
        "i2i": (held, held, own_place),
        "i2t": (held, Vectors(ground.prompts[present], present), None),
        "t2i": (Vectors(ground.prompts[present], present), held, None),
        "all_classes": (held, Vectors(ground.prompts, np.arange(len(ground.prompts))), None),
    }
    if ground.train is not None:
        tasks["index"] = (held, ground.train, None)
        tasks["prototypes"] = (held, Vectors(*prototypes(*_pair(ground.train))), None)
    out: Result = {"pictures": len(held.images), "classes": len(present)}
    for name, (queries, gallery, place) in tasks.items():
        found = _judged(queries, gallery, place)
        out[name] = _summary(found, queries.classes, own.draws)
        if name in _BUCKETED:
            values, classes = _kept(found, queries.classes, _BUCKETED[name])
            split = by_bucket(values, classes, ground.counts, ground.bounds)
            out[name]["buckets"] = {
                str(b): {"micro": micro(v), "macro": macro(v, c), "queries": len(v)}
                for b, (v, c) in split.items()
            }
    out["names"] = _naming(held, ground)
    for shots in own.shots:
        out[f"simpleshot_{shots}"] = asdict(simpleshot(*_pair(held), shots, own.folds))
    return out


def measures(results: dict[str, Result]) -> dict[str, float]:
    """The headline figures by name, first of all the composite: harmonic over all partitions.

    A composite needs i2i, i2t and t2i; a partition in which one cannot be judged does not count.
    """
    flat: dict[str, float] = {}
    parts = []
    for partition, found in results.items():
        three = [found[task]["ap"]["micro"] for task in ("i2i", "i2t", "t2i")]
        if not np.isnan(three).any():
            parts.append(harmonic(three))
            flat[f"{partition}.all"] = parts[-1]
        for task, name in (*_BUCKETED.items(), ("index", "hit@1"), ("prototypes", "hit@1")):
            if task in found and not np.isnan(found[task][name]["micro"]):
                flat[f"{partition}.{task}.{name}"] = found[task][name]["micro"]
        flat[f"{partition}.severity"] = found["names"]["severity"]["overall"]
    return {"all": harmonic(parts) if parts else float("nan"), **flat}


def _pair(vectors: Vectors) -> tuple[Rows, Classes]:
    return vectors.images, vectors.classes


def _judged(queries: Vectors, gallery: Vectors, place: torch.Tensor | None) -> Judged:
    a, b = (torch.from_numpy(np.ascontiguousarray(side.images)) for side in (queries, gallery))
    c, d = (torch.from_numpy(side.classes) for side in (queries, gallery))
    return judge(a, b, c, d, own=place)


def _kept(found: Judged, classes: Classes, name: str) -> tuple[NDArray[np.float64], Classes]:
    return found.values[name].numpy(), classes[found.queries.numpy()]


def _summary(found: Judged, classes: Classes, draws: int) -> Result:
    """Micro and macro means, with an interval that draws whole classes."""
    out: Result = {"queries": len(found.queries), "skipped": found.skipped}
    for name in found.values:
        values, own = _kept(found, classes, name)
        out[name] = {"micro": micro(values), "macro": macro(values, own)}
        if draws and len(values):
            interval = bootstrap(values, own, draws=draws)
            out[name] |= {"low": interval.low, "high": interval.high}
    return out


def _naming(held: Vectors, ground: Ground) -> Result:
    """Zero-shot names among all classes: right at every rank, and how wrong the mistakes are."""
    scores = held.images.astype(np.float32) @ ground.prompts.T
    predicted = scores.argmax(1).astype(np.int64)
    by_rank = accuracy_by_rank(predicted, held.classes, ground.codes)
    return {
        "ranks": {r: asdict(a) for r, a in zip(ground.ranks, by_rank, strict=True)},
        "severity": asdict(severity(predicted, held.classes, ground.codes)),
    }

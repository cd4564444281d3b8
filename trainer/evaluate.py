"""All that is measured of an encoder, on arrays only: it never sees a model."""

from collections.abc import Mapping, Sequence
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
from trainer.questions import Asked
from trainer.questions import found as answered_by
from trainer.statistics import bootstrap

Result = dict[str, Any]
_ANSWERED = ("ap", "recall@10")
_BUCKETED = {"i2i": "ap", "i2t": "hit@1", "t2i": "ap"}
_NAMINGS = {
    "names": "all_classes",
    "names_index": "index",
    "names_prototypes": "prototypes",
}
"""A way to name pictures, and the task whose gallery it takes the nearest of."""
_MORE = (
    ("index", "hit@1"),
    ("prototypes", "hit@1"),
    ("full_i2i", "ap"),
    ("full_t2i", "ap"),
    ("choice_4", "hit@1"),
)


@dataclass(frozen=True)
class Vectors:
    """Unit rows [n, D] of pictures and their classes [n]."""

    images: Rows
    classes: Classes


@dataclass(frozen=True)
class Ground:
    """What does not depend on the partition."""

    prompts: Rows | None
    """Unit rows [C, D], one for each class; None where no texts are read, nor judged."""
    codes: NDArray[np.int64]
    """int64 [C, R] of `Taxonomy.codes`."""
    ranks: Sequence[str]
    counts: NDArray[np.int64]
    """int64 [C]: training pictures of each class."""
    bounds: Sequence[int]
    train: Vectors | None = None
    device: str = "cpu"
    """Where similarities are computed and sorted."""


@dataclass(frozen=True)
class Around:
    """All partitions held out with this one, itself included: `first` is where it begins."""

    every: Vectors
    first: int


def evaluate(
    held: Vectors,
    ground: Ground,
    own: EvalSettings,
    around: Around | None = None,
    asked: Mapping[str, Asked] | None = None,
) -> Result:
    """Every measure of one partition; figures in 0-1, NaN where nothing can be judged.

    i2i: pictures look for pictures of their class in the partition, themselves left out. index:
    in the training pictures. i2t: pictures look for their class among the classes of the partition,
    `all_classes` among all. t2i: classes look for pictures. prototypes: nearest training mean.
    full_*: the same among the pictures and classes of all partitions held out. choice_4: names
    against three others drawn at random.
    questions: each group of `asked` looks for the pictures that answer it.
    """
    if len(held.images) == 0:
        raise InvalidSetting("there is nothing to evaluate: the partition is empty")
    tasks = _tasks(held, ground, around)
    out: Result = {"pictures": len(held.images), "classes": len(np.unique(held.classes))}
    for name, task in tasks.items():
        found = _judged(task, ground.device)
        out[name] = _summary(found, task.queries.classes, own.draws)
        if name in _BUCKETED:
            values, classes = _kept(found, task.queries.classes, _BUCKETED[name])
            split = by_bucket(values, classes, ground.counts, ground.bounds)
            out[name]["buckets"] = {
                b: {"micro": micro(v), "macro": macro(v, c), "queries": len(v)}
                for b, (v, c) in split.items()
            }
    if ground.prompts is not None:
        out["choice_4"] = _chosen(held, ground.prompts, own.draws)
    for name, by in _NAMINGS.items():
        if by in tasks:
            out[name] = _naming(held, tasks[by].gallery, ground)
    for shots in own.shots:
        out[f"simpleshot_{shots}"] = asdict(simpleshot(*_pair(held), shots, own.folds))
    if asked:
        out["questions"] = {name: answered_by(group, held.images) for name, group in asked.items()}
    return out


@dataclass(frozen=True)
class _Task:
    """Who looks for whom; `place` of each query in the gallery, where it is not to find itself."""

    queries: Vectors
    gallery: Vectors
    place: torch.Tensor | None = None


def _tasks(held: Vectors, ground: Ground, around: Around | None) -> dict[str, _Task]:
    place = torch.arange(len(held.images))
    tasks = {"i2i": _Task(held, held, place)}
    if ground.train is not None:
        tasks["index"] = _Task(held, ground.train)
        tasks["prototypes"] = _Task(held, Vectors(*prototypes(*_pair(ground.train))))
    if around is not None:
        tasks["full_i2i"] = _Task(held, around.every, place + around.first)
    if ground.prompts is None:
        return tasks
    every = Vectors(ground.prompts, np.arange(len(ground.prompts)))
    named = _of(every, held.classes)
    tasks["i2t"], tasks["t2i"] = _Task(held, named), _Task(named, held)
    tasks["all_classes"] = _Task(held, every)
    if around is not None:
        tasks["full_i2t"] = _Task(held, _of(every, around.every.classes))
        tasks["full_t2i"] = _Task(named, around.every)
    return tasks


def _of(prompts: Vectors, classes: Classes) -> Vectors:
    present = np.unique(classes)
    return Vectors(prompts.images[present], present)


def measures(results: dict[str, Result]) -> dict[str, float]:
    """The headline figures by name, first of all the composite: harmonic over all partitions.

    A composite is over i2i, i2t and t2i, or i2i alone where no texts are read; a partition in which
    one cannot be judged does not count.
    """
    flat: dict[str, float] = {}
    parts = []
    for partition, found in results.items():
        three = [found[task]["ap"]["micro"] for task in ("i2i", "i2t", "t2i") if task in found]
        if not np.isnan(three).any():
            parts.append(harmonic(three))
            flat[f"{partition}.all"] = parts[-1]
        for task, name in (*_BUCKETED.items(), *_MORE):
            if task in found and not np.isnan(found[task][name]["micro"]):
                flat[f"{partition}.{task}.{name}"] = found[task][name]["micro"]
                for bucket, part in found[task].get("buckets", {}).items():
                    flat[f"{partition}.{task}.{name}[{bucket}]"] = part["micro"]
        if "names" in found:
            wrong = found["names"]["severity"]
            flat[f"{partition}.severity"] = wrong["overall"]
            if not np.isnan(wrong["of_mistakes"]):
                flat[f"{partition}.severity.of_mistakes"] = wrong["of_mistakes"]
        for group, answered in found.get("questions", {}).items():
            flat |= {f"{partition}.{group}.{n}": answered[n] for n in _ANSWERED if n in answered}
    return {"all": harmonic(parts) if parts else float("nan"), **flat}


def _pair(vectors: Vectors) -> tuple[Rows, Classes]:
    return vectors.images, vectors.classes


def _judged(task: _Task, device: str) -> Judged:
    sides = (task.queries, task.gallery)
    rows = (_tensor(side.images, device) for side in sides)
    classes = (_tensor(side.classes, device) for side in sides)
    found = judge(*rows, *classes, own=None if task.place is None else task.place.to(device))
    values = {name: value.cpu() for name, value in found.values.items()}
    return Judged(found.queries.cpu(), values, found.skipped)


def _tensor(array: NDArray[Any], device: str) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def _kept(found: Judged, classes: Classes, name: str) -> tuple[NDArray[np.float64], Classes]:
    return found.values[name].numpy(), classes[found.queries.numpy()]


def _summary(found: Judged, classes: Classes, draws: int) -> Result:
    """Micro and macro means, with an interval that draws whole classes."""
    out: Result = {"queries": len(found.queries), "skipped": found.skipped}
    for name in found.values:
        out[name] = _means(*_kept(found, classes, name), draws)
    return out


def _means(values: NDArray[np.float64], classes: Classes, draws: int) -> Result:
    out = {"micro": micro(values), "macro": macro(values, classes)}
    if draws and len(values):
        interval = bootstrap(values, classes, draws=draws)
        out |= {"low": interval.low, "high": interval.high}
    return out


def _chosen(held: Vectors, prompts: Rows, draws: int, others: int = 3) -> Result:
    """How often the own name fits better than three others; a tie is a mistake.

    That is the selection task of VLM4Bio (Maruf et al. 2024) for encoders. The same seed always.
    """
    if len(prompts) <= others:
        return {"queries": 0, "hit@1": {"micro": float("nan"), "macro": float("nan")}}
    rng = np.random.default_rng(0)
    right = []
    for rows in np.array_split(np.arange(len(held.classes)), 1 + len(held.classes) // 1024):
        order = rng.random((len(rows), len(prompts) - 1)).argpartition(others - 1, 1)
        # Steps from the own class around all of them: 0 is itself.
        steps = np.pad(order[:, :others] + 1, ((0, 0), (1, 0)))
        options = (steps + held.classes[rows, None]) % len(prompts)
        scores = np.einsum("qd,qod->qo", held.images[rows], prompts[options])
        right.append((scores[:, :1] > scores[:, 1:]).all(1).astype(np.float64))
    hits = np.concatenate(right)
    return {"queries": len(hits), "hit@1": _means(hits, held.classes, draws)}


def _naming(held: Vectors, named: Vectors, ground: Ground) -> Result:
    """Names by the nearest of `named`: right at every rank, and how wrong the mistakes are."""
    gallery = _tensor(named.images, ground.device)
    best = [
        (_tensor(rows, ground.device) @ gallery.T).argmax(1).cpu().numpy()
        for rows in np.array_split(held.images, max(1, len(held.images) // 512))
    ]
    predicted = named.classes[np.concatenate(best)]
    by_rank = accuracy_by_rank(predicted, held.classes, ground.codes)
    return {
        "ranks": {r: asdict(a) for r, a in zip(ground.ranks, by_rank, strict=True)},
        "severity": asdict(severity(predicted, held.classes, ground.codes)),
    }

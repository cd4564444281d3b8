"""Partitions of a data set: training, and held-out images of known and of unknown taxa.

Unknown is exact about what is unknown: `val_ood.species` has unseen species of seen genera,
`val_ood.genus` whole unseen genera, and so on. All images of one specimen, and all copies of one
file, stay together. Every draw is seeded and ends: no search for a tolerance.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidSetting, UnreadableSource
from trainer.draw import Units, draw_classes, draw_units, gather_units, thin
from trainer.taxonomy import Taxonomy

_FORMAT = "biocosmos-split-1"


@dataclass(frozen=True)
class Samples:
    """The images to split, one entry each; `sha256` may be "" and `phash` None where unknown."""

    ids: tuple[str, ...]
    classes: NDArray[np.int64]
    """int64 [n] of positions in the taxonomy's names."""
    specimens: tuple[str, ...]
    """Images of one specimen carry one value here; "" stands alone."""
    sha256: tuple[str, ...]
    phash: tuple[int | None, ...]

    def __post_init__(self) -> None:
        columns = (self.ids, self.classes, self.specimens, self.sha256, self.phash)
        if len({len(column) for column in columns}) != 1:
            raise InvalidSetting("the columns of the samples differ in length")
        if len(set(self.ids)) < len(self.ids):
            raise InvalidSetting("two samples have one id")


@dataclass(frozen=True)
class Plan:
    """Shares of all samples to hold out, each once for val and once for test.

    `known` is the share of held-out images of trained classes; `unknown` maps a rank, or "class",
    to the share of images in wholly held-out taxa of that rank. `tail` above 1 then thins the
    trained classes to a long tail: the largest has so many times the specimens of the smallest,
    which classes are rare is drawn, and what is left over goes to `unused`.
    """

    known: float = 0.1
    unknown: Mapping[str, float] = field(default_factory=lambda: {"class": 0.1})
    bounds: tuple[int, ...] = (20, 100)
    """Inclusive upper bounds of the n-shot buckets, in training images."""
    tail: float = 1.0

    def __post_init__(self) -> None:
        shares = [self.known, *self.unknown.values()]
        if min(shares) < 0 or 2 * sum(shares) >= 0.9:
            raise InvalidSetting(
                "held-out shares must be 0 or more and leave a tenth or more for training: val and "
                f"test each take {sum(shares):.3g}"
            )
        if self.tail < 1:
            raise InvalidSetting(f"the tail is a ratio of 1 or more, not {self.tail}")


PRESETS = {
    "D10": Plan(0.1, {"class": 0.1}, (20, 100)),
    "S29-42": Plan(0.0725, {"class": 0.0725}, (19, 99, 499)),
    "P38-42": Plan(0.095, {"class": 0.095}, (19, 99, 499)),
}
"""Splits of earlier work by name; draw them with seed 42. P38-42 had the species of a tree only."""


@dataclass(frozen=True)
class Split:
    """Partition name -> sorted sample ids.

    Names: train, val_id, test_id, val_ood.<rank>, test_ood.<rank>, unused.
    """

    seed: int
    bounds: tuple[int, ...]
    partitions: dict[str, tuple[str, ...]]

    def names(self, prefix: str) -> list[str]:
        """Partitions whose name starts so, such as "val" or "test_ood"."""
        return [name for name in self.partitions if name.startswith(prefix)]


def make_split(samples: Samples, taxonomy: Taxonomy, plan: Plan, seed: int) -> Split:
    """Draw the partitions: unknown taxa first, broad to fine, then known images; test before val.

    Classes with one specimen always train. A specimen filed under two classes goes to `unused`: it
    would leak one class into the other's partition.
    """
    rng = np.random.default_rng([seed, 0x51])
    units, mixed = gather_units(samples.classes, samples.specimens, samples.sha256)
    where = np.full(len(units.classes), "train", dtype=object)
    total = int(units.sizes.sum())
    for rank in _broad_to_fine(plan, taxonomy):
        for part in ("test", "val"):
            free = _classes_of(units, where == "train")
            taken = draw_classes(units, free, _parents(taxonomy, rank), plan.unknown[rank], rng)
            where[np.isin(units.classes, taken) & (where == "train")] = f"{part}_ood.{rank}"
    for part in ("test", "val"):
        left = where == "train"
        where[draw_units(units, left, plan.known * total, rng)] = f"{part}_id"
    if plan.tail > 1:
        where[thin(units, where == "train", plan.tail, rng)] = "unused"
    named: dict[str, list[str]] = {"train": []}
    for unit, name in enumerate(where):
        named.setdefault(name, []).extend(samples.ids[i] for i in units.members[unit])
    if len(mixed):
        named.setdefault("unused", []).extend(samples.ids[i] for i in mixed)
    return Split(seed, plan.bounds, {name: tuple(sorted(ids)) for name, ids in named.items()})


def small(split: Split, samples: Samples, size: int) -> Split:
    """A smoke-test split: about `size` images of each partition, stratified by class, seeded."""
    class_of = dict(zip(samples.ids, samples.classes.tolist(), strict=True))
    rng = np.random.default_rng([split.seed, 0xDE])
    out = {}
    for name, ids in split.partitions.items():
        classes = np.array([class_of[i] for i in ids])
        single = Units(classes, np.ones(len(ids), dtype=np.int64), [[i] for i in range(len(ids))])
        mask = np.ones(len(ids), dtype=bool)
        picked = draw_units(single, mask, min(size, len(ids)), rng, keep=0)
        out[name] = tuple(sorted(ids[i] for i in picked))
    return Split(split.seed, split.bounds, out)


def trained_too(split: Split, prefixes: Sequence[str]) -> Split:
    """The same with all partitions of these prefixes in `train`, as for a run before a test."""
    taken = [name for prefix in prefixes for name in split.names(prefix) if name != "train"]
    parts = {name: ids for name, ids in split.partitions.items() if name not in taken}
    more = (i for name in ("train", *taken) for i in split.partitions[name])
    return Split(split.seed, split.bounds, {**parts, "train": tuple(sorted(more))})


def train_counts(split: Split, samples: Samples, classes: int) -> NDArray[np.int64]:
    """int64 [classes]: images of each class in `train`, 0 for an unknown one."""
    mine = set(split.partitions["train"])
    inside = np.array([i in mine for i in samples.ids], dtype=bool)
    return np.bincount(samples.classes[inside], minlength=classes).astype(np.int64)


def write_split(split: Split, path: Path) -> None:
    """Write as JSON, readable by any program and by any later version of this one."""
    text = json.dumps({"format": _FORMAT, **asdict(split)}, indent=1, sort_keys=True)
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(text + "\n")
    part.replace(path)


def read_split(path: Path) -> Split:
    """Read what `write_split` wrote; raises UnreadableSource on anything else."""
    try:
        found = json.loads(path.read_text())
        if found["format"] != _FORMAT:
            raise UnreadableSource(f"{path} is a split of another format: {found['format']}")
        parts = {name: tuple(ids) for name, ids in found["partitions"].items()}
        return Split(int(found["seed"]), tuple(found["bounds"]), parts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableSource(f"{path} is not a split file: {error}") from error


def _broad_to_fine(plan: Plan, taxonomy: Taxonomy) -> list[str]:
    order = [*taxonomy.ranks, "class"]
    strange = [rank for rank in plan.unknown if rank not in order]
    if strange:
        raise InvalidSetting(f"no rank {strange[0]!r} to hold out: there are {order}")
    return [rank for rank in order if plan.unknown.get(rank, 0) > 0]


def _parents(taxonomy: Taxonomy, rank: str) -> tuple[Sequence[str], Sequence[str]]:
    """The taxon of each class that is held out whole, and the one that must stay in training."""
    own = list(taxonomy.names) if rank == "class" else taxonomy.group(rank)
    # The finest rank may be the class itself; what must stay is the nearest that is broader.
    levels = [taxonomy.group(name) for name in taxonomy.ranks]
    if rank != "class":
        levels = levels[: taxonomy.ranks.index(rank)]
    elif levels and len(set(levels[-1])) == len(taxonomy.names):
        levels = levels[:-1]
    above = levels[-1] if levels else ["everything"] * len(own)
    return own, above


def _classes_of(units: Units, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.unique(units.classes[mask])

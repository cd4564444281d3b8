"""A collection to learn from: pictures with their classes, whatever source they come from."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from PIL import Image

from core.db.tables import RANKS
from core.errors import InvalidSetting, UnreadableSource
from trainer.newick import key
from trainer.splits import Samples
from trainer.taxonomy import Taxonomy, build
from trainer.words import Said


@dataclass(frozen=True)
class Item:
    """One picture and what is known of it."""

    id: str
    class_name: str
    taxa: Mapping[str, str]
    """Rank to name, as far as known."""
    open: Callable[[], Image.Image]
    """Reads the picture; raises UnreadableImage or OSError."""
    common_name: str = ""
    specimen: str = ""
    sha256: str = ""
    phash: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    """Such as view and sex."""
    say: Callable[[random.Random], Said] | None = None
    """Words of the data's own about this picture, where there are any."""

    @property
    def shown(self) -> dict[str, str]:
        """What texts can truly claim: its class as "name", its taxa and its columns."""
        return {"name": self.class_name, **self.taxa, **self.columns}


@dataclass(frozen=True)
class Collection:
    """Pictures in the order of their ids, with the taxonomy of their classes."""

    items: tuple[Item, ...]
    taxonomy: Taxonomy

    @cached_property
    def samples(self) -> Samples:
        """What a split needs to know."""
        number = {name: i for i, name in enumerate(self.taxonomy.names)}
        classes = np.array([number[item.class_name] for item in self.items], dtype=np.int64)
        return Samples(
            tuple(item.id for item in self.items),
            classes,
            tuple(item.specimen for item in self.items),
            tuple(item.sha256 for item in self.items),
            tuple(item.phash for item in self.items),
        )

    @cached_property
    def common_names(self) -> dict[str, str]:
        """The most frequent common name of each class that has one."""
        found: dict[str, Counter[str]] = {}
        for item in self.items:
            if item.common_name:
                found.setdefault(item.class_name, Counter())[item.common_name] += 1
        return {name: min(counts, key=lambda n: (-counts[n], n)) for name, counts in found.items()}

    def columns(self, positions: Sequence[int]) -> dict[str, list[str]]:
        """Values of every column for the items at `positions`, "" where there is none."""
        names = sorted({name for item in self.items for name in item.columns})
        return {name: [self.items[i].columns.get(name, "") for i in positions] for name in names}


def collect(items: Sequence[Item], least: int) -> Collection:
    """Order items, leave out classes with fewer than `least`, and build the taxonomy."""
    counts = Counter(item.class_name for item in items)
    kept = sorted((i for i in items if counts[i.class_name] >= least), key=lambda item: item.id)
    if not kept:
        raise UnreadableSource(f"no class has {least} pictures or more: nothing to learn from")
    rows: dict[str, dict[str, str]] = {}
    for item in kept:
        row = rows.setdefault(item.class_name, {})
        for rank, name in item.taxa.items():
            row.setdefault(rank, name)
    ranks = [rank for rank in RANKS if any(row.get(rank) for row in rows.values())]
    if not ranks:
        ranks, rows = ["class_name"], {name: {"class_name": name} for name in rows}
    return Collection(tuple(kept), build(rows, ranks))


def only(collection: Collection, names: frozenset[str]) -> Collection:
    """The pictures of those classes whose `newick.key` is among `names`."""
    kept = [item for item in collection.items if key(item.class_name) in names]
    if not kept:
        raise UnreadableSource("no class is a tip of the tree: are its tips named otherwise?")
    return collect(kept, 1)


def class_of(taxa: Mapping[str, str], level: str) -> str:
    """The taxon at `level`, "" where unknown; raises InvalidSetting on a rank that is none."""
    if level not in RANKS:
        raise InvalidSetting(f"no rank {level!r}: there are {', '.join(RANKS)}")
    return taxa.get(level, "")

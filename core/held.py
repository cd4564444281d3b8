"""What the memory engine holds of a version: vectors in segments, and where each image is."""

from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.census import Census, Mask
from core.roll import Ids, Roll


@dataclass(frozen=True, eq=False)
class Segment:
    """Some vectors; never changed, so that searches go on while others are made."""

    ids: Ids
    """In the order of the index."""
    index: Any
    """Of faiss, over vectors as `core.rounded` has them."""
    lost: float
    """The most that a vector loses by that."""


@dataclass(frozen=True, eq=False)
class Passing:
    """Which of a segment pass a filter: how many, and a bit for each."""

    count: int
    bits: NDArray[np.uint8]


@dataclass
class Held:
    """What is held of one version."""

    stamp: tuple[int, ...]
    segments: tuple[Segment, ...] = ()
    bytes: int = 0
    passing: OrderedDict[str, list[Passing]] = field(default_factory=OrderedDict)
    _seen: tuple[Census, NDArray[np.int64]] | None = None
    """A census, and where each image stands in it."""

    def __post_init__(self) -> None:
        ids = [each.ids for each in self.segments]
        self._roll = Roll(np.concatenate(ids) if ids else np.empty(0, "V16"))
        self._ends = np.cumsum([len(each) for each in ids], dtype=np.int64)

    @property
    def rows(self) -> int:
        """Vectors held."""
        return len(self._roll)

    def those(self, ids: Ids) -> list[Passing]:
        """Of every segment, the images that are among `ids`; others are not held."""
        return self._parts(self._roll.among(ids))

    def look_up(self, census: Census) -> None:
        """Find out where each image stands in `census`, unless that is known."""
        if (self._seen is None or self._seen[0] is not census) and self.segments:
            self._seen = census, census.at(np.concatenate([each.ids for each in self.segments]))

    def chosen(self, census: Census, mask: Mask) -> list[Passing]:
        """Of every segment, the images that `mask` chooses of `census`."""
        self.look_up(census)
        if self._seen is None:
            return []
        at = self._seen[1]
        return self._parts(mask[at] & (at >= 0))

    def _parts(self, found: Mask) -> list[Passing]:
        parts = [found[start:end] for start, end in pairwise((0, *self._ends.tolist()))]
        return [Passing(int(p.sum()), np.packbits(p, bitorder="little")) for p in parts]

"""Naming by the nearest specimens: each votes for its own name, the nearer the more."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from core.identification.taxa import NOWHERE, Names, Taxa

NEIGHBOURS = 10
"""Distinct specimens that vote."""
SAME_PICTURE = 0.95
"""Cosine above which a picture may be the asked one itself, if its difference hash agrees too."""
SAME_WITHOUT_HASH = 0.999
"""The same, where no hash of one of them is known."""
SAME_BITS = 4
"""Bits of 64 in which the difference hashes of one picture, stored twice, may differ."""


@dataclass(frozen=True)
class Neighbour:
    """One image near the photo, and the specimen it shows."""

    image_id: UUID
    cosine: float
    specimen: UUID
    names: Names
    phash: int | None = None

    def is_picture(self, phash: int | None) -> bool:
        """Whether this is, in all likelihood, the very picture with difference hash `phash`."""
        if phash is None or self.phash is None:
            return self.cosine >= SAME_WITHOUT_HASH
        if self.cosine < SAME_PICTURE:
            return False
        return ((phash ^ self.phash) & (2**64 - 1)).bit_count() <= SAME_BITS


def distinct(neighbours: Sequence[Neighbour], k: int) -> list[Neighbour]:
    """The nearest image of each specimen, for the nearest `k` specimens that have a name."""
    kept: dict[UUID, Neighbour] = {}
    for each in neighbours:
        if any(each.names):
            kept.setdefault(each.specimen, each)
        if len(kept) == k:
            break
    return list(kept.values())


def weights(cosines: Sequence[float]) -> NDArray[np.float64]:
    """What the votes of neighbours weigh, nearest first; float64 [n], adds up to 1.

    Falls in a line from the nearest towards one step beyond the farthest, so that it needs no
    scale of the space. Source: Dudani 1976, The distance-weighted k-nearest-neighbor rule.
    """
    near = np.asarray(cosines, np.float64)
    if not near.size:
        return near
    spread = near[0] - near[-1]
    beyond = near[-1] - (spread / max(1, len(near) - 1) if spread > 1e-9 else 1.0)
    raw = near - beyond
    return np.asarray(raw / raw.sum())


@dataclass(frozen=True)
class Tally:
    """Votes by lineage: share of the votes and the best cosine (-1: none), float64 [lineages]."""

    shares: NDArray[np.float64]
    nearest: NDArray[np.float64]


def count(taxa: Taxa, neighbours: Sequence[Neighbour]) -> Tally:
    """The votes of `neighbours`, nearest first; names that `taxa` lacks do not count."""
    known = [(n.cosine, taxa.where.get(n.names, NOWHERE)) for n in neighbours]
    held = [(cosine, index) for cosine, index in known if index != NOWHERE]
    shares, nearest = np.zeros(len(taxa)), np.full(len(taxa), -1.0)
    for (cosine, index), weight in zip(held, weights([c for c, _ in held]), strict=True):
        shares[index] += weight
        nearest[index] = max(nearest[index], cosine)
    return Tally(shares, nearest)

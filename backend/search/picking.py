"""Which of the nearest are shown: one picture of several alike, the best of every group."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np

from core.db.groups import Mark

SAME_BITS = 4
"""Bits of 64 in which the difference hashes of the same picture, scaled or compressed, differ."""
SAME_COSINE = 0.998
"""Of two with such hashes: specimens on plain paper often share a hash, but look unlike."""
SAME_SCORE = 0.02
"""How far apart the same picture then scores at most."""
CANDIDATES = 10
"""Pictures with a like hash, those that score the nearest, that one is compared with."""
Pair = tuple[UUID, UUID]


@dataclass
class Pick:
    """An image found, and what stands for it or under it."""

    image_id: UUID
    score: float
    ranks: dict[str, int] | None = None
    """By embed version, where several were fused."""
    key: str | None = None
    """Value of its group."""
    size: int | None = None
    """Images that pass in its group, where they were counted."""
    folded: list[UUID] = field(default_factory=list)
    """Near-duplicates that score less."""


def candidates(found: Sequence[Pick], marks: Mapping[UUID, Mark]) -> list[Pair]:
    """(later, earlier) of `found` whose hashes say that they may be the same picture."""
    hashes = np.array([(marks[p.image_id].phash or 0) & (2**64 - 1) for p in found], np.uint64)
    scores = np.array([pick.score for pick in found])
    pairs = []
    for n in range(1, len(found)):
        if not hashes[n]:  # a picture of one colour
            continue
        near = np.bitwise_count(hashes[:n] ^ hashes[n]) <= SAME_BITS
        near &= (hashes[:n] != 0) & (scores[:n] - scores[n] <= SAME_SCORE)
        earlier = np.flatnonzero(near)[-CANDIDATES:]
        pairs += [(found[n].image_id, found[at].image_id) for at in earlier]
    return pairs


def folded(found: Sequence[Pick], marks: Mapping[UUID, Mark], same: Collection[Pair]) -> list[Pick]:
    """`found` without those that are the same file as an earlier one, or paired with it in `same`.

    These stand under it; order stays.
    """
    kept: list[Pick] = []
    stands_for: dict[UUID, Pick] = {}
    files: dict[str, Pick] = {}
    earlier: dict[UUID, list[UUID]] = {}
    for later, other in same:
        earlier.setdefault(later, []).append(other)
    for pick in found:
        own, sha256 = pick.image_id, marks[pick.image_id].sha256
        first = files.get(sha256 or "") or next(
            (stands_for[other] for other in earlier.get(own, ())), None
        )
        if first:
            first.folded.append(own)
        else:
            kept.append(pick)
        stands_for[own] = first or pick
        if sha256:
            files.setdefault(sha256, first or pick)
    return kept

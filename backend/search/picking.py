"""Which of the nearest are shown: one picture of several alike, the best of every group."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from core.db.groups import Mark

SAME_BITS = 4
"""Bits of 64 in which the difference hashes of the same picture, scaled or compressed, differ."""
SAME_SCORE = 0.02
"""How far apart these then score; other pictures with a like hash are mostly further apart."""


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


class Folding:
    """Puts near-duplicates under the first of them; the first comes first."""

    def __init__(self) -> None:
        self._kept: list[tuple[Pick, Mark]] = []

    def under(self, pick: Pick, mark: Mark) -> Pick | None:
        """What `pick` was folded under; None when it is the first of its kind."""
        for first, other in self._kept:
            if abs(first.score - pick.score) <= SAME_SCORE and alike(mark, other):
                first.folded.append(pick.image_id)
                return first
        self._kept.append((pick, mark))
        return None


def alike(one: Mark, other: Mark) -> bool:
    """Whether two images are the same picture: the same bytes, or nearly the same hash."""
    if one.sha256 and one.sha256 == other.sha256:
        return True
    if not one.phash or not other.phash:  # 0 is a picture of one colour
        return False
    return ((one.phash ^ other.phash) & (2**64 - 1)).bit_count() <= SAME_BITS


def folded(found: Iterable[Pick], marks: Mapping[UUID, Mark]) -> list[Pick]:
    """`found` without what is folded under another of them; order stays."""
    folding = Folding()
    return [pick for pick in found if folding.under(pick, marks[pick.image_id]) is None]

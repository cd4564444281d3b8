"""What a search finds, and where a list of it goes on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Hit:
    """An image and the cosine of its vector with the query's, in [-1, 1]."""

    image_id: UUID
    score: float


EDGE = 1e-5
"""How far apart two ways of finding the nearest may compute the same cosine."""


@dataclass(frozen=True)
class After:
    """Where a list goes on: past `score`, without those of `seen` that scored about the same.

    `shown` came before.
    """

    score: float
    seen: frozenset[UUID]
    shown: int

    def __contains__(self, hit: Hit) -> bool:
        return hit.score <= self.score + EDGE and hit.image_id not in self.seen


def score(distance: float) -> float:
    """Cosine similarity in [-1, 1] of a cosine distance."""
    return max(-1.0, min(1.0, 1.0 - distance))


async def going_on(
    find: Callable[[int], Awaitable[list[Hit]]], k: int, after: After | None
) -> list[Hit]:
    """`k` hits past `after`, from a way to find the first so many."""
    if after is None:
        return await find(k)
    most = after.shown + k
    while True:
        found = await find(most)
        left = [hit for hit in found if hit in after]
        if len(left) >= k or len(found) < most:
            return left[:k]
        most *= 2

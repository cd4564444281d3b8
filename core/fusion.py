"""Reciprocal rank fusion: one ranking of several whose scores cannot be compared."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)
K = 60
"""Damps the first ranks; the value of Cormack, Clarke and Büttcher, SIGIR 2009."""


def reciprocal(rankings: Mapping[str, Sequence[T]]) -> list[tuple[T, float, dict[str, int]]]:
    """Items of all `rankings` with the sum of 1 / (60 + rank) and their ranks, best first.

    Each ranking holds distinct items, best first; ranks count from 1. An item that a ranking does
    not have gets nothing from it. Ties go by the best rank, then by the item's text.
    """
    ranks: dict[T, dict[str, int]] = {}
    for name, ranking in rankings.items():
        for rank, item in enumerate(ranking, start=1):
            ranks.setdefault(item, {})[name] = rank
    fused = [(item, sum(1 / (K + rank) for rank in of.values()), of) for item, of in ranks.items()]
    return sorted(fused, key=lambda each: (-each[1], min(each[2].values()), str(each[0])))

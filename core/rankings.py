"""How alike two rankings are, how good one is by judgements, and who wins when they differ.

Rankings are sequences of distinct hashable items, best first.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal

PERSISTENCE = 0.9
"""Of rank-biased overlap: the first ten ranks carry 86 % of the weight."""


def overlap(a: Sequence[Hashable], b: Sequence[Hashable], k: int) -> float | None:
    """Share of the first `k` that two rankings have in common, in [0, 1].

    Where both are shorter, of the longer one's length; None where both are empty.
    """
    first, second = set(a[:k]), set(b[:k])
    size = max(len(first), len(second))
    return len(first & second) / size if size else None


def agreement(a: Iterable[Hashable], b: Iterable[Hashable]) -> float | None:
    """Share of labels that two lists have in common, counted as often as both have them.

    Lists of taxa, say, of which one may occur several times; None where both are empty.
    """
    first, second = Counter(a), Counter(b)
    size = max(first.total(), second.total())
    return (first & second).total() / size if size else None


def rank_biased_overlap(
    a: Sequence[Hashable], b: Sequence[Hashable], p: float = PERSISTENCE
) -> float | None:
    """Extrapolated rank-biased overlap in [0, 1] of rankings that may differ in length.

    1 for equal rankings, 0 for disjoint ones; None where either is empty. Source: Webber, Moffat
    and Zobel 2010, A similarity measure for indefinite rankings, equation 32.
    """
    short, long = sorted((a, b), key=len)
    s, n = len(short), len(long)
    if s == 0:
        return None
    shared = _shared(short, long)
    series = sum(shared[d - 1] / d * p**d for d in range(1, n + 1))
    tail = sum(shared[s - 1] * (d - s) / (s * d) * p**d for d in range(s + 1, n + 1))
    rest = ((shared[n - 1] - shared[s - 1]) / n + shared[s - 1] / s) * p**n
    return min(1.0, (1 - p) / p * (series + tail) + rest)


def _shared(short: Sequence[Hashable], long: Sequence[Hashable]) -> list[int]:
    """How many items the first d of both have in common, for d = 1 … len(long)."""
    seen_short: set[Hashable] = set()
    seen_long: set[Hashable] = set()
    counts, shared = [], 0
    for depth, item in enumerate(long):
        seen_long.add(item)
        shared += item in seen_short
        if depth < len(short):
            seen_short.add(short[depth])
            shared += short[depth] in seen_long
        counts.append(shared)
    return counts


def precision(ranking: Sequence[Hashable], judged: Mapping[Any, bool], k: int) -> float | None:
    """Share of relevant items among the judged ones of the first `k`; None where none is judged."""
    known = [judged[item] for item in ranking[:k] if item in judged]
    return sum(known) / len(known) if known else None


def ndcg(ranking: Sequence[Hashable], judged: Mapping[Any, bool], k: int) -> float | None:
    """Normalised discounted cumulative gain at `k` of the judged items, in [0, 1].

    Items that nobody judged are taken out first (condensed lists, Sakai 2007), as a version that
    nobody has judged yet would else look bad. None where nothing of it is judged relevant.
    Source: Järvelin and Kekäläinen 2002, with gains 0 and 1.
    """
    condensed = [judged[item] for item in ranking if item in judged][:k]
    best = min(k, sum(judged.values()))
    if not best or not condensed:
        return None
    gain = sum(hit / math.log2(rank + 2) for rank, hit in enumerate(condensed))
    return gain / sum(1 / math.log2(rank + 2) for rank in range(best))


def winner(relevant: bool, rank_a: int | None, rank_b: int | None) -> Literal["a", "b"] | None:
    """Which ranking did better by one judged item; None ranks stand below all others.

    A relevant item speaks for the one that ranks it higher, an irrelevant one against it.
    """
    high_a = math.inf if rank_a is None else rank_a
    high_b = math.inf if rank_b is None else rank_b
    if high_a == high_b:
        return None
    return "a" if (high_a < high_b) == relevant else "b"


def sign_test(wins: int, losses: int) -> float | None:
    """Two-sided p-value of the exact sign test; None where nothing was won or lost."""
    n = wins + losses
    if n == 0:
        return None
    tail = sum(math.comb(n, i) for i in range(min(wins, losses) + 1))
    return float(min(1.0, 2 * tail / 2**n))


def share_interval(wins: int, losses: int, z: float = 1.96) -> tuple[float, float] | None:
    """Wilson's score interval of the share won (95 % for z = 1.96); None where nothing was won.

    Source: Wilson 1927.
    """
    n = wins + losses
    if n == 0:
        return None
    share = wins / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)

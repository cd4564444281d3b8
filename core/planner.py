"""How a search is answered: by comparing with all that passes, in the database or in memory, or
by the version's index.

An approximate index is quick and wrong in a way that depends on the query: words lie away from
the pictures, and an index that finds all of a picture's neighbours misses a third of theirs. Under
a filter nobody knows what it misses. So the effort is what `bin/versions verify` measured for words
and for pictures, and under a filter all that passes is compared for as long as that is bearable.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Path = Literal["exact", "ivfflat", "hnsw", "memory"]
Modality = Literal["text", "image", "apart"]
"""What a query is made of; words and a picture together count as text, the harder of the two.

What moves away from something lies apart from all that was measured.
"""

TARGET = 0.99
"""Share of the true ten nearest that a search should find; of the true fifty, a hundredth less."""
MARGIN = 0.5
"""Share of what may be missed that a measurement may miss: fifty queries tell little."""
EXACT_ROWS = 20_000
"""Below this many vectors comparing with all of them takes under 10 ms: no index is worth it."""
EXACT_VALUES = 50_000 * 512
"""Numbers compared at most under a filter before an index is trusted: about 50 ms."""
LAST_RESORT = 10
"""Times as many are compared rather than promising less than the target."""
HARDEST = {"ivfflat": 10_000, "hnsw": 1000}
MOST_HELP = 4.0
"""How much harder an index tries under a filter, at most."""


@dataclass(frozen=True)
class Situation:
    """What is known before the search."""

    rows: int
    """Vectors in the version, roughly."""
    matching: int
    """Those that pass the filters, counted up to `most_compared` + 1; `rows` without filters."""
    filtered: bool
    dim: int
    modality: Modality
    index_kind: str
    index_params: Mapping[str, Any]
    target: float = TARGET
    in_memory: bool = False
    """Whether the memory engine holds the version."""


@dataclass(frozen=True)
class Plan:
    """The way to take, how hard the index tries (0: there is none), and the recall to expect.

    `recall` is 1 where nothing can be missed, None where nobody has measured it.
    """

    path: Path
    effort: int
    recall: float | None


EXACT = Plan("exact", 0, 1.0)
MEMORY = Plan("memory", 0, 1.0)
MEMORY_ROWS = 5_000
"""Fewer rows are compared sooner in the database than their ids travel to the memory engine."""


def most_compared(dim: int) -> int:
    """Matching rows up to which a filtered search compares with every one."""
    return max(EXACT_ROWS, EXACT_VALUES // dim)


def choose(now: Situation) -> Plan:
    """The plan for `now`."""
    if now.in_memory:
        return MEMORY if now.matching >= MEMORY_ROWS else EXACT
    if now.index_kind not in HARDEST or now.matching < EXACT_ROWS:
        return EXACT
    if now.filtered:
        if now.matching <= most_compared(now.dim):
            return EXACT
        calibrated = by_index(now)
        return Plan(calibrated.path, _harder(calibrated, now), None)
    calibrated = by_index(now)
    known = now.modality != "apart"
    missed = not known or (calibrated.recall is not None and calibrated.recall < now.target)
    bearable = now.rows * now.dim <= LAST_RESORT * EXACT_VALUES
    return EXACT if missed and bearable else calibrated


def by_index(now: Situation) -> Plan:
    """The least effort that was measured to reach the target, or the most that was measured."""
    path: Path = "ivfflat" if now.index_kind == "ivfflat" else "hnsw"
    measured = now.index_params.get("recall", {}).get(now.modality, [])
    for effort, at_10, at_50 in measured:
        if enough(at_10, at_50, now.target):
            return Plan(path, effort, at_10)
    if measured:
        return Plan(path, measured[-1][0], measured[-1][1])
    return Plan(path, int(now.index_params["effort"]), None)


def enough(at_10: float, at_50: float, target: float) -> bool:
    """Whether measured recall among ten and among fifty lets the target be promised."""
    least_10, least_50 = (1 - MARGIN * (1 - wanted) for wanted in (target, target - 0.01))
    return at_10 >= least_10 - 1e-9 and at_50 >= least_50 - 1e-9


def _harder(plan: Plan, now: Situation) -> int:
    help_needed = min(MOST_HELP, now.rows / max(1, now.matching))
    hardest = now.index_params.get("lists", HARDEST[plan.path])
    return min(int(hardest), math.ceil(plan.effort * help_needed))

"""How the database answers a search: by comparing with all that passes, or by the version's index.

An approximate index is quick and wrong in a way that depends on the query: words lie away from
the pictures, and an index that finds all of a picture's neighbours misses a third of theirs. So the
effort is what `bin/versions verify` measured for words and for pictures.

Under a filter an index that goes on until it has enough is wrong in a way nobody knows: of what the
query's own group is not, it finds nearly nothing. So it is asked for the nearest of all, as deep as
was measured, and those that pass are kept: they are the nearest that pass, whatever the filter.
Where too few of them pass, all that passes is compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Path = Literal["exact", "ivfflat", "hnsw", "memory"]
Modality = Literal["text", "image", "apart"]
"""What a query is made of; words and a picture together count as text, the harder of the two.

What moves away from something lies apart from all that was measured.
"""

TARGET = 0.99
"""Share of the true ten nearest that a search should find; of the true fifty, a hundredth less."""
SHALLOW = 50
"""Nearest up to which recall among ten and among fifty is what counts."""
DEPTH = 1000
"""Nearest looked through for those that pass a filter; so deep the recall is measured."""
EXACT_ROWS = 20_000
"""Below this many vectors comparing with all of them takes under 10 ms: no index is worth it."""
EXACT_VALUES = 50_000 * 512
"""Numbers compared at most under a filter before an index is trusted: about 50 ms."""
LAST_RESORT = 10
"""Times as many are compared rather than promising less than the target."""
INDEXES = ("ivfflat", "hnsw")


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
    k: int = SHALLOW
    """Nearest wanted."""


@dataclass(frozen=True)
class Plan:
    """The way to take, how hard the index tries (0: there is none), and the recall to expect.

    `recall` is 1 where nothing can be missed, None where nobody has measured it.
    """

    path: Path
    effort: int
    recall: float | None


EXACT = Plan("exact", 0, 1.0)


def most_compared(dim: int) -> int:
    """Matching rows up to which a filtered search compares with every one."""
    return max(EXACT_ROWS, EXACT_VALUES // dim)


def bearable(rows: int, dim: int) -> bool:
    """Whether so many are compared rather than promising less than the target."""
    return rows * dim <= LAST_RESORT * EXACT_VALUES


def choose(now: Situation) -> Plan:
    """The plan for `now`.

    By an index under a filter: of the `DEPTH` nearest those that pass, if they are enough.
    """
    if now.index_kind not in INDEXES or now.matching < EXACT_ROWS:
        return EXACT
    plan, reached = by_index(now)
    if now.filtered:
        return plan if reached and now.matching > most_compared(now.dim) else EXACT
    # Where nobody measured anything there is nothing to hold against the index.
    missed = not reached and (now.modality == "apart" or "recall" in now.index_params)
    return EXACT if missed and bearable(now.rows, now.dim) else plan


def by_index(now: Situation) -> tuple[Plan, bool]:
    """The least effort that was measured to reach the target, else the most; whether it does."""
    path: Path = "ivfflat" if now.index_kind == "ivfflat" else "hnsw"
    measured = now.index_params.get("recall", {}).get(now.modality, [])
    deep = now.filtered or now.k > SHALLOW
    for step in measured:
        if reaches(step, now.target, deep=deep) and now.k <= DEPTH:
            return Plan(path, int(step[0]), min(step[1], *step[3:]) if deep else step[1]), True
    if measured:
        return Plan(path, int(measured[-1][0]), None if deep else measured[-1][1]), False
    return Plan(path, int(now.index_params["effort"]), None), False


def reaches(step: Sequence[float], target: float, *, deep: bool) -> bool:
    """Whether a measured step lets the target be promised, `deep` down too.

    A step is [effort, recall among ten, among fifty, from half of DEPTH down to it], each the least
    to reckon with; the last is absent where those before it were too little.
    """
    _, at_10, at_50, *further = step
    if at_10 < target - 1e-9 or at_50 < target - 0.01 - 1e-9:
        return False
    return not deep or (bool(further) and further[0] >= target - 1e-9)

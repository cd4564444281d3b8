"""The taxa that images show: those below a taxon, whatever ranks are skipped; the main groups."""

from dataclasses import dataclass

import numpy as np

from core.census import Census, Mask
from core.db.tables import RANKS


@dataclass(frozen=True)
class Branch:
    """A taxon with how many images show it, and whether some say more than this."""

    rank: str
    name: str
    count: int
    parted: bool


def below(census: Census, among: Mask, rank: str | None) -> tuple[list[Branch], int]:
    """The nearest taxa below `rank` that `among` show, and how many of these show none.

    An image without a family stands under its order by its genus. Most common first.
    """
    ranks = RANKS[RANKS.index(rank) + 1 :] if rank else RANKS
    placed = np.zeros(len(census), np.bool_)
    found: list[Branch] = []
    for at, each in enumerate(ranks):
        kind = census.kind(each)
        own = among & ~placed
        deeper = np.zeros(len(census), np.bool_)
        for lower in ranks[at + 1 :]:
            deeper |= census.kind(lower).any(len(census))
        counts, parted = kind.counts(own), kind.counts(own & deeper)
        found += [
            Branch(each, kind.values[code], int(counts[code]), bool(parted[code]))
            for code in np.flatnonzero(counts).tolist()
        ]
        placed |= kind.any(len(census))
    found.sort(key=lambda branch: (-branch.count, branch.name))
    return found, int(np.count_nonzero(among & ~placed))


def groups(census: Census, enough: int, most: int) -> list[Branch]:
    """The main taxa, most common first: the largest is divided until there are enough.

    Never more than `most`, the smallest left out, and none below an order divided: of a collection
    of butterflies these are families, of a whole museum birds, insects, plants.
    """
    found, _ = below(census, np.ones(len(census), np.bool_), None)
    whole: set[Branch] = set()
    while len(found) < enough:
        largest = next((each for each in found if each not in whole and _divides(each)), None)
        if largest is None:
            break
        among = census.kind(largest.rank).holds(largest.name, len(census))
        parts, _ = below(census, among, largest.rank)
        whole.add(largest)
        if parts:
            rest = [each for each in found if each != largest]
            found = sorted(rest + parts, key=lambda each: (-each.count, each.name))[:most]
    return found[:most]


def _divides(branch: Branch) -> bool:
    return branch.parted and RANKS.index(branch.rank) <= RANKS.index("order")

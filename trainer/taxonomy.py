"""The classes of a training set with their taxa at every rank, as codes the device can look up."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidSetting, UnreadableSource


@dataclass(frozen=True)
class Taxonomy:
    """`names` of C classes, `ranks` broad to fine, and `taxa` [C][R] as written ("" unknown)."""

    names: tuple[str, ...]
    ranks: tuple[str, ...]
    taxa: tuple[tuple[str, ...], ...]

    @property
    def codes(self) -> NDArray[np.int64]:
        """int64 [C, R]: one number per taxon name within its rank, -1 for unknown."""
        out = np.full((len(self.names), len(self.ranks)), -1, dtype=np.int64)
        for column in range(len(self.ranks)):
            present = sorted({row[column] for row in self.taxa} - {""})
            code = {name: i for i, name in enumerate(present)}
            out[:, column] = [code.get(row[column], -1) for row in self.taxa]
        return out

    def group(self, rank: str) -> list[str]:
        """Each class's taxon at `rank`; raises InvalidSetting on a rank that is not there."""
        if rank not in self.ranks:
            raise InvalidSetting(f"no rank {rank!r} in this taxonomy: it has {list(self.ranks)}")
        column = self.ranks.index(rank)
        return [row[column] for row in self.taxa]


def build(rows: Mapping[str, Mapping[str, str]], ranks: Sequence[str]) -> Taxonomy:
    """Make a taxonomy from class name -> rank -> taxon, `ranks` given broad to fine.

    Names are trimmed; case is kept for display and ignored for identity.
    """
    if not rows or not ranks:
        raise UnreadableSource("a taxonomy needs at least one class and one rank")
    names = sorted(rows)
    spelling: dict[tuple[str, str], str] = {}
    taxa = []
    for name in names:
        row = []
        for rank in ranks:
            value = " ".join((rows[name].get(rank) or "").split())
            row.append(spelling.setdefault((rank, value.lower()), value))
        taxa.append(tuple(row))
    return Taxonomy(tuple(names), tuple(ranks), tuple(taxa))


@dataclass(frozen=True)
class Fault:
    """Something in a taxonomy a person should look at before training on it."""

    kind: str
    detail: str


def faults(taxonomy: Taxonomy) -> list[Fault]:
    """Classes that share one lineage to the finest rank, one taxon under two parents, and gaps.

    Two classes with one lineage have one caption and one taxonomic target: they cannot be told
    apart in training.
    """
    found = []
    lineage: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, row in zip(taxonomy.names, taxonomy.taxa, strict=True):
        lineage[tuple(taxon.lower() for taxon in row)].append(name)
    for row, names in lineage.items():
        if len(names) > 1 and row[-1]:
            found.append(Fault("same lineage", f"{', '.join(names)} are all {' > '.join(row)}"))
    for column in range(1, len(taxonomy.ranks)):
        found += _split_taxa(taxonomy, column)
    for name, row in zip(taxonomy.names, taxonomy.taxa, strict=True):
        gaps = [rank for rank, taxon in zip(taxonomy.ranks, row, strict=True) if not taxon]
        if gaps:
            found.append(Fault("unknown rank", f"{name} has no {', '.join(gaps)}"))
    return found


def _split_taxa(taxonomy: Taxonomy, column: int) -> list[Fault]:
    parents: dict[str, set[str]] = defaultdict(set)
    for row in taxonomy.taxa:
        if row[column] and row[column - 1]:
            parents[row[column]].add(row[column - 1])
    rank = taxonomy.ranks[column]
    return [
        Fault("two parents", f"{rank} {taxon} lies in {' and in '.join(sorted(above))}")
        for taxon, above in sorted(parents.items())
        if len(above) > 1
    ]

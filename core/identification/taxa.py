"""The taxa that a museum knows, as arrays: which lineage belongs to which taxon at every rank."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.db.tables import RANKS
from core.filters import Choice, Taxon

Names = tuple[str | None, ...]
"""Kingdom to species, None where a record does not say."""
NOWHERE = -1


@dataclass(frozen=True)
class Lineage:
    """What records say of one kind: its names at every rank, and a common name."""

    names: Names
    common_name: str | None = None

    @property
    def deepest(self) -> str:
        """The name at the lowest rank that has one."""
        return next(name for name in reversed(self.names) if name)

    def within(self, choice: Choice[Taxon]) -> bool:
        """Whether it belongs to one of the included taxa, if any, and to none excluded."""
        included = not choice.include or any(self._is(taxon) for taxon in choice.include)
        return included and not any(self._is(taxon) for taxon in choice.exclude)

    def _is(self, taxon: Taxon) -> bool:
        wanted = taxon.name.casefold()
        return any(
            name is not None and name.casefold() == wanted and taxon.rank in (None, rank)
            for rank, name in zip(RANKS, self.names, strict=True)
        )


class Taxa:
    """Distinct lineages, and for every rank the taxon of each.

    `codes` is int32 [ranks, lineages]: an index into `names[rank]`, or NOWHERE where the lineage
    has no name at that rank. The same name in two kingdoms is two taxa.
    """

    def __init__(self, lineages: Iterable[Lineage]) -> None:
        self.lineages: list[Lineage] = [each for each in lineages if any(each.names)]
        self.names: list[list[str]] = []
        codes = [self._coded(rank) for rank in range(len(RANKS))]
        self.codes: NDArray[np.int32] = np.array(codes, np.int32).reshape(len(RANKS), -1)

    def __len__(self) -> int:
        return len(self.lineages)

    @cached_property
    def where(self) -> dict[Names, int]:
        """Index of a lineage by its names."""
        return {each.names: index for index, each in enumerate(self.lineages)}

    @cached_property
    def ends(self) -> NDArray[np.bool_]:
        """bool [lineages]: whether nothing more precise is known below it."""
        parents = {names[:depth] for names in self.where for depth in _steps(names)}
        return np.array([_trimmed(each.names) not in parents for each in self.lineages], bool)

    def chosen(self, choice: Choice[Taxon]) -> NDArray[np.bool_]:
        """bool [lineages]: those within `choice`."""
        if not choice:
            return np.ones(len(self), bool)
        return np.array([each.within(choice) for each in self.lineages], bool)

    def sums(self, rank: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values [lineages] added up by taxon of `rank`."""
        codes = self.codes[rank]
        held = codes >= 0
        sums = np.bincount(codes[held], weights=values[held], minlength=len(self.names[rank]))
        return sums.astype(np.float64)

    def highest(self, rank: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The largest of values [lineages] by taxon of `rank`."""
        best = np.full(len(self.names[rank]), -1.0)
        codes = self.codes[rank]
        held = codes >= 0
        np.maximum.at(best, codes[held], values[held])
        return best

    def _coded(self, rank: int) -> list[int]:
        known: dict[tuple[str, str], int] = {}
        codes = []
        for each in self.lineages:
            name = each.names[rank]
            key = ((name or "").casefold(), (each.names[0] or "").casefold())
            codes.append(NOWHERE if name is None else known.setdefault(key, len(known)))
        names = [""] * len(known)
        for each, code in zip(self.lineages, codes, strict=True):
            if code != NOWHERE:
                names[code] = names[code] or str(each.names[rank])
        self.names.append(names)
        return codes


def _steps(names: Names) -> Sequence[int]:
    """Depths at which a lineage has a name, the last left out."""
    return [depth + 1 for depth, name in enumerate(names) if name][:-1]


def _trimmed(names: Names) -> Names:
    depth = max(index for index, name in enumerate(names) if name)
    return names[: depth + 1]

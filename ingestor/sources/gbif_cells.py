"""Cuts a search that is larger than GBIF's window into parts that are not."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from core.errors import UnreadableSource

Path = tuple[tuple[str, str], ...]
"""(parameter, value) from the whole to the part."""

FACETS = (
    "datasetKey",
    "year",
    "month",
    "basisOfRecord",
    "license",
    "publishingCountry",
    "kingdomKey",
    "phylumKey",
    "classKey",
    "orderKey",
    "familyKey",
    "genusKey",
    "speciesKey",
    "country",
    "hasCoordinate",
    "isInCluster",
)
"""Parameters with one value a record, tried in this order. taxonKey is none of them: a record
counts under every taxon above its own."""


@dataclass(frozen=True)
class Cell:
    """A part of the search small enough to be read."""

    path: Path
    count: int


class Counter(Protocol):
    """Counts records of a part of the search by the values of a facet."""

    async def __call__(self, path: Path, facet: str) -> tuple[int, dict[str, int]]:
        """Return (records in the part, records by value)."""


async def cells(
    counted: Counter, path: Path, count: int, window: int, after: Path = ()
) -> AsyncIterator[Cell]:
    """Cells of at most `window` records, in a fixed order, from the one at `after` on.

    Every record is in just one: a facet is used only where its counts add up, because records
    without a value could never be asked for. UnreadableSource where none of them does.
    """
    if count <= window:
        yield Cell(path, count)
        return
    facet, values = await _cut(counted, path, count)
    for value in sorted(values):
        part = (*path, (facet, value))
        if not _before(part, after):
            async for cell in cells(counted, part, values[value], window, after):
                yield cell


async def _cut(counted: Counter, path: Path, count: int) -> tuple[str, dict[str, int]]:
    used = {facet for facet, _ in path}
    for facet in FACETS:
        if facet in used:
            continue
        now, values = await counted(path, facet)
        if values and sum(values.values()) == now and max(values.values()) < now:
            return facet, values
    where = ", ".join(f"{facet}={value}" for facet, value in path) or "the search"
    raise UnreadableSource(
        f"GBIF's search gives no more than a part of the {count:,} records of {where}, and they"
        " cannot be cut into smaller parts: use --download"
    )


def _before(part: Path, after: Path) -> bool:
    """Whether an earlier run has dealt with the whole part."""
    for own, other in zip(part, after, strict=False):
        if own != other:
            return own[0] == other[0] and own[1] < other[1]
    return False

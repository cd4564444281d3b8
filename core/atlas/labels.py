"""Names on the map: where one taxon of a rank prevails, its name stands in the middle.

Three levels of zoom name ever lower ranks on ever finer grids. The page leaves out those that would
overlap on its screen, the smaller of two.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.atlas.neighbours import Floats
from core.db.tables import RANKS

GRIDS = (16, 32, 64)
"""Cells along each side, level by level."""
MOST = 400
"""Labels of a level."""
PREVAILS = 0.5
"""Share of a cell's images that a taxon needs."""

Cell = tuple[int, int]


@dataclass(frozen=True)
class Label:
    """A name at (x, y) for `count` images within `box`: left, bottom, right, top."""

    rank: str
    name: str
    x: float
    y: float
    count: int
    box: tuple[float, float, float, float]

    def as_json(self) -> dict[str, Any]:
        """As stored."""
        return asdict(self)


def levels(positions: Floats, taxa: Mapping[str, Sequence[str | None]]) -> list[list[Label]]:
    """Labels for float32 [n, 2], a list per level, the largest first.

    `taxa` holds for every rank the name of each image's taxon, or None.
    """
    ranks = named_ranks(taxa)
    return [
        label(positions, rank, taxa[rank], grid) for rank, grid in zip(ranks, GRIDS, strict=False)
    ]


def named_ranks(taxa: Mapping[str, Sequence[str | None]]) -> list[str]:
    """The highest rank that tells images apart (five taxa with 1 % each), and the two below it."""
    known = [rank for rank in RANKS if any(taxa.get(rank, ()))]
    for at, rank in enumerate(known):
        counts = Counter(name for name in taxa[rank] if name)
        if sum(count >= 0.01 * counts.total() for count in counts.values()) >= 5:
            return known[at : at + len(GRIDS)]
    return known[-len(GRIDS) :]


def label(positions: Floats, rank: str, names: Sequence[str | None], grid: int) -> list[Label]:
    """The labels of one rank on a grid of `grid` x `grid` cells, the largest first."""
    if not len(positions):
        return []
    low, size = _frame(positions, grid)
    cells = np.clip(((positions - low) / size).astype(int), 0, grid - 1)
    inside: dict[Cell, Counter[str | None]] = defaultdict(Counter)
    for (column, row), name in zip(cells.tolist(), names, strict=True):
        inside[column, row][name] += 1
    prevailing: dict[Cell, str] = {}
    for cell, counts in inside.items():
        name, count = counts.most_common(1)[0]
        if name and count >= PREVAILS * counts.total():
            prevailing[cell] = name
    found = [
        _label(rank, prevailing[region[0]], region, inside, low, size)
        for region in _regions(prevailing)
    ]
    least = max(3, len(positions) // 5000)
    kept = [each for each in found if each.count >= least]
    return sorted(kept, key=lambda each: (-each.count, each.name, each.x))[:MOST]


def _frame(positions: Floats, grid: int) -> tuple[Floats, Floats]:
    low = positions.min(axis=0)
    size = np.maximum((positions.max(axis=0) - low) / grid, 1e-6)
    return low, size.astype(np.float32)


def _regions(prevailing: Mapping[Cell, str]) -> Iterator[list[Cell]]:
    """Cells of one name that touch, corners included."""
    left = dict(prevailing)
    for first, name in prevailing.items():
        if left.pop(first, None) is None:
            continue
        region, edge = [first], [first]
        while edge:
            column, row = edge.pop()
            for cell in ((column + i, row + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
                if left.get(cell) == name:
                    del left[cell]
                    region.append(cell)
                    edge.append(cell)
        yield region


def _label(
    rank: str,
    name: str,
    region: list[Cell],
    inside: Mapping[Cell, Counter[str | None]],
    low: Floats,
    size: Floats,
) -> Label:
    cells = np.array(region, float)
    counts = np.array([inside[cell][name] for cell in region], float)
    middle = (cells * counts[:, None]).sum(axis=0) / counts.sum()
    # A bent region may not hold its own middle: the name goes to the nearest cell that it has.
    nearest = cells[((cells - middle) ** 2).sum(axis=1).argmin()]
    x, y = (low + (nearest + 0.5) * size).tolist()
    left, bottom = (low + cells.min(axis=0) * size).tolist()
    right, top = (low + (cells.max(axis=0) + 1) * size).tolist()
    return Label(rank, name, x, y, int(counts.sum()), (left, bottom, right, top))

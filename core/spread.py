"""When and where the images of a census were collected: years, months and cells of a map."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log2

import numpy as np
from numpy.typing import NDArray

from core.census import Census, Mask
from core.filters import Box

FINEST = 20
"""Halvings of 360 degrees at most: cells of 40 metres."""


@dataclass(frozen=True)
class Years:
    """Images by year, those of several possible years, and those without a date."""

    counts: dict[int, int]
    spanning: int
    undated: int


@dataclass(frozen=True)
class Months:
    """Images by month, January first, and those dated, yet of several possible months."""

    counts: list[int]
    spanning: int


@dataclass(frozen=True)
class Cell:
    """A square of a map, what lies in it, and the middle of that."""

    box: Box
    longitude: float
    latitude: float
    count: int
    image: bytes
    """Id of one of its images, 16 bytes."""


def years(census: Census, among: Mask) -> Years:
    """Images of `among` by year; a year counts what surely is of it."""
    dated = among & (census.start != 0)
    sure = dated & (census.start == census.end)
    named, counts = np.unique(census.start[sure], return_counts=True)
    total, certain = int(np.count_nonzero(dated)), int(np.count_nonzero(sure))
    by_year = dict(zip(named.tolist(), counts.tolist(), strict=True))
    return Years(by_year, total - certain, int(np.count_nonzero(among)) - total)


def months(census: Census, among: Mask) -> Months:
    """Images of `among` by month, whatever the year; a month counts what surely is of it."""
    possible = census.months[among]
    counts = [int(np.count_nonzero(possible == 1 << month)) for month in range(12)]
    return Months(counts, int(np.count_nonzero(possible)) - sum(counts))


def located(census: Census, among: Mask) -> Mask:
    """Those of `among` with coordinates."""
    return among & ~np.isnan(census.latitude)


def cells(census: Census, among: Mask, view: Box, across: int) -> list[Cell]:
    """Squares of the map that hold images of `among` within `view`, fullest first.

    Their side is 360 degrees halved until `across` of them or fewer, and more than half as many,
    span the view: panning does not move them.
    """
    width = (view.east - view.west) % 360 or 360.0
    side = 360 / 2 ** min(FINEST, floor(log2(across * 360 / width)))
    rows = np.flatnonzero(located(census, among) & _inside(census, view))
    longitude, latitude = census.longitude[rows], census.latitude[rows]
    columns = ceil(360 / side)
    x = np.minimum(np.floor((longitude + 180) / side), columns - 1).astype(np.int64)
    y = np.minimum(np.floor((latitude + 90) / side), ceil(180 / side) - 1).astype(np.int64)
    _, first, cell, counts = np.unique(
        y * columns + x, return_index=True, return_inverse=True, return_counts=True
    )
    middle = [np.bincount(cell, of) / counts for of in (longitude, latitude)] if len(rows) else []
    return [
        Cell(
            _box(int(x[first[n]]), int(y[first[n]]), side),
            float(middle[0][n]),
            float(middle[1][n]),
            int(counts[n]),
            census.ids[rows[first[n]]].tobytes(),
        )
        for n in _fullest(counts)
    ]


def _fullest(counts: NDArray[np.int64]) -> Sequence[int]:
    found: list[int] = np.argsort(-counts, kind="stable").tolist()
    return found


def _inside(census: Census, view: Box) -> Mask:
    x, y = census.longitude, census.latitude
    west, east = x >= view.west, x <= view.east
    inside: Mask = (y >= view.south) & (y <= view.north)
    return inside & ((west & east) if view.west <= view.east else (west | east))


def _box(x: int, y: int, side: float) -> Box:
    west, south = x * side - 180, y * side - 90
    return Box(west, south, min(180.0, west + side), min(90.0, south + side))

"""A version's map as it is sent: positions, colours and selections, all by number."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.atlas.curve import quantised
from core.census import Census, Kind, Mask
from core.db.atlas import Atlas, Placed

NOWHERE = 65535
"""The step of an image that is not shown."""
Codes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Chart:
    """A map and the census it goes with; never changed."""

    atlas: Atlas
    census: Census
    size: int
    """Numbers: images on the map, and gaps where some are gone."""
    steps: NDArray[np.uint16]
    """[2, size]: x and y from 0 to 65534 between the bounds, or NOWHERE."""
    shown: Mask
    """Which numbers are, bool [size]."""
    _row: NDArray[np.int64]
    """The census' row of each number; -1 where there is none."""

    def colours(self, kind: Kind, values: NDArray[np.int64], most: int) -> Codes:
        """For each number the place of its value among `values`, codes of `kind`, uint8 [size].

        `most` stands for another value, most + 1 for none. Of several values the first counts.
        """
        place = np.full(len(kind.values) + 1, most, np.uint8)
        place[values] = np.arange(len(values))
        place[-1] = most + 1
        code = np.full(len(self.census) + 1, -1)
        code[kind.rows[::-1]] = kind.codes[::-1]
        found: Codes = place[code[self._row]]
        return found

    def passing(self, mask: Mask) -> Mask:
        """Which numbers are shown and pass, bool [size]."""
        within = np.append(mask, False)
        found: Mask = within[self._row] & self.shown
        return found

    def density(self, width: int, height: int) -> NDArray[np.int64]:
        """Images in each cell, [height, width], the top row first."""
        x, y = (self.steps[axis][self.shown].astype(np.int64) for axis in (0, 1))
        cells = (height - 1 - y * height // NOWHERE) * width + x * width // NOWHERE
        return np.bincount(cells, minlength=width * height).reshape(height, width)


def draw(atlas: Atlas, placed: Placed, hidden: NDArray[np.int32], census: Census) -> Chart:
    """The chart of `placed` images, without those of the numbers `hidden`."""
    numbers, ids, positions = placed
    size = int(numbers.max(initial=-1)) + 1
    row = np.full(size, -1)
    at = np.searchsorted(census.ids, ids)  # they are in order
    at[at == len(census)] = 0
    if len(census):
        row[numbers] = np.where(census.ids[at] == ids, at, -1)
    shown = row >= 0
    shown[hidden[hidden < size]] = False
    steps = np.full((2, size), NOWHERE, np.uint16)
    steps[:, numbers] = quantised(positions).T
    steps[:, ~shown] = NOWHERE
    return Chart(atlas, census, size, steps, shown, row)

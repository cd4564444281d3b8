"""What every image of a version shows, as arrays: counting 100,000 images takes milliseconds.

Built from the facts beside the vectors (core/db/census.py) by core/counting.py; never changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.roll import Ids, Roll, as_ids

Mask = NDArray[np.bool_]
"""Which images, bool [n]."""


@dataclass(frozen=True, eq=False)
class Kind:
    """The facts of one kind, such as all countries: `values[codes[k]]` holds of image `rows[k]`."""

    values: Sequence[str]
    """Spelt as first seen."""
    rows: NDArray[np.int32]
    """Rising; an image may have several values."""
    codes: NDArray[np.int32]

    @cached_property
    def code(self) -> Mapping[str, int]:
        """Code by the value in small letters."""
        return {value.lower(): code for code, value in enumerate(self.values)}

    @cached_property
    def totals(self) -> NDArray[np.int64]:
        """Images per value, int64 [values]."""
        return np.bincount(self.codes, minlength=len(self.values))

    def total(self, value: str) -> int:
        """Images of `value`, whatever its capitals."""
        code = self.code.get(value.lower())
        return 0 if code is None else int(self.totals[code])

    @cached_property
    def _first(self) -> NDArray[np.int32]:
        """Every image that has a value, once."""
        return np.unique(self.rows)

    def counts(self, among: Mask) -> NDArray[np.int64]:
        """Images of `among` per value, int64 [values]."""
        return np.bincount(self.codes[among[self.rows]], minlength=len(self.values))

    def having(self, among: Mask) -> int:
        """How many of `among` have any value."""
        return int(np.count_nonzero(among[self._first]))

    def any(self, size: int) -> Mask:
        """Which of `size` images have a value."""
        found = np.zeros(size, np.bool_)
        found[self._first] = True
        return found

    def holds(self, value: str, size: int) -> Mask:
        """Which of `size` images have `value`, whatever its capitals."""
        found = np.zeros(size, np.bool_)
        code = self.code.get(value.lower())
        if code is not None:
            found[self.rows[self.codes == code]] = True
        return found


NOTHING = Kind((), np.empty(0, np.int32), np.empty(0, np.int32))


@dataclass(frozen=True, eq=False)
class Census:
    """All images of a version in the order of their ids."""

    ids: NDArray[np.void]
    """V16 [n]."""
    kinds: Mapping[str, Kind]
    """By the names of facts, with `decade` and `coordinates`."""
    latitude: NDArray[np.float64]
    """Degrees, NaN where unknown; [n], as all below."""
    longitude: NDArray[np.float64]
    start: NDArray[np.int32]
    """Years of the first and last day that are possible; 0 where undated."""
    end: NDArray[np.int32]
    months: NDArray[np.int16]
    """A bit for each month that is possible, January the lowest; 0 where undated."""
    complete: bool = True
    """Whether the meaning of every fact is known."""

    def __len__(self) -> int:
        return len(self.ids)

    def kind(self, name: str) -> Kind:
        """The facts of a kind; none where nothing says any."""
        return self.kinds.get(name, NOTHING)

    def says(self, name: str) -> Mask:
        """Which images say something of a facet; of a decade those that are dated at all."""
        if name in ("date", "decade"):
            dated: Mask = self.start != 0
            return dated
        if name == "coordinates":
            return ~np.isnan(self.latitude)
        return self.kind(name).any(len(self))

    @cached_property
    def _roll(self) -> Roll:
        return Roll(self.ids)

    def at(self, ids: Ids) -> NDArray[np.int64]:
        """Where each of `ids` stands here; -1 where it does not."""
        return self._roll.at(ids)

    def among(self, ids: bytes) -> Mask:
        """Those of `ids`, 16 bytes each, that are here."""
        return self._roll.among(as_ids(ids))

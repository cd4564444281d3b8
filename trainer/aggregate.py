"""From one number per query to one number per evaluation: micro, macro, buckets, composites."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidSetting

Values = NDArray[np.float64]
Classes = NDArray[np.int64]


def macro(values: Values, classes: Classes) -> float:
    """Mean over classes of the class mean; NaN for no values."""
    if len(values) == 0:
        return float("nan")
    _, group = np.unique(classes, return_inverse=True)
    return float((np.bincount(group, weights=values) / np.bincount(group)).mean())


def micro(values: Values) -> float:
    """Mean over queries; NaN for no values."""
    return float(values.mean()) if len(values) else float("nan")


def harmonic(values: Sequence[float]) -> float:
    """Harmonic mean, 0 if any value is 0: the composite of partitions and of directions."""
    if not values or min(values) < 0:
        raise InvalidSetting("a harmonic mean needs one value or more, none below 0")
    return 0.0 if min(values) == 0 else len(values) / sum(1 / value for value in values)


def bucket_of(count: int, bounds: Sequence[int]) -> int:
    """Index of the n-shot bucket of a class with `count` training images.

    `bounds` are inclusive upper bounds: (20, 100) makes <= 20, 21-100 and > 100.
    """
    return bisect_left(bounds, count)


def bucket_name(bucket: int, bounds: Sequence[int]) -> str:
    """How many training images the classes of a bucket have: "0-20", "21-100", "101+"."""
    low = bounds[bucket - 1] + 1 if bucket else 0
    return f"{low}-{bounds[bucket]}" if bucket < len(bounds) else f"{low}+"


def by_bucket(
    values: Values, classes: Classes, counts: NDArray[np.int64], bounds: Sequence[int]
) -> dict[str, tuple[Values, Classes]]:
    """Values and classes of the queries of each bucket by training count `counts` [C]."""
    if list(bounds) != sorted(set(bounds)):
        raise InvalidSetting(f"n-shot bounds must rise: {list(bounds)}")
    bucket = np.searchsorted(np.asarray(bounds), counts[classes], side="left")
    return {
        bucket_name(int(b), bounds): (values[bucket == b], classes[bucket == b])
        for b in np.unique(bucket)
    }

"""Finds images that sit on both sides of a split, by bytes and by perceptual hash."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from core.errors import Conflict
from trainer.splits import Samples, Split

_BITS = 64


@dataclass(frozen=True)
class Leak:
    """Two images in different partitions: `bits` differ in their hash, 0 and `exact` for copies."""

    first: str
    second: str
    partitions: tuple[str, str]
    exact: bool
    bits: int


def find_leaks(split: Split, samples: Samples, bits: int = 3) -> list[Leak]:
    """Pairs across partitions with equal bytes, or perceptual hashes within `bits` bits.

    None is missed: with hashes cut into bits + 1 bands, one band must be equal. Of images equal to
    each other within a partition the first stands for all. Images under `unused` do not count.
    """
    part = {i: name for name, ids in split.partitions.items() if name != "unused" for i in ids}
    inside = [i for i, name in enumerate(samples.ids) if name in part]
    names = [part.get(i, "") for i in samples.ids]
    by_bytes: dict[str, dict[str, int]] = defaultdict(dict)
    for i in inside:
        if samples.sha256[i]:
            by_bytes[samples.sha256[i]].setdefault(names[i], i)
    exact = {pair: 0 for same in by_bytes.values() for pair in combinations(same.values(), 2)}
    near = _near(samples, names, inside, bits)
    found = []
    for a, b in sorted(exact) + sorted(pair for pair in near if pair not in exact):
        distance = 0 if (a, b) in exact else near[a, b]
        both = (names[a], names[b])
        found.append(Leak(samples.ids[a], samples.ids[b], both, (a, b) in exact, distance))
    return found


def refuse_leaks(leaks: list[Leak], *, allow_near: bool = False) -> None:
    """Raise Conflict on any leak; with `allow_near` only on identical bytes."""
    bad = [leak for leak in leaks if leak.exact or not allow_near]
    if bad:
        one = bad[0]
        how = "the same file" if one.exact else f"nearly the same picture ({one.bits} bits apart)"
        raise Conflict(
            f"{len(bad)} pairs of images lie on both sides of the split, such as {one.first} "
            f"({one.partitions[0]}) and {one.second} ({one.partitions[1]}), {how}: give them one "
            "specimen, or leave one out"
        )


def _near(
    samples: Samples, names: list[str], inside: list[int], bits: int
) -> dict[tuple[int, int], int]:
    first: dict[tuple[int, str], int] = {}
    for i in inside:
        value = samples.phash[i]
        if value is not None:
            first.setdefault((value & (2**_BITS - 1), names[i]), i)
    values = {i: value for (value, _), i in first.items()}
    edges = np.linspace(0, _BITS, bits + 2).astype(int).tolist()
    found: dict[tuple[int, int], int] = {}
    for low, high in zip(edges, edges[1:], strict=False):
        bands: dict[int, list[int]] = defaultdict(list)
        for i in values:
            bands[values[i] >> low & ((1 << (high - low)) - 1)].append(i)
        for group in bands.values():
            for a, b in combinations(group, 2):
                distance = (values[a] ^ values[b]).bit_count()
                if distance <= bits and names[a] != names[b]:
                    found[min(a, b), max(a, b)] = distance
    return found

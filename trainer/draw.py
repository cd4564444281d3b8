"""Seeded stratified draws that always end: systematic sampling instead of trial and error."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.int64]
_Taxon = tuple[str, str]
"""A taxon under its broader one: names alone recur elsewhere."""

_TRIES = 200
"""Orders of taxa that `draw_classes` compares for the share of images they yield."""


@dataclass(frozen=True)
class Units:
    """What is drawn as one: images of one specimen, or copies of one file."""

    classes: Classes
    sizes: Classes
    """Images in each unit."""
    members: list[list[int]]
    """Positions of those images."""


def gather_units(
    classes: Classes, specimens: Sequence[str], sha256: Sequence[str]
) -> tuple[Units, list[int]]:
    """Join images by specimen and by identical bytes; also the images of units of two classes."""
    leader = list(range(len(classes)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    for column in (specimens, sha256):
        first: dict[Hashable, int] = {}
        for i, value in enumerate(column):
            if value:
                leader[find(i)] = find(first.setdefault(value, i))
    joined: dict[int, list[int]] = defaultdict(list)
    for i in range(len(classes)):
        joined[find(i)].append(i)
    pure = [m for m in joined.values() if len(set(classes[m].tolist())) == 1]
    mixed = [i for m in joined.values() if len(set(classes[m].tolist())) > 1 for i in m]
    sizes = np.array([len(m) for m in pure], dtype=np.int64)
    own = np.array([classes[m[0]] for m in pure], dtype=np.int64)
    return Units(own, sizes, pure), mixed


def draw_classes(
    units: Units,
    free: Classes,
    levels: tuple[Sequence[str], Sequence[str]],
    share: float,
    rng: np.random.Generator,
) -> Classes:
    """Whole taxa of the classes `free` with about `share` of all images, as class ids.

    `levels` gives each class's taxon to hold out and the broader taxon it belongs to. Each broader
    taxon keeps one taxon or more, so what is unseen is unseen at this rank only; taxa without a
    name or without a broader one are never drawn. Of several seeded orders the one nearest to the
    share is taken.
    """
    own, above = levels
    images = np.bincount(units.classes, weights=units.sizes, minlength=len(own))
    members: dict[_Taxon, list[int]] = defaultdict(list)
    for c in free.tolist():
        if own[c] and above[c]:
            members[above[c], own[c]].append(c)
    taxa = sorted(members)
    size = {taxon: images[members[taxon]].sum() for taxon in taxa}
    want = share * units.sizes.sum()
    best: tuple[float, list[_Taxon]] = (want, [])
    for _ in range(_TRIES):
        order = [taxa[i] for i in rng.permutation(len(taxa))]
        picked = _fill(order, size, want)
        miss = abs(sum(size[taxon] for taxon in picked) - want)
        if miss < best[0]:
            best = (miss, picked)
    return np.array(sorted(c for taxon in best[1] for c in members[taxon]), dtype=np.int64)


def draw_units(
    units: Units, mask: NDArray[np.bool_], images: float, rng: np.random.Generator, keep: int = 1
) -> Classes:
    """Units under `mask` with about `images` images in all, each class in proportion to its size.

    Systematic sampling along the classes from rare to common: a class of n units yields its
    expected number rounded up or down, and the total is right to one class's last unit. At least
    `keep` units of each class stay behind.
    """
    at = np.flatnonzero(mask)
    shuffled = at[rng.permutation(len(at))]
    classes, counts = np.unique(units.classes[at], return_counts=True)
    total = units.sizes[at].sum()
    if total == 0 or images <= 0:
        return np.zeros(0, dtype=np.int64)
    able = np.maximum(counts - keep, 0)
    # Singletons cannot give, so the others give a little more.
    weight = np.where(able > 0, counts, 0)
    rate = min(1.0, images / total * counts.sum() / max(weight.sum(), 1))
    order = np.lexsort((rng.permutation(len(classes)), counts))
    edges = np.floor(np.cumsum(rate * weight[order]) + rng.random()).astype(np.int64)
    take = dict(zip(classes[order].tolist(), np.diff(edges, prepend=0).tolist(), strict=True))
    most = dict(zip(classes.tolist(), able.tolist(), strict=True))
    left = {c: min(take[c], most[c]) for c in take}
    out = []
    for unit in shuffled.tolist():
        c = int(units.classes[unit])
        if left[c] > 0:
            left[c] -= 1
            out.append(unit)
    return np.array(sorted(out), dtype=np.int64)


def thin(units: Units, mask: NDArray[np.bool_], ratio: float, rng: np.random.Generator) -> Classes:
    """Units under `mask` to leave out, so that the classes form an exponential long tail.

    In a drawn order, class k of K keeps most * ratio^(-k / (K - 1)) units, one or more (Cui et al.
    2019, "Class-balanced loss", long-tailed CIFAR), or all it has where they are fewer.
    """
    at = np.flatnonzero(mask)
    shuffled = at[rng.permutation(len(at))]
    classes, counts = np.unique(units.classes[at], return_counts=True)
    share = ratio ** -(rng.permutation(len(classes)) / max(len(classes) - 1, 1))
    keep = np.maximum(1, np.rint(counts.max() * share)).astype(np.int64)
    left = dict(zip(classes.tolist(), keep.tolist(), strict=True))
    out = []
    for unit in shuffled.tolist():
        c = int(units.classes[unit])
        left[c] -= 1
        if left[c] < 0:
            out.append(unit)
    return np.array(sorted(out), dtype=np.int64)


def _fill(order: list[_Taxon], size: dict[_Taxon, float], want: float) -> list[_Taxon]:
    """Take taxa in this order while they fit and leave their parent another taxon."""
    remaining: dict[str, int] = defaultdict(int)
    for taxon in order:
        remaining[taxon[0]] += 1
    picked, got = [], 0.0
    for taxon in order:
        fits = abs(got + size[taxon] - want) < abs(got - want)
        if fits and remaining[taxon[0]] > 1:
            picked.append(taxon)
            got += size[taxon]
            remaining[taxon[0]] -= 1
    return picked

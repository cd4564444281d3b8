"""Naming without a text tower: class means and SimpleShot, on arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidSetting

Rows = NDArray[np.float32]
Classes = NDArray[np.int64]


def unit(rows: NDArray[np.floating]) -> Rows:
    """Rows scaled to length 1 in float32; a row of zeros stays."""
    wide = rows.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(np.where(length > 0, wide / np.maximum(length, 1e-30), 0), np.float32)


def prototypes(images: Rows, classes: Classes) -> tuple[Rows, Classes]:
    """Normalised means of unit rows [n, D], one for each class present, with their classes."""
    present, group = np.unique(classes, return_inverse=True)
    sums = np.zeros((len(present), images.shape[1]))
    np.add.at(sums, group, unit(images))
    return unit(sums), present.astype(np.int64)


@dataclass(frozen=True)
class Shots:
    """Micro accuracy over all folds, its standard deviation between folds, and what was judged."""

    accuracy: float
    spread: float
    classes: int
    left_out: int
    """Classes with too few pictures to give `shots` and one question."""


def simpleshot(images: Rows, classes: Classes, shots: int, folds: int, seed: int = 0) -> Shots:
    """CL2N nearest-centroid classification (Wang et al. 2019, SimpleShot).

    The mean of the support is taken off, rows are scaled to length 1, centroids are means of
    `shots` rows, not scaled again; the nearest in L2 wins. All remaining pictures are questions.
    """
    if shots < 1 or folds < 1:
        raise InvalidSetting("SimpleShot needs one shot and one fold or more")
    names, counts = np.unique(classes, return_counts=True)
    able = names[counts > shots]
    if len(able) < 2:
        return Shots(float("nan"), float("nan"), len(able), len(names) - len(able))
    inside = np.flatnonzero(np.isin(classes, able))
    rows, label = unit(images[inside]), np.searchsorted(able, classes[inside])
    found = []
    for fold in range(folds):
        order = np.random.default_rng([seed, shots, fold]).permutation(len(rows))
        order = order[np.argsort(label[order], kind="stable")]
        start = np.concatenate([[0], np.cumsum(np.bincount(label))[:-1]])
        place = np.arange(len(order)) - start[label[order]]
        support, asked = order[place < shots], order[place >= shots]
        centre = rows[support].mean(0)
        centroids = unit(rows[support] - centre).reshape(len(able), shots, -1).mean(1)
        questions = unit(rows[asked] - centre)
        distance = (centroids**2).sum(1)[None] - 2 * questions @ centroids.T
        found.append(float((distance.argmin(1) == label[asked]).mean()))
    return Shots(float(np.mean(found)), float(np.std(found)), len(able), len(names) - len(able))

"""Streams that look at classes: balanced, repeated, P x K, and near taxa as hard negatives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidSetting
from trainer.streams import Chain, Indices, Stream, keyed_rng


@dataclass(frozen=True)
class Balance:
    """Class probability proportional to n^tau: 1 as collected, 0.5 square root, 0 all equal.

    With `end` tau moves there in a straight line over `steps` (progressive balancing, Kang 2020).
    """

    tau: float
    end: float | None = None
    steps: int = 0

    def __post_init__(self) -> None:
        taus = (self.tau, self.tau if self.end is None else self.end)
        if min(taus) < 0 or max(taus) > 1:
            raise InvalidSetting(f"tau must lie between 0 and 1, not {taus}")
        if self.end is not None and self.steps < 1:
            raise InvalidSetting("a moving tau needs the number of steps it moves over")

    def at(self, step: int) -> float:
        """tau at a step."""
        if self.end is None:
            return self.tau
        return self.tau + (self.end - self.tau) * min(step / self.steps, 1.0)

    def probabilities(self, counts: Indices, step: int) -> NDArray[np.float64]:
        """float64 [C] of class probabilities; absent classes have 0."""
        raw = np.where(counts > 0, np.maximum(counts, 1.0) ** self.at(step), 0.0)
        return np.asarray(raw / raw.sum())


class _ByClass:
    """Sample positions of each class."""

    def __init__(self, classes: Indices) -> None:
        if len(classes) == 0:
            raise InvalidSetting("there is nothing to draw from: the training partition is empty")
        self.counts = np.bincount(classes)
        self._order = np.argsort(classes, kind="stable")
        self._start = np.concatenate([[0], np.cumsum(self.counts)])

    def pick(self, classes: Indices, rng: np.random.Generator) -> Indices:
        """One sample of each class, uniformly, with replacement."""
        inside = (rng.random(len(classes)) * self.counts[classes]).astype(np.int64)
        return self._order[self._start[classes] + inside]

    def of(self, c: int) -> Indices:
        """All samples of a class."""
        return self._order[self._start[c] : self._start[c + 1]]


class Balanced:
    """Classes by `Balance`, then images of a class at random, with replacement.

    Classes are drawn systematically: in each batch a class comes within one of its expected number.
    """

    def __init__(self, classes: Indices, batch_size: int, seed: int, balance: Balance) -> None:
        self.batch_size, self._seed, self._balance = batch_size, seed, balance
        self._by_class = _ByClass(classes)

    def batch(self, step: int) -> Indices:
        """See `Stream.batch`."""
        rng = keyed_rng(self._seed, 1, step)
        share = self._balance.probabilities(self._by_class.counts, step)
        order = rng.permutation(len(share))
        edges = np.cumsum(share[order]) * self.batch_size
        marks = np.arange(self.batch_size) + rng.random()
        at = np.minimum(
            np.searchsorted(edges, marks, side="right"), np.flatnonzero(share[order])[-1]
        )
        return rng.permutation(self._by_class.pick(order[at], rng))


class Repeated:
    """Each pass holds an image max(1, sqrt(threshold / class share)) times (Gupta et al. 2019).

    Fractions are rounded at random anew each pass, to a constant length.
    """

    def __init__(self, classes: Indices, batch_size: int, seed: int, threshold: float) -> None:
        if not 0 < threshold <= 1:
            raise InvalidSetting(f"the repeat threshold must be in (0, 1], not {threshold}")
        self.batch_size, self._seed = batch_size, seed
        share = _ByClass(classes).counts / len(classes)
        self._edges = np.cumsum(np.maximum(1.0, np.sqrt(threshold / share[classes])))
        self.length = int(self._edges[-1])
        """Samples in one pass."""
        self._recent: tuple[int, Indices] = (-1, classes)

    def batch(self, step: int) -> Indices:
        """See `Stream.batch`."""
        start, out = step * self.batch_size, []
        missing = self.batch_size
        while missing:
            number, offset = divmod(start, self.length)
            part = self._pass(number)[offset : offset + missing]
            out.append(part)
            start, missing = start + len(part), missing - len(part)
        return np.concatenate(out)

    def _pass(self, number: int) -> Indices:
        recent = self._recent  # read once: several threads may ask
        if recent[0] != number:
            rng = keyed_rng(self._seed, 2, number)
            upto = np.floor(self._edges + rng.random()).astype(np.int64)
            whole = np.repeat(np.arange(len(upto)), upto - np.concatenate([[0], upto[:-1]]))
            recent = self._recent = (number, rng.permutation(whole)[: self.length])
        return recent[1]


class ClassesTimesImages:
    """P classes of K images each, so that every image has others of its class in the batch.

    Classes are drawn without replacement, by `Balance`; images too unless the class has under K.
    """

    def __init__(
        self, classes: Indices, batch_size: int, seed: int, images: int, balance: Balance
    ) -> None:
        self._by_class = _ByClass(classes)
        self.batch_size, self._seed, self._balance = batch_size, seed, balance
        self._images, self._classes = images, batch_size // max(images, 1)
        present = int((self._by_class.counts > 0).sum())
        if images < 1 or batch_size % images or self._classes > present:
            raise InvalidSetting(
                f"a batch of {batch_size} cannot hold {images} images each of different classes: "
                f"it must be a multiple of {images}, and there are {present} classes"
            )

    def batch(self, step: int) -> Indices:
        """See `Stream.batch`."""
        rng = keyed_rng(self._seed, 3, step)
        share = self._balance.probabilities(self._by_class.counts, step)
        # Gumbel top-k draws without replacement in proportion to the shares.
        with np.errstate(divide="ignore"):
            keys = np.log(share) + rng.gumbel(size=len(share))
        out = []
        for c in np.argsort(-keys)[: self._classes].tolist():
            mine = self._by_class.of(c)
            out.append(rng.choice(mine, self._images, replace=len(mine) < self._images))
        return np.concatenate(out)


class Neighbours:
    """Replaces a share of another stream's batch by images of taxa near those it drew.

    `near` int64 [C, k] holds each class's nearest classes, -1 where there are fewer. The inner
    stream draws the remaining (1 - share) of the batch.
    """

    def __init__(
        self, inner: Stream, classes: Indices, near: Indices, extra: int, seed: int
    ) -> None:
        if extra < 1:
            raise InvalidSetting("near taxa need one place or more in each batch")
        self.batch_size = inner.batch_size + extra
        self._inner, self._classes, self._extra, self._seed = inner, classes, extra, seed
        self._by_class = _ByClass(classes)
        counts = np.bincount(classes, minlength=len(near))
        self._near = np.where((near >= 0) & (counts[near] > 0), near, -1)
        if not (self._near[np.unique(classes)] >= 0).any():
            raise InvalidSetting("no class has a near taxon with images to draw from")

    def batch(self, step: int) -> Indices:
        """See `Stream.batch`."""
        base = self._inner.batch(step)
        rng = keyed_rng(self._seed, 4, step)
        able = base[(self._near[self._classes[base]] >= 0).any(1)]
        anchors = rng.permutation(able)
        if len(anchors) == 0:
            more = Chain(np.arange(len(self._classes)), self._seed, key=5)
            return np.concatenate([base, more.take(step * self._extra, self._extra)])
        anchors = np.resize(anchors, self._extra)
        options = self._near[self._classes[anchors]]
        score = np.where(options >= 0, rng.random(options.shape), -1.0)
        chosen = options[np.arange(len(options)), score.argmax(1)]
        return np.concatenate([base, self._by_class.pick(chosen, rng)])


def nearest_taxa(likeness: NDArray[np.float64], k: int) -> Indices:
    """int64 [C, k]: each class's k most alike other classes with likeness above 0, -1 beyond.

    `likeness` [C, C] is any target table, taxonomic or phylogenetic.
    """
    scores = np.array(likeness, dtype=np.float64)
    np.fill_diagonal(scores, -1.0)
    k = min(k, len(scores) - 1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.where(np.take_along_axis(scores, order, 1) > 0, order, -1)

"""Which samples make up training step s: pure functions of (seed, step).

Nothing is remembered between steps, so a run resumes by asking for the next step, at any number of
ranks and workers: ranks take slices of one and the same global batch.
"""

import hashlib
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidSetting

Indices = NDArray[np.int64]


class Stream(Protocol):
    """An endless sequence of global batches."""

    @property
    def batch_size(self) -> int:
        """Samples in each global batch."""
        ...

    def batch(self, step: int) -> Indices:
        """int64 [batch_size] sample positions of a step, counted from 0."""
        ...


def share_of_rank(batch: Indices, rank: int, world: int) -> Indices:
    """The slice of a global batch that one rank works on; it must divide evenly."""
    if len(batch) % world:
        raise InvalidSetting(f"a batch of {len(batch)} cannot be shared evenly by {world} ranks")
    size = len(batch) // world
    return batch[rank * size : (rank + 1) * size]


def sample_seed(seed: int, position: int, sample_id: str) -> int:
    """63-bit seed for the augmentation and caption of one draw of one sample.

    `position` is step * batch_size + place in the global batch. Hashed, so that neighbouring seeds
    and positions share nothing, and independent of workers and ranks.
    """
    text = f"{seed}\x1f{position}\x1f{sample_id}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1


def keyed_rng(seed: int, *key: int) -> np.random.Generator:
    """A generator that depends on all of the key, without overlaps between keys."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


class Chain:
    """Permutations of n items end to end: every aligned block of n holds each once.

    There is no restart between passes and no partial batch; a batch may exceed n.
    """

    def __init__(self, items: Indices, seed: int, key: int = 0) -> None:
        if len(items) == 0:
            raise InvalidSetting("there is nothing to draw from: the training partition is empty")
        self._items, self._seed, self._key = items, seed, key
        self._recent: tuple[int, Indices] = (-1, items)

    def take(self, start: int, count: int) -> Indices:
        """Items at chain positions [start, start + count)."""
        out, n = [], len(self._items)
        while count > 0:
            number, offset = divmod(start, n)
            part = self._pass(number)[offset : offset + count]
            out.append(part)
            start, count = start + len(part), count - len(part)
        return np.concatenate(out)

    def _pass(self, number: int) -> Indices:
        recent = self._recent  # read once: several threads may ask
        if recent[0] != number:
            order = keyed_rng(self._seed, self._key, number).permutation(self._items)
            recent = self._recent = (number, order)
        return recent[1]


class Shuffled:
    """Every sample once per pass, in a new order each pass."""

    def __init__(self, samples: int, batch_size: int, seed: int) -> None:
        self.batch_size = _positive(batch_size)
        self._chain = Chain(np.arange(samples), seed)

    def batch(self, step: int) -> Indices:
        """See `Stream.batch`."""
        return self._chain.take(step * self.batch_size, self.batch_size)


class Homogeneous:
    """Batches of one group each, such as all dorsal or all ventral views, shuffled within it.

    Groups too small for one batch are put together into one mixed group rather than repeated or
    left out. Each round of batches gives every group its share by size, one batch at least.
    """

    def __init__(self, groups: list[str], batch_size: int, seed: int) -> None:
        self.batch_size = _positive(batch_size)
        self._seed = seed
        names = np.array(groups)
        values, counts = np.unique(names, return_counts=True)
        large = [np.flatnonzero(names == v) for v in values[counts >= batch_size]]
        rest = np.flatnonzero(np.isin(names, values[counts < batch_size]))
        parts = [*large, rest] if len(rest) else large
        self._chains = [Chain(part, seed, key=i) for i, part in enumerate(parts)]
        sizes = np.array([len(part) for part in parts])
        self._batches = np.maximum(np.round(sizes / batch_size).astype(np.int64), 1)

    def batch(self, step: int) -> Indices:
        """See `Stream.batch`."""
        number, place = divmod(step, int(self._batches.sum()))
        plan = np.repeat(np.arange(len(self._chains)), self._batches)
        plan = keyed_rng(self._seed, len(self._chains), number).permutation(plan)
        group = int(plan[place])
        before = number * int(self._batches[group]) + int((plan[:place] == group).sum())
        return self._chains[group].take(before * self.batch_size, self.batch_size)


def _positive(batch_size: int) -> int:
    if batch_size < 1:
        raise InvalidSetting(f"the batch must hold 1 sample or more, not {batch_size}")
    return batch_size

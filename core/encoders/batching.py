"""Greedy dynamic batching: whatever waits when the model is free goes in one batch, no timer."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import Unavailable

Item = TypeVar("Item")
Vectors = NDArray[np.float32]


class Batcher(Generic[Item]):
    """Joins concurrent requests of one event loop into batches for a blocking function.

    A request alone waits for nothing; requests that arrive while a batch runs share the next one.
    """

    def __init__(
        self,
        encode: Callable[[list[Item]], Vectors],
        executor: Executor,
        *,
        most: int,
        waiting: int = 1024,
    ) -> None:
        self._encode = encode
        self._executor = executor
        self._most = most
        self._limit = waiting
        self._waiting: deque[tuple[Item, asyncio.Future[Vectors]]] = deque()
        self._draining: asyncio.Task[None] | None = None
        self.batches = 0
        """Batches run so far."""

    async def submit(self, item: Item) -> Vectors:
        """The row of `encode` for `item`; Unavailable where too many wait already."""
        if len(self._waiting) >= self._limit:
            raise Unavailable("too many queries wait for the model; try again in a moment")
        future: asyncio.Future[Vectors] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            batch = [(item, future) for item, future in taken if not future.done()]  # client gone
            if batch:
                await self._answer(batch)

    async def _answer(self, batch: Sequence[tuple[Item, asyncio.Future[Vectors]]]) -> None:
        self.batches += 1
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(
                self._executor, self._encode, [item for item, _ in batch]
            )
        except Exception as error:
            if len(batch) > 1:  # one bad item must not fail its neighbours
                for single in batch:
                    await self._answer([single])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        for (_, future), row in zip(batch, rows, strict=True):
            if not future.done():
                future.set_result(row)

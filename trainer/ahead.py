"""Batches made a few steps before they are wanted."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from trainer.engine_step import Batch

Load = Callable[[int], Batch]
"""Gives the batch of a step."""


@contextmanager
def ahead(load: Load, first: int, last: int, workers: int) -> Iterator[Iterator[Batch]]:
    """Batches in order, made by threads a few steps ahead."""
    with ThreadPoolExecutor(workers, "batch") as pool:
        waiting: list[Future[Batch]] = []

        def batches() -> Iterator[Batch]:
            coming = iter(range(first, last))
            for _ in range(first, last):
                while len(waiting) <= workers and (step := next(coming, None)) is not None:
                    waiting.append(pool.submit(load, step))
                yield waiting.pop(0).result()

        try:
            yield batches()
        finally:
            for future in waiting:
                future.cancel()

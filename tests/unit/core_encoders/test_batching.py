"""Requests that wait share a batch; a lone one waits for nothing; a bad one harms nobody."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.encoders.batching import Batcher
from core.errors import Unavailable


class Gate:
    """Encodes numbers as rows, but only when let go."""

    def __init__(self):
        self.open = threading.Event()
        self.started = threading.Event()
        self.batches = []

    def __call__(self, items):
        self.started.set()
        assert self.open.wait(10)
        self.batches.append(list(items))
        if "bad" in items:
            raise ValueError("bad item")
        return np.array([[item] for item in items], np.float32)


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as made:
        yield made


async def started(gate):
    assert await asyncio.to_thread(gate.started.wait, 10)


async def test_what_waits_shares_the_next_batches(executor):
    gate = Gate()
    batcher = Batcher(gate, executor, most=4)
    first = asyncio.create_task(batcher.submit(0))
    await started(gate)
    rest = [asyncio.create_task(batcher.submit(n)) for n in range(1, 8)]
    await asyncio.sleep(0)
    gate.open.set()
    rows = await asyncio.gather(first, *rest)
    assert [float(row[0]) for row in rows] == list(range(8))
    assert gate.batches == [[0], [1, 2, 3, 4], [5, 6, 7]]
    assert batcher.batches == 3


async def test_a_bad_item_fails_alone(executor):
    gate = Gate()
    batcher = Batcher(gate, executor, most=4)
    first = asyncio.create_task(batcher.submit(0))
    await started(gate)
    rest = [asyncio.create_task(batcher.submit(item)) for item in (1, "bad", 2)]
    await asyncio.sleep(0)
    gate.open.set()
    results = await asyncio.gather(first, *rest, return_exceptions=True)
    assert isinstance(results[2], ValueError)
    assert [float(results[n][0]) for n in (0, 1, 3)] == [0, 1, 2]
    assert float((await batcher.submit(9))[0]) == 9


async def test_a_caller_that_left_is_not_encoded(executor):
    gate = Gate()
    batcher = Batcher(gate, executor, most=4)
    first = asyncio.create_task(batcher.submit(0))
    await started(gate)
    gone, stays = (asyncio.create_task(batcher.submit(n)) for n in (1, 2))
    await asyncio.sleep(0)
    gone.cancel()
    gate.open.set()
    assert float((await stays)[0]) == 2
    await first
    assert gate.batches == [[0], [2]]


async def test_too_many_waiting_is_unavailable(executor):
    gate = Gate()
    batcher = Batcher(gate, executor, most=1, waiting=2)
    first = asyncio.create_task(batcher.submit(0))
    await started(gate)
    rest = [asyncio.create_task(batcher.submit(n)) for n in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await batcher.submit(3)
    gate.open.set()
    await asyncio.gather(first, *rest)

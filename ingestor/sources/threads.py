"""A generator that reads files, run in worker threads so that the event loop stays free."""

import asyncio
import threading
from collections.abc import AsyncIterator, Generator

from ingestor.sources.base import Page


async def in_threads(reading: Generator[Page, None, None]) -> AsyncIterator[Page]:
    """Yield the generator's pages; when cancelled, close it once its step has ended."""
    one_at_a_time = threading.Lock()

    def step() -> Page | None:
        with one_at_a_time:
            return next(reading, None)

    def close() -> None:
        with one_at_a_time:
            reading.close()

    try:
        while (page := await asyncio.to_thread(step)) is not None:
            yield page
    finally:
        await asyncio.to_thread(close)

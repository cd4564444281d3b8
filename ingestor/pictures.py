"""Takes images from pending to ok, or to why not; any number of processes at once."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncEngine

from core import images
from core.db.engine import translate_errors
from core.errors import FetchError, TooLarge, UnreadableImage
from core.settings import Settings
from core.storage import Store
from ingestor import leases
from ingestor.fetch import Fetcher, require_contact
from ingestor.leases import Leased
from ingestor.records import in_general

AT_ONCE = 32
"""Images in work at a time; politeness to a host is `Fetcher`'s."""
DECODERS = 4
THUMBNAIL = 512
"""Pixels of the longer side."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 900.0
ATTEMPTS = 10
WORTH_WAITING = 10.0
"""Seconds for which a run waits for a retry; later ones are the next run's."""

Progress = Callable[[int, int], None]
"""Told (images dealt with, images due) after every step."""


@dataclass
class PictureCounts:
    """What a run over the images came to."""

    states: Counter[str] = field(default_factory=Counter)
    """ok, gone, blocked, invalid; retry for those put off to a later run."""
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(state, reason) of those that are not ok."""


async def fetch_images(
    engine: AsyncEngine,
    settings: Settings,
    *,
    rate: float = 1.0,
    limit: int | None = None,
    progress: Progress | None = None,
) -> PictureCounts:
    """Fetch what is due: files first, then links, `rate` requests a second and host.

    Originals and thumbnails go to the store, the rest to `image`. Raises InvalidSetting when
    images lie on other hosts and no contact is set. `limit` counts attempts.
    """
    run = _Run(engine, settings, limit, progress)
    with translate_errors(), ThreadPoolExecutor(DECODERS) as run.threads:
        async with leases.fetching(engine), Fetcher(settings, rate) as run.fetcher:
            await run.all(remote=False)
            async with engine.connect() as connection:
                if await leases.on_other_hosts(connection):
                    require_contact(settings)
            await run.all(remote=True)
    return run.counts()


class _Run:
    """One call of `fetch_images`."""

    threads: ThreadPoolExecutor
    fetcher: Fetcher

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        limit: int | None,
        progress: Progress | None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._store = Store(settings.home)
        self._left = limit
        self._progress = progress
        self._total = 0
        self._last: dict[object, tuple[str, str]] = {}

    def counts(self) -> PictureCounts:
        """Return the last state of every image that was dealt with."""
        found = PictureCounts()
        for state, reason in self._last.values():
            found.states[state] += 1
            if state != "ok":
                found.reasons[state, in_general(reason)] += 1
        return found

    async def all(self, *, remote: bool) -> None:
        """Deal with all images of one kind that are due, or become so soon."""
        async with self._engine.connect() as connection:
            self._total += await leases.due(connection, remote=remote)
        running: set[asyncio.Task[dict[str, object]]] = set()
        try:
            while True:
                if len(running) <= AT_ONCE // 2:
                    for leased in await self._lease(AT_ONCE - len(running), remote):
                        running.add(asyncio.create_task(self._one(leased)))
                if not running:
                    if not (remote and await self._soon()):
                        return
                    continue
                done, running = await asyncio.wait(running, return_when="FIRST_COMPLETED")
                await self._settle([task.result() for task in done])
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _lease(self, count: int, remote: bool) -> list[Leased]:
        count = count if self._left is None else min(count, self._left)
        if count <= 0:
            return []
        async with self._engine.begin() as connection:
            found = await leases.lease(connection, count, remote=remote)
        if self._left is not None:
            self._left -= len(found)
        return found

    async def _soon(self) -> bool:
        """Wait for the next retry if that is worth it."""
        if self._left == 0:
            return False
        async with self._engine.connect() as connection:
            seconds = await leases.next_retry(connection)
        if seconds is None or seconds > WORTH_WAITING:
            return False
        await asyncio.sleep(max(seconds, 0.0) + 0.05)
        return True

    async def _one(self, leased: Leased) -> dict[str, object]:
        """Return the columns that follow for one image; never raises for the image's sake."""
        try:
            data = await self.fetcher.fetch(leased.fetch_url)
            loop = asyncio.get_running_loop()
            kept = await loop.run_in_executor(self.threads, keep, data, self._store, self._settings)
        except FetchError as error:
            return _failure(leased, error)
        except (UnreadableImage, TooLarge) as error:
            return _failure(leased, FetchError(error.detail, state="invalid"))
        return {"id": leased.id, "state": "ok", "reason": None, "wait": None} | kept

    async def _settle(self, results: list[dict[str, object]]) -> None:
        by_shape: dict[tuple[str, ...], list[dict[str, object]]] = {}
        for result in results:
            by_shape.setdefault(tuple(result), []).append(result)
        async with self._engine.begin() as connection:
            for alike in by_shape.values():
                await leases.settle(connection, alike)
        for result in results:
            self._last[result["id"]] = str(result["state"]), str(result["reason"])
        if self._progress:
            self._progress(len(self._last), self._total)


def keep(data: bytes, store: Store, settings: Settings) -> dict[str, object]:
    """Store an image and its thumbnail; return its columns. UnreadableImage, TooLarge."""
    small = images.decode(
        data,
        max_pixels=settings.max_image_pixels,
        max_bytes=settings.max_image_bytes,
        min_size=(2 * THUMBNAIL, 2 * THUMBNAIL),
    )
    width, height, _ = images.probe(data)
    key = store.put(data)
    store.put(images.thumbnail(small, THUMBNAIL), "thumbs", key=key)
    return {
        "width": width,
        "height": height,
        "bytes": len(data),
        "sha256": key,
        "phash": images.dhash(small),
    }


def _failure(leased: Leased, error: FetchError) -> dict[str, object]:
    state, reason, attempts = error.state, error.detail, leased.attempts
    wait: float | None = None
    if state == "pending":  # not asked at all: no attempt
        state, attempts, wait = "retry", attempts - 1, error.retry_after
    elif state == "retry" and attempts >= ATTEMPTS:
        state, reason = "blocked", f"gave up after {attempts} attempts: {reason}"
    elif state == "retry":
        wait = error.retry_after if error.retry_after is not None else backoff(attempts)
    return {
        "id": leased.id,
        "state": state,
        "reason": reason,
        "attempts": attempts,
        "wait": wait,
    }


def backoff(attempts: int) -> float:
    """Return seconds to wait: exponential with full jitter, at most `LONGEST_WAIT`."""
    return random.uniform(0.0, min(LONGEST_WAIT, FIRST_WAIT * 2.0**attempts))

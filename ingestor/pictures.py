"""Takes images from pending to ok, or to why not; any number of processes at once."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from core import licences
from core.db.engine import translate_errors
from core.errors import FetchError, TooLarge, UnreadableImage
from core.settings import Settings
from core.storage import Store
from ingestor import leases, merging
from ingestor.copies import keep, publish
from ingestor.fetch import UNMARKED, Fetched, Fetcher, Marks, require_contact
from ingestor.hosts import Hosts
from ingestor.lanes import Budget, Lanes
from ingestor.leases import Leased, Shared
from ingestor.local import LocalFiles
from ingestor.manners import Manners
from ingestor.records import in_general

AT_ONCE = 32
"""Images of this machine in work at a time."""
DECODERS = 4
SHARED_AT_ONCE = 500

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
    rate: float | None = 1.0,
    limit: int | None = None,
    progress: Progress | None = None,
    manners: Manners | None = None,
) -> PictureCounts:
    """Fetch what is due: files first, then links, at most `rate` requests a second and host.

    Without a rate no host is asked.
    Originals and thumbnails go to the store, the rest to `image`. Raises InvalidSetting when
    images lie on other hosts and no contact is set. `limit` counts attempts.
    """
    run = _Run(engine, settings, manners or Manners(), limit, progress)
    with translate_errors(), ThreadPoolExecutor(DECODERS) as run.threads:
        async with leases.fetching(engine):
            await run.share()
            await run.local()
            await run.share()
            if rate is None:
                return run.counts()
            async with engine.connect() as connection:
                if await leases.on_other_hosts(connection):
                    require_contact(settings)
            async with Hosts(engine, rate, run.manners) as hosts:
                await run.remote(hosts)
                while await run.share():
                    await run.remote(hosts)
    return run.counts()


class _Run:
    """One call of `fetch_images`."""

    threads: ThreadPoolExecutor

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        manners: Manners,
        limit: int | None,
        progress: Progress | None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._store = Store(settings.home)
        self.manners = manners
        self._budget = Budget(limit)
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

    async def share(self) -> bool:
        """Let images have what those have that are shown for them.

        Where those cannot be had, the others are to be had instead: whether there are any.
        """
        async with self._engine.begin() as connection:
            given = await leases.share(connection)
        await self._publish(given)
        dealt_with: set[UUID] = set()
        while True:
            async with self._engine.begin() as connection:
                await merging.lock(connection)
                lost = await leases.eclipsed(connection, SHARED_AT_ONCE)
                if dealt_with.issuperset(lost):
                    return bool(dealt_with.difference(lost))
                await merging.regroup_pictures(connection, [], lost)
            dealt_with.update(lost)

    async def _publish(self, given: Sequence[Shared]) -> None:
        """Keep a copy to be shown where one of the portals allows what another one does not."""
        for each in given:
            allowed = licences.describe(each.licence).allows_copy
            if allowed and not self._store.has(each.sha256):
                await asyncio.to_thread(publish, self._store, each.sha256, self._settings)

    async def local(self) -> None:
        """Deal with all images that lie on this machine."""
        await self._more(remote=False)
        files = LocalFiles()
        running: set[asyncio.Task[dict[str, object]]] = set()
        try:
            while True:
                if len(running) <= AT_ONCE // 2:
                    for leased in await self._lease(AT_ONCE - len(running)):
                        running.add(asyncio.create_task(self._read(leased, files)))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when="FIRST_COMPLETED")
                await self._settle([task.result() for task in done])
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            files.close()

    async def remote(self, hosts: Hosts) -> None:
        """Deal with all links."""
        await self._more(remote=True)

        async def settle(leased: Leased, found: bytes | FetchError) -> None:
            await self._settle([await self._result(leased, found)])

        async with Fetcher(self._settings, hosts) as fetcher:
            await Lanes(hosts, fetcher, settle, self._budget).run()

    async def _more(self, *, remote: bool) -> None:
        async with self._engine.connect() as connection:
            self._total += await leases.due(connection, remote=remote)

    async def _lease(self, count: int) -> list[Leased]:
        left = self._budget.left
        count = count if left is None else min(count, left)
        if count <= 0:
            return []
        async with self._engine.begin() as connection:
            found = await leases.lease_local(connection, count)
        if left is not None:
            self._budget.left = left - len(found)
        return found

    async def _read(self, leased: Leased, files: LocalFiles) -> dict[str, object]:
        found: bytes | FetchError
        try:
            most = self._settings.max_image_bytes
            found = await asyncio.to_thread(files.read, leased.fetch_url, most)
        except FetchError as error:
            found = error
        return await self._result(leased, found)

    async def _result(self, leased: Leased, found: bytes | FetchError) -> dict[str, object]:
        """Return the columns that follow for one image; never raises for the image's sake."""
        if isinstance(found, FetchError):
            return _failure(leased, found, self.manners)
        loop = asyncio.get_running_loop()
        marks = found.marks if isinstance(found, Fetched) else UNMARKED
        try:
            work = partial(keep, found, self._store, self._settings, private=leased.private)
            kept = await loop.run_in_executor(self.threads, work)
        except TooLarge as error:
            failed = FetchError(error.detail, state="invalid")
        except UnreadableImage as error:
            # a host in trouble may have sent a page or half a picture; on disk it stays as it is
            again = "retry" if leased.remote else "invalid"
            failed = FetchError(error.detail, state=again, tries=2, then="invalid")
        else:
            fine = {"id": leased.id, "state": "ok", "reason": None, "wait": None}
            return fine | kept | _marked(marks)
        failed.marks = marks
        return _failure(leased, failed, self.manners)

    async def _settle(self, results: list[dict[str, object]]) -> None:
        by_shape: dict[tuple[str, ...], list[dict[str, object]]] = {}
        for result in results:
            by_shape.setdefault(tuple(result), []).append(result)
        async with self._engine.begin() as connection:
            stored = {_id(each): str(each["sha256"]) for each in results if "sha256" in each}
            pictures = list(stored.values())
            same = stored and await merging.hold_pictures(connection, pictures, list(stored))
            for alike in by_shape.values():
                await leases.settle(connection, alike)
            given = await leases.share(connection, list(stored)) if same else []
            if same:
                await merging.regroup_pictures(connection, pictures, list(stored))
        await self._publish(given)
        for result in results:
            self._last[result["id"]] = str(result["state"]), str(result["reason"])
        if self._progress:
            self._progress(len(self._last), self._total)


def _marked(marks: Marks) -> dict[str, object]:
    return {"etag": marks[0], "last_modified": marks[1]}


def _id(result: dict[str, object]) -> UUID:
    own = result["id"]
    assert isinstance(own, UUID)
    return own


def _failure(leased: Leased, error: FetchError, manners: Manners) -> dict[str, object]:
    state, reason, attempts = error.state, error.detail, leased.attempts
    wait: float | None = None
    marks = error.marks
    if state == "same":  # as useless as before
        state, reason, marks = "invalid", leased.reason or reason, leased.marks
    elif state == "pending":  # not asked at all: no attempt
        state, attempts, wait = "retry", attempts - 1, error.retry_after
    elif state == "retry" and attempts >= error.tries:
        state = error.then
        if state == "blocked":
            reason = f"gave up after {attempts} attempts: {reason}"
    elif state == "retry":
        wait = error.retry_after
        if wait is None:
            wait = random.uniform(0.0, manners.back_off(attempts + 1))
    return {
        "id": leased.id,
        "state": state,
        "reason": reason,
        "attempts": attempts,
        "wait": wait,
        # a picture that is tried again may have been damaged on the way
        **_marked(marks if state == "invalid" else UNMARKED),
    }

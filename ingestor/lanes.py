"""Fetches links, breadth-first over hosts: as many lanes for each host as it has connections.

A lane works on one host, image after image, and holds one of the host's slots. What one host does
to its lanes, no other host notices.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from core.errors import FetchError
from ingestor import leases
from ingestor.fetch import Fetcher
from ingestor.hosts import PATIENCE, Hosts, Turn
from ingestor.leases import Leased

LANES = 256
"""At most, in one process."""
AT_ONCE = 24
"""Lanes opened in one go: more would crowd one another's first requests."""
AFTER = 64
"""Images fetched but not yet settled, at most, in one process."""
ROUND = 30.0
"""Seconds, at most, after which a lane gives its slot back, so that other processes have one."""
LOOK = 0.25
"""Seconds between looks for hosts that have become due."""
_NAP = 5.0
"""The longest sleep between looks."""

Settle = Callable[[Leased, bytes | FetchError], Coroutine[Any, Any, None]]
"""Stores what came of an image."""


@dataclass
class Budget:
    """How many images may still be asked for; None means all."""

    left: int | None

    @property
    def spent(self) -> bool:
        """Whether none is left."""
        return self.left is not None and self.left <= 0

    def take(self) -> bool:
        """Take one, if there is one."""
        if self.spent:
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Lanes:
    """The lanes of one process."""

    def __init__(self, hosts: Hosts, fetcher: Fetcher, settle: Settle, budget: Budget) -> None:
        self._hosts = hosts
        self._fetcher = fetcher
        self._settle = settle
        self._budget = budget
        self._lanes: set[asyncio.Task[None]] = set()
        self._after: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(AFTER)
        self._taking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._turns: dict[str, Turn] = {}
        """The last of each host."""

    async def run(self) -> None:
        """Work until no link is due, and none will be soon."""
        async with self._hosts.engine.connect() as connection:
            names = await leases.hosts(connection)
        await self._hosts.enrol(names)
        try:
            while True:
                await self._open()
                if running := self._lanes | self._after:
                    done, _ = await asyncio.wait(running, timeout=LOOK)
                    for task in done:
                        task.result()
                    self._lanes -= done
                    self._after -= done
                elif not await self._soon():
                    return
        finally:
            running = self._lanes | self._after
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _open(self) -> None:
        """Open lanes to hosts that are due."""
        await self._give_up()
        if self._budget.spent:
            return
        async with self._hosts.engine.connect() as connection:
            due = await leases.due_hosts(connection, LANES)
        free = min(LANES - len(self._lanes), AT_ONCE)
        wanted = {}
        for name in due:
            most = await self._hosts.connections(name)
            missing = most - self._hosts.slots.held(name)
            if 0 < missing <= free:
                wanted[name] = most
                free -= missing
        for name, slot in await self._hosts.slots.take(wanted):
            self._lanes.add(asyncio.create_task(self._lane(name, slot)))

    async def _give_up(self) -> None:
        for name, reason in list(self._hosts.given_up.items()):
            async with self._hosts.engine.begin() as connection:
                await leases.give_up(connection, name, reason)
            del self._hosts.given_up[name]

    async def _soon(self) -> bool:
        """Wait for the next image or host that becomes due, if that is worth it."""
        if self._budget.spent:
            return False
        async with self._hosts.engine.connect() as connection:
            strangers = await leases.hosts(connection, new=True)
            seconds = await leases.next_due(connection)
        if strangers:  # a source is being read at the same time
            await self._hosts.enrol(strangers)
            return True
        if seconds is None or seconds > self._hosts.manners.worth_waiting:
            return False
        await asyncio.sleep(min(max(seconds, LOOK), _NAP))
        return True

    async def _lane(self, name: str, slot: int) -> None:
        await self._work(name)
        await self._hosts.slots.free(name, slot)  # where the run breaks off, `Slots` frees all

    async def _work(self, name: str) -> None:
        end = time.monotonic() + ROUND * random.uniform(0.5, 1.0)
        while time.monotonic() < end and not self._hosts.slots.wanted(name):
            async with self._taking[name]:  # the other lanes would only ask in vain
                if before := self._turns.get(name):
                    await before.over.wait()
                while isinstance(taken := await self._take(name), float) and taken <= PATIENCE:
                    await asyncio.sleep(taken)
            if taken is None or isinstance(taken, float):
                return
            await self._one(*taken)

    async def _take(self, name: str) -> tuple[Leased, Turn] | float | None:
        """Take a turn and an image, both or neither; None where no image is due."""
        async with self._hosts.engine.connect() as connection:
            turn = await self._hosts.take(connection, name)
            if isinstance(turn, float):
                return turn
            leased = await leases.lease_of_host(connection, name)
            if leased is None or not self._budget.take():
                await connection.rollback()
                return None
            await connection.commit()
        self._turns[name] = turn
        return leased, turn

    async def _one(self, leased: Leased, turn: Turn) -> None:
        found: bytes | FetchError
        try:
            found = await self._fetcher.fetch(leased.fetch_url, turn, leased.marks)
        except FetchError as error:
            found = error
        await self._hosts.give_back(turn)  # nobody was asked, as where robots.txt forbids it
        await self._room.acquire()
        task = asyncio.create_task(self._settle(leased, found))
        task.add_done_callback(lambda _: self._room.release())
        self._after.add(task)

"""Connections to a host, counted over all processes on all machines.

A connection that is open is an advisory lock of PostgreSQL, so that those of a process that dies
are free at once.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import FetchError

_PATIENCE = 20.0
_PAUSE = 0.2
"""Seconds between looks at slots that other processes hold."""
_CLASS = 0x736C6F74
"""Sets these locks apart from others with two keys; the second is made of host and number."""


class Slots:
    """The slots of one process; use as an async context manager."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._mine: defaultdict[str, set[int]] = defaultdict(set)
        self._waiting: defaultdict[str, int] = defaultdict(int)
        self._freed = asyncio.Condition()
        self._one_statement = asyncio.Lock()

    async def __aenter__(self) -> "Slots":
        connection = await self._engine.connect()
        self._connection: AsyncConnection = await connection.execution_options(
            isolation_level="AUTOCOMMIT"
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._connection.execute(text("SELECT pg_advisory_unlock_all()"))
        finally:
            await self._connection.close()

    async def take(self, wanted: Mapping[str, int]) -> list[tuple[str, int]]:
        """Take what is free of `wanted` (host: slots that it has); returns (host, slot)."""
        async with self._one_statement:  # the lock would be granted to us twice
            free = [
                (name, number)
                for name, most in wanted.items()
                for number in range(most)
                if number not in self._mine[name]
            ]
            if not free:
                return []
            found = await self._connection.execute(
                text(
                    "SELECT name, number FROM unnest(CAST(:names AS text[]),"
                    " CAST(:numbers AS int[])) AS asked(name, number) WHERE"
                    " pg_try_advisory_lock(:class, hashtext(name || ' ' || number))"
                ),
                {
                    "names": [name for name, _ in free],
                    "numbers": [number for _, number in free],
                    "class": _CLASS,
                },
            )
            taken = [(row.name, row.number) for row in found]
            for name, number in taken:
                self._mine[name].add(number)
        return taken

    async def free(self, name: str, number: int) -> None:
        """Give a slot back."""
        async with self._one_statement:
            await self._connection.execute(
                text("SELECT pg_advisory_unlock(:class, hashtext(:name || ' ' || :number))"),
                {"class": _CLASS, "name": name, "number": str(number)},
            )
            self._mine[name].discard(number)
        async with self._freed:
            self._freed.notify_all()

    def held(self, name: str) -> int:
        """Return how many slots of a host this process holds."""
        return len(self._mine[name])

    def wanted(self, name: str) -> bool:
        """Whether somebody in this process waits for a slot of the host."""
        return self._waiting[name] > 0

    @asynccontextmanager
    async def hold(self, name: str, most: int) -> AsyncIterator[None]:
        """Hold one of a host's `most` slots; FetchError (pending) where none is free for long.

        Those who wait here may hold slots of other hosts, and two of them one another's.
        """
        self._waiting[name] += 1
        end = time.monotonic() + _PATIENCE
        try:
            while not (taken := await self._first(name, most)):
                if time.monotonic() > end:
                    raise FetchError("no connection is free", state="pending", retry_after=1.0)
                async with self._freed:
                    try:
                        await asyncio.wait_for(self._freed.wait(), _PAUSE)
                    except TimeoutError:
                        continue
        finally:
            self._waiting[name] -= 1
        try:
            yield
        finally:
            await self.free(name, taken[1])

    async def _first(self, name: str, most: int) -> tuple[str, int] | None:
        taken = await self.take({name: most})
        for _, number in taken[1:]:
            await self.free(name, number)
        return taken[0] if taken else None

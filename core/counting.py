"""Keeps the census of each version in step with the database, and what passes a filter.

Asked at every use whether rows have come, changed or gone; taken anew when they have, yet at most
for a tenth of the time: while a large collection is being embedded, counts are some seconds old.
"""

import asyncio
import time
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field, replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.census import Census, Mask
from core.db import census as reading
from core.db import statements
from core.db.conditions import Where
from core.db.partitions import partition_name
from core.deciding import decided
from core.filters import Choice, Filters
from core.versions import Version

REMEMBERED = 64
"""Filters whose images are remembered until something changes: a byte an image each."""
REST = 9.0
"""Times as long as taking a census that none is taken after it."""


@dataclass
class _Held:
    """A census and what it was asked."""

    stamp: tuple[int, ...]
    census: Census
    until: float
    """When it may be taken anew, by the monotonic clock."""
    passing: OrderedDict[str, Mask] = field(default_factory=OrderedDict)


class Counting:
    """Censuses of versions. Belongs to one event loop, which it never blocks."""

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}
        self._taking: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def census(self, conn: AsyncConnection, version: Version) -> Census:
        """What every image of `version` shows."""
        return (await self._current(conn, version)).census

    def at(self, version: Version, stamp: tuple[int, ...]) -> Census | None:
        """The census of `version` as it was at `stamp`, if it is here."""
        held = self._held.get(version.id)
        return held.census if held and held.stamp == stamp else None

    async def passing(
        self, conn: AsyncConnection, version: Version, filters: Filters
    ) -> tuple[Census, Mask]:
        """The census of `version`, and which of its images pass."""
        held = await self._current(conn, version)
        census, mask = held.census, await self._asked(conn, version, held, filters)
        # What is not said the census knows at once; the database would look through all records.
        for name in filters.missing.include:
            mask = mask & ~census.says(name)
        for name in filters.missing.exclude:
            mask = mask & census.says(name)
        return census, mask

    async def _asked(
        self, conn: AsyncConnection, version: Version, held: _Held, filters: Filters
    ) -> Mask:
        """What passes, whatever is missing."""
        where = Where(replace(filters, missing=Choice()))
        key = f"{where.sql} {where.binds}"
        if key in held.passing:
            held.passing.move_to_end(key)
            return held.passing[key]
        mask = await asyncio.to_thread(decided, held.census, where.filters)
        if mask is None:
            mask = await self._mask(conn, version, held.census, where)
        if where.beside:  # other changes leave no trace in the stamp
            held.passing[key] = mask
            while len(held.passing) > REMEMBERED:
                held.passing.popitem(last=False)
        return mask

    async def _current(self, conn: AsyncConnection, version: Version) -> _Held:
        async with self._taking[version.id]:
            name = {"name": partition_name(version.id)}
            stamp = tuple(await conn.scalar(text(statements.STAMP), name) or ())
            held = self._held.get(version.id)
            started = time.monotonic()
            if held is None or (held.stamp != stamp and started >= held.until):
                census = await reading.read(conn, version.id)
                ended = time.monotonic()
                held = _Held(stamp, census, ended + REST * (ended - started))
                self._held[version.id] = held
            return held

    async def _mask(
        self, conn: AsyncConnection, version: Version, census: Census, where: Where
    ) -> Mask:
        # A plan made for other values could pass over the index of these.
        await conn.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
        asking = statements.ids(version.id, where.sql, beside=where.beside)
        found = await conn.scalar(text(asking), where.binds)
        return await asyncio.to_thread(census.among, bytes(found or b""))

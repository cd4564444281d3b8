"""Keeps the charts of the versions that were looked at, for as long as they are right."""

import asyncio
from collections import defaultdict

from sqlalchemy.ext.asyncio import AsyncConnection

from core.atlas import chart
from core.atlas.chart import Chart
from core.counting import Counting
from core.db import atlas
from core.errors import NotFound
from core.versions import Version


class Charts:
    """Charts of versions. Belongs to one event loop, which it never blocks."""

    def __init__(self) -> None:
        self._held: dict[int, Chart] = {}
        self._drawing: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, conn: AsyncConnection, version: Version, counting: Counting) -> Chart:
        """The chart of a version as it stands; NotFound says how to make one."""
        async with self._drawing[version.id]:
            made = await atlas.get(conn, version.id)
            if made is None:
                self._held.pop(version.id, None)
                name = version.embed_version
                raise NotFound(
                    f"Embed version {name!r} has no atlas yet; bin/versions project {name} makes it"
                )
            # A new census means that images or what is said of them changed.
            census = await counting.census(conn, version)
            held = self._held.get(version.id)
            if held is None or held.atlas != made or held.census is not census:
                placed = await atlas.positions(conn, version.id)
                hidden = await atlas.hidden(conn, version.id)
                held = await asyncio.to_thread(chart.draw, made, placed, hidden, census)
                self._held[version.id] = held
            return held

"""robots.txt (RFC 9309): asked for once a day and host by whoever needs it first."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable

from protego import Protego
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import FetchError
from ingestor.hosts import Turn, name_of

AGENT = "BioCosmos"
FORBIDDEN = "User-agent: *\nDisallow: /"
_SIZE = 500_000
"""Bytes that are read, as RFC 9309 2.5 has it."""
_LONGEST_DELAY = 600.0
_KNOWN = text("SELECT robots FROM host WHERE name = :name AND robots_at > now() - interval '1 day'")
_STORE = text(
    "UPDATE host SET robots = :robots, robots_at = now(), crawl_delay = :delay WHERE name = :name"
)

Ask = Callable[[str, Turn | None], Awaitable[str]]
"""Asks for a robots.txt, with the turn in hand where there is one, and returns what holds."""


class Robots:
    """What the hosts allow, as far as this process has needed to know."""

    def __init__(self, engine: AsyncEngine, ask: Ask) -> None:
        self._engine = engine
        self._ask = ask
        self._rules: dict[str, Protego] = {}
        self._until: dict[str, float] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def check(self, url: str, turn: Turn | None) -> bool:
        """Raise FetchError (blocked) where the host forbids the link; whether `turn` was used."""
        name = name_of(url) or ""
        asked = False
        async with self._locks[name]:
            now = asyncio.get_running_loop().time()
            if self._until.get(name, 0.0) <= now:
                known = await self._known(name)
                asked = known is None
                self._rules[name] = known or await self._new(name, url, turn)
                self._until[name] = now + 3600.0
        if not self._rules[name].can_fetch(url, AGENT):
            raise FetchError("the host's robots.txt forbids it", state="blocked")
        return asked

    async def _known(self, name: str) -> Protego | None:
        async with self._engine.connect() as connection:
            known = (await connection.execute(_KNOWN, {"name": name})).scalar_one_or_none()
        return None if known is None else Protego.parse(known)

    async def _new(self, name: str, url: str, turn: Turn | None) -> Protego:
        scheme = url.partition(":")[0].lower()
        robots = (await self._ask(f"{scheme}://{name}/robots.txt", turn))[:_SIZE].replace("\0", "")
        rules = Protego.parse(robots)
        delay = rules.crawl_delay(AGENT)
        values = {"robots": robots, "delay": min(delay, _LONGEST_DELAY) if delay else None}
        async with self._engine.begin() as connection:
            await connection.execute(_STORE, values | {"name": name})
        return rules

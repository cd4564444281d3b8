"""What we may ask of a host, and when: rows of `host`, which bind all workers on all machines.

A turn is one UPDATE of the host's row, by the database's clock. As long as nobody knows when its
request left, the next turn is as late as if it left at the last moment at which it may; once the
request is on its way, the next one is counted from then. So requests are apart as the pace says,
however late a busy machine sends them and whoever asks next, wherever it runs. The breaker opens
after failures in a row or one refusal; later one single probe is let through (half open), which
closes or reopens it.
"""

import asyncio
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import FetchError
from ingestor.manners import MARGIN, Manners, limit_of
from ingestor.slots import Slots

Health = Literal["trouble", "refused"]
"""trouble: it may go better soon; refused: the host turned us away, not just this request."""

PATIENCE = 20.0
"""Seconds for which an image waits for a host that is to be left in peace."""
_LEAD = 0.05
"""Seconds before its time at which a turn may be taken, so that what the database and we take to
get there delays nothing."""
_STALE = 1.0
"""Seconds after its time at which a turn is void."""
_POLL = 0.01
"""Seconds between looks for a turn that is about to be free."""
_STEP, _FACTOR, _SLOWEST = 0.1, 0.5, 1 / 32
"""Additive increase and multiplicative decrease of the pace, as shares of the limit."""
_PROBE = 180.0
"""Seconds after which a probe that never ended does not count."""
_NAME = re.compile(r"^https?://(?:[^/?#]*@)?([^/?#]+)", re.IGNORECASE)

_PERIOD = f"interval '1 s' * {MARGIN} * greatest(1 / pace, crawl_delay)"
_TAKE = text(
    "UPDATE host SET requests = requests + 1,"
    " next_request_at = greatest(next_request_at, clock_timestamp())"
    f"  + interval '{_STALE} s' + {_PERIOD},"
    " breaker = CASE breaker WHEN 'open' THEN 'half_open' ELSE breaker END,"
    " cooldown_until = CASE breaker WHEN 'closed' THEN cooldown_until"
    f"  ELSE clock_timestamp() + interval '{_PROBE} s' END"
    " WHERE name = :name AND coalesce(cooldown_until, '-infinity') <= clock_timestamp()"
    f" AND coalesce(next_request_at, '-infinity') <= clock_timestamp() + interval '{_LEAD} s'"
    " RETURNING requests, breaker <> 'closed' OR failures > 0 OR pace < requests_per_second"
    f"  AS ailing, extract(epoch FROM next_request_at - interval '{_STALE} s' - {_PERIOD}) AS at,"
    " extract(epoch FROM clock_timestamp()) AS now"
)
_WAIT = text(
    # How long a probe takes nobody knows. Of a turn that is out the request leaves on time, most
    # likely: that is when to look again.
    "SELECT CASE WHEN breaker = 'half_open' THEN 1.0 ELSE extract(epoch FROM greatest("
    f" next_request_at - interval '{_LEAD} s', cooldown_until) - clock_timestamp()"
    f" - CASE WHEN next_request_at - clock_timestamp() > {_PERIOD}"
    f"  THEN interval '{_STALE} s' ELSE interval '0' END) END FROM host WHERE name = :name"
)
_MINE = "WHERE name = :name AND requests = :number"  # nobody else has had a turn since
_SENT = text(f"UPDATE host SET next_request_at = to_timestamp(:at) + {_PERIOD} {_MINE}")
_UNSENT = text(
    "UPDATE host SET next_request_at = to_timestamp(:at), requests = requests - 1,"
    " cooldown_until = CASE WHEN breaker <> 'half_open' THEN cooldown_until END,"
    f" breaker = CASE breaker WHEN 'half_open' THEN 'open' ELSE breaker END {_MINE}"
)
_FAILED = text(
    "UPDATE host SET errors = errors + 1, trouble = :trouble, failures = :failures,"
    f" pace = greatest(pace * {_FACTOR}, requests_per_second * {_SLOWEST}), breaker = :breaker,"
    " cooldown_until = greatest(CASE WHEN breaker <> 'half_open' THEN cooldown_until END,"
    "  clock_timestamp() + interval '1 s' * :rest) WHERE name = :name"
)
_SUCCEEDED = text(
    "UPDATE host SET failures = 0, breaker = 'closed',"
    " cooldown_until = CASE breaker WHEN 'closed' THEN cooldown_until END,"
    f" pace = least(requests_per_second, pace + {_STEP} * requests_per_second)"
    " WHERE name = :name AND breaker <> 'open'"
)


def name_of(url: str) -> str | None:
    """Return the host of a link, with its port where it names one; None where it has none."""
    found = _NAME.match(url)
    return found[1].lower() if found else None


@dataclass(slots=True)
class Turn:
    """Leave to send one request, at a time."""

    name: str
    number: int
    """Of the host's turns."""
    ailing: bool
    """Whether a success would change the host's state."""
    at: float
    """When, by the database's clock, in seconds since 1970."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it was used or given back."""


class Hosts:
    """The hosts as one process deals with them; use as an async context manager."""

    def __init__(self, engine: AsyncEngine, rate: float, manners: Manners | None = None) -> None:
        """Ask at most `rate` requests a second of one host."""
        self.engine = engine
        self.manners = manners or Manners()
        self.slots = Slots(engine)
        self.given_up: dict[str, str] = {}
        """Hosts that failed too many probes, and why; for whoever settles their images."""
        self._rate = rate
        self._offset = float("inf")
        self._connections: dict[str, int] = {}

    async def __aenter__(self) -> "Hosts":
        await self.slots.__aenter__()
        async with self.engine.connect() as connection:
            for _ in range(5):  # the quickest answer tells best how the two clocks differ
                now = await connection.execute(text("SELECT extract(epoch FROM clock_timestamp())"))
                self._offset = min(self._offset, time.monotonic() - float(now.scalar_one()))
        return self

    async def __aexit__(self, *given: object) -> None:
        await self.slots.__aexit__(*given)

    async def enrol(self, names: Sequence[str]) -> None:
        """Make rows of hosts that are new, and set the limits of all `names`."""
        for name in sorted(set(names)):  # in one order, so that two workers never block each other
            limit = limit_of(name, self._rate)
            self._connections[name] = limit.connections
            async with self.engine.begin() as connection:
                await connection.execute(
                    text(
                        "INSERT INTO host (name, requests_per_second, pace, connections)"
                        " VALUES (:name, :rate, :rate, :connections) ON CONFLICT (name) DO UPDATE"
                        " SET requests_per_second = :rate, connections = :connections, pace ="
                        " least(:rate, host.pace * :rate / host.requests_per_second)"
                        " WHERE (host.requests_per_second, host.connections)"
                        " IS DISTINCT FROM (:rate, :connections)"
                    ),
                    {
                        "name": name,
                        "rate": limit.requests_per_second,
                        "connections": limit.connections,
                    },
                )

    async def connections(self, name: str) -> int:
        """Return how many connections a host may have; makes its row where it has none."""
        if name not in self._connections:
            await self.enrol([name])
        return self._connections[name]

    async def take(self, connection: AsyncConnection, name: str) -> Turn | float:
        """Take a turn in the caller's transaction, or return the seconds until there may be one."""
        row = (await connection.execute(_TAKE, {"name": name})).one_or_none()
        if row is None:
            wait = (await connection.execute(_WAIT, {"name": name})).scalar_one()
            return max(float(wait or 0.0), _POLL)
        self._offset = min(self._offset, time.monotonic() - float(row.now))
        return Turn(name, row.requests, row.ailing, float(row.at))

    async def turn(self, name: str) -> Turn:
        """Wait for a turn. FetchError (pending) where the host is to be left in peace longer."""
        await self.connections(name)
        while True:
            async with self.engine.begin() as connection:
                taken = await self.take(connection, name)
            if isinstance(taken, Turn):
                return taken
            if taken > PATIENCE:
                raise await self._peace(name, taken)
            await asyncio.sleep(taken)

    async def trouble(self, name: str) -> str | None:
        """Return what last went wrong with a host."""
        async with self.engine.connect() as connection:
            query = text("SELECT trouble FROM host WHERE name = :name")
            trouble: str | None = await connection.scalar(query, {"name": name})
        return trouble

    async def _peace(self, name: str, seconds: float) -> FetchError:
        """What to say of an image whose host cannot be asked for so long."""
        async with self.engine.connect() as connection:
            host = (
                await connection.execute(
                    text("SELECT failures, trouble FROM host WHERE name = :name"), {"name": name}
                )
            ).one()
        if self._hopeless(host.failures):
            return FetchError(given_up(host.trouble), state="blocked", host="unasked")
        said = "the host is left in peace"
        return FetchError(said, state="pending", retry_after=seconds, host="unasked")

    def _hopeless(self, failures: int) -> bool:
        return failures >= self.manners.breaker_after + self.manners.probes

    async def ready(self, turn: Turn) -> None:
        """Wait for the turn's time; to be called right before the request is sent.

        A turn whose time has long passed is given back for another one, which is waited for:
        FetchError (pending) as from `turn`.
        """
        while (early := turn.at - self._now()) > 0 or early < -_STALE:
            if early > 0:
                await asyncio.sleep(early)
            else:
                await self.give_back(turn)
                new = await self.turn(turn.name)
                turn.number, turn.ailing, turn.at = new.number, new.ailing, new.at
                turn.over.clear()

    async def sent(self, turn: Turn) -> None:
        """To be called when the request is on its way: the next one is counted from now."""
        await self._put_down(turn, _SENT, self._now())

    async def give_back(self, turn: Turn) -> None:
        """To be called when no request will be sent; nothing happens where one was."""
        await self._put_down(turn, _UNSENT, turn.at)

    async def _put_down(self, turn: Turn, statement: TextClause, at: float) -> None:
        if turn.over.is_set():
            return
        values = {"name": turn.name, "number": turn.number, "at": at}
        async with self.engine.begin() as connection:
            await connection.execute(statement, values)
        turn.over.set()

    def _now(self) -> float:
        """The database's clock, or a little less: by what its quickest answer took to get here."""
        return time.monotonic() - self._offset

    async def succeeded(self, turn: Turn) -> None:
        """The host answered as hosts should, whether or not it had what we wanted."""
        if turn.ailing:
            async with self.engine.begin() as connection:
                await connection.execute(_SUCCEEDED, {"name": turn.name})

    async def failed(
        self, turn: Turn, health: Health, trouble: str, retry_after: float | None
    ) -> None:
        """Slow down, rest and perhaps open the breaker; `given_up` where that has no end."""
        await self.sent(turn)  # where it was not, as with a connection that was refused
        manners = self.manners
        async with self.engine.begin() as connection:
            host = (
                await connection.execute(
                    text("SELECT failures, breaker FROM host WHERE name = :name FOR UPDATE"),
                    {"name": turn.name},
                )
            ).one()
            failures, breaker = host.failures, host.breaker
            rest = retry_after or 0.0
            if breaker != "open":  # else it is the last of those that were under way
                failures += 1
                if health == "refused":
                    failures = max(failures, manners.breaker_after)
                if retry_after is None:
                    rest = random.uniform(0.0, manners.back_off(failures))
                if failures >= manners.breaker_after or breaker == "half_open":
                    failures = max(failures, manners.breaker_after)
                    breaker = "open"
                    rest = max(rest, manners.probe_after(failures))
            values = {"trouble": trouble, "failures": failures, "breaker": breaker, "rest": rest}
            await connection.execute(_FAILED, values | {"name": turn.name})
        if breaker == "open" and self._hopeless(failures):
            self.given_up[turn.name] = given_up(trouble)


def given_up(trouble: str | None) -> str:
    """Return the reason for images of a host that refuses or fails for ever."""
    return f"the host is given up: {trouble}"

"""Counts that are costly are kept for a moment; rates come of two looks at them."""

import asyncio
import datetime
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.images import service as pictures
from backend.status import queries
from backend.status.schemas import (
    Coverage,
    DatasetCoverage,
    Host,
    Hosts,
    Reason,
    Stage,
    StageCount,
    Status,
)
from core import licences

T = TypeVar("T")
WINDOW = 60.0
"""Seconds that a rate is of."""
FRESH = 1.5
"""Seconds that counts are good for, at least."""
SHARE = 20
"""And so many times what counting took: it never takes more than a twentieth of the time."""
STAGES: tuple[Stage, ...] = (
    "fetched",
    "valid",
    "here",
    "thumbnail",
    "embedded",
    "indexed",
    "atlas",
)
Look = tuple[float, dict[Stage, int]]
"""When, by the monotonic clock, and what was counted."""


@dataclass
class Kept(Generic[T]):
    """A value that is made anew when it is too old; one at a time makes it."""

    make: Callable[[AsyncConnection], Awaitable[T]]
    _value: T | None = None
    _until: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self, conn: AsyncConnection) -> T:
        """The value, at most a moment old."""
        async with self._lock:
            if self._value is None or time.monotonic() >= self._until:
                begun = time.monotonic()
                self._value = await self.make(conn)
                took = time.monotonic() - begun
                self._until = time.monotonic() + max(FRESH, SHARE * took)
            return self._value


@dataclass
class Board:
    """What is counted for one app."""

    status: Kept[Status]
    hosts: Kept[Hosts]
    coverage: Kept[Coverage]
    seen: deque[Look] = field(default_factory=deque)
    """Counts of the last minute, oldest first: what rates are made of."""


_boards: "WeakKeyDictionary[object, Board]" = WeakKeyDictionary()


def board(app: object) -> Board:
    """The counts of an app."""
    if app not in _boards:
        made = Board(Kept(lambda conn: _status(conn, made)), Kept(_hosts), Kept(_coverage))
        _boards[app] = made
    return _boards[app]


async def _status(conn: AsyncConnection, kept: Board) -> Status:
    known = await queries.licences(conn)
    may_copy = [each for each in known if licences.describe(each).allows_copy]
    images = {row.state: row for row in await queries.images(conn, may_copy)}
    states = {state: row.images for state, row in images.items()}
    version = await queries.default_version(conn)
    embedded, on_atlas = (version[2], version[3]) if version else (0, 0)
    ok = states.get("ok", 0)
    counts: dict[Stage, int] = {
        "fetched": ok + states.get("invalid", 0),
        "valid": ok,
        "here": ok,
        "thumbnail": images["ok"].shown if ok else 0,
        "embedded": embedded,
        "indexed": embedded,
        "atlas": on_atlas,
    }
    total = sum(states.values())
    rates = _rates(kept.seen, counts)
    running, queued = await queries.jobs(conn)
    return Status(
        records=await queries.records(conn),
        images=total,
        embed_version=version[0] if version else None,
        stages=_stages(counts, total, rates),
        states=states,
        running=running,
        queued=queued,
        worker=await queries.listening(conn),
        counted_at=datetime.datetime.now(datetime.UTC),
    )


def _rates(
    seen: deque[tuple[float, dict[Stage, int]]], now: dict[Stage, int]
) -> dict[Stage, float]:
    at = time.monotonic()
    while seen and at - seen[0][0] > WINDOW:
        seen.popleft()
    seen.append((at, now))
    begun, first = seen[0]
    if at - begun < FRESH:
        return {}
    return {stage: max(0, now[stage] - first[stage]) / (at - begun) for stage in STAGES}


def _stages(counts: dict[Stage, int], total: int, rates: dict[Stage, float]) -> list[StageCount]:
    made = []
    before = total
    for stage in STAGES:
        of = counts["valid"] if stage in ("thumbnail", "embedded") else before
        rate = rates.get(stage) or None
        left = max(0, of - counts[stage]) / rate if rate else None
        made.append(
            StageCount(stage=stage, count=counts[stage], of=of, rate=rate, seconds_left=left)
        )
        before = counts[stage]
    return made


async def _hosts(conn: AsyncConnection) -> Hosts:
    hosts = [
        Host.model_validate(dict(row._mapping) | {"cooldown_seconds": row.rest or None})
        for row in await queries.hosts(conn)
    ]
    reasons = [
        Reason(
            host=row.host,
            state=row.state,
            reason=row.reason,
            count=row.count,
            sample=row.sample if row.host else row.sample.rpartition("/")[2],
        )
        for row in await queries.reasons(conn)
    ]
    return Hosts(hosts=hosts, reasons=reasons)


async def _coverage(conn: AsyncConnection) -> Coverage:
    embedded = await queries.embedded(conn)
    datasets = [
        DatasetCoverage.model_validate(
            dict(row._mapping)
            | {
                "embedded": {name: found.get(row.id, 0) for name, found in embedded.items()},
                "licence": pictures.licence(row.licence),
                "link": pictures.web_link(
                    row.doi and "https://doi.org/" + row.doi.removeprefix("https://doi.org/"),
                    row.url,
                ),
            }
        )
        for row in await queries.datasets(conn)
    ]
    return Coverage(
        versions=list(embedded), datasets=datasets, counted_at=datetime.datetime.now(datetime.UTC)
    )

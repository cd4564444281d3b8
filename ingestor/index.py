"""The approximate index of an embed version: built beside the old one, measured, then switched to.

Figures behind the choices: ivfflat finds more of what text queries mean than HNSW does for the
same time, and costs a third to build; HNSW is faster for pictures and for steady inserts.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Literal, get_args

import psutil
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import versions
from core.db import partitions
from core.db.engine import autocommit
from core.db.partitions import partition_name
from core.errors import InvalidSetting, VersionNotReady
from core.planner import EXACT_ROWS, TARGET
from core.versions import Version
from ingestor.recall import EncodeTexts, measure
from ingestor.recall import verify as verify

Kind = Literal["auto", "exact", "ivfflat", "hnsw"]
Progress = Callable[[str, float | None], None]
"""Told what is being done, and the share of that which is done where it is known."""
Encoder = Callable[[Version], Awaitable[EncodeTexts | None]]
"""Gives what encodes texts for a version, if it can be had; asked only when something is to be
measured."""

HNSW = {"m": 16, "ef_construction": 200}
HNSW_EF_SEARCH = 400
ROWS_PER_LIST = 250
FEWEST_LISTS = 100
SAMPLES_PER_LIST = 50  # vectors that pgvector's k-means looks at, for each list
LOCK = 0x616E6E  # "ann": one index at a time is built in a database
LOOK = 0.5
"""Seconds between looks at how far a build is."""


def _silent(phase: str, share: float | None) -> None:  # noqa: ARG001
    return


async def build_index(
    engine: AsyncEngine,
    name: str | None,
    kind: Kind = "auto",
    *,
    params: Mapping[str, int] | None = None,
    encoder: Encoder | None = None,
    target: float = TARGET,
    progress: Progress = _silent,
) -> Version:
    """Give the version called `name` (None: the default) the index `kind`; return it as it is now.

    `auto` is exact below 20,000 vectors and ivfflat above; `params` (lists; m, ef_construction)
    replace those that follow from the number of rows. Built after those for filters, beside the
    one in use, measured where there is an `encoder`, then switched to: searches and inserts go on
    all the time. Killed, it can be called again; not from within a transaction. Raises
    UnknownVersion, VersionNotReady, InvalidSetting (kind or parameter).
    """
    if kind not in get_args(Kind):
        raise InvalidSetting(f"{kind!r} is not an index; use one of {', '.join(get_args(Kind))}")
    async with _alone(engine, progress) as conn:
        version = await versions.get(conn, name)
        if version.state == "retired":
            raise VersionNotReady(f"Embed version {version.embed_version!r} is retired")
        async with _telling(engine, version, progress):
            await partitions.index_filters(conn, version.id)
        rows = await conn.scalar(text(f"SELECT count(*) FROM {partition_name(version.id)}")) or 0
        chosen = choose_kind(rows) if kind == "auto" else kind
        planned: dict[str, Any] = {}
        if chosen != "exact":
            given = affordable(chosen, rows, version.dim, params)
            storage, search = index_params(chosen, rows, given)
            slot = _other_slot(version)
            await _build(engine, conn, version, chosen, storage, slot, rows, progress)
            planned = {**storage, **search, "slot": slot}
            if encoder:
                progress("measuring what it finds", None)
                new = replace(version, index_kind=chosen, index_params=planned)
                planned["recall"] = await measure(engine, new, await encoder(version), target)
        return await _switch(conn, version, chosen, planned)


async def _switch(
    conn: AsyncConnection, version: Version, kind: str, planned: Mapping[str, Any]
) -> Version:
    await conn.execute(text(f"ANALYZE {partition_name(version.id)}"))
    switched = await versions.set_index(conn, version, kind, planned)
    for slot in partitions.SLOTS:
        if slot != planned.get("slot"):
            await partitions.drop_index(conn, version.id, slot)
    return switched


def _other_slot(version: Version) -> int:
    """A slot that no search uses."""
    return 0 if version.index_kind == "exact" else 1 - int(version.index_params.get("slot", 0))


@asynccontextmanager
async def _alone(engine: AsyncEngine, progress: Progress) -> AsyncIterator[AsyncConnection]:
    """A connection in autocommit; waits while another index is being built in the database."""
    async with autocommit(engine) as conn:
        # Asked again and again: whoever waits inside a statement is waited for by the build.
        while not await conn.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK}):
            progress("waiting for another index to be built", None)
            await asyncio.sleep(LOOK)
        try:
            yield conn
        finally:
            await conn.invalidate()  # with it go its settings and the lock


async def _build(
    engine: AsyncEngine, conn: AsyncConnection, version: Version, kind: str,
    storage: Mapping[str, int], slot: int, rows: int, progress: Progress,
) -> None:  # fmt: skip
    needed = build_megabytes(kind, rows, version.dim, storage)
    size = f"{min(needed, room()) if kind == 'hnsw' else needed}MB"  # HNSW does with less, slowly
    await conn.execute(text("SELECT set_config('maintenance_work_mem', :size, false)"),
                       {"size": size})  # fmt: skip
    async with _telling(engine, version, progress):
        await partitions.build_index(conn, version.id, version.dim, kind, storage, slot)


@asynccontextmanager
async def _telling(
    engine: AsyncEngine, version: Version, progress: Progress
) -> AsyncIterator[None]:
    """Meanwhile `progress` hears how far the build is."""
    telling = asyncio.create_task(_tell(engine, version, progress))
    try:
        yield
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling


async def _tell(engine: AsyncEngine, version: Version, progress: Progress) -> None:
    async with autocommit(engine) as conn:
        while True:
            found = await partitions.building(conn, version.id)
            if found:
                progress(*found)
            await asyncio.sleep(LOOK)


def choose_kind(rows: int) -> Literal["exact", "ivfflat"]:
    """The index that suits `rows` vectors."""
    return "exact" if rows < EXACT_ROWS else "ivfflat"


def index_params(
    kind: str, rows: int, given: Mapping[str, int] | None = None
) -> tuple[dict[str, int], dict[str, int]]:
    """Storage parameters of an index over `rows` vectors, and how hard to search it unmeasured.

    Those `given` go before; InvalidSetting where one is of another kind. Probes are what text
    queries need (5 % of the lists, at least 20): they lie away from the pictures, and an index
    tuned on picture queries loses most of their hits.
    """
    known = (
        HNSW if kind == "hnsw" else {"lists": min(4000, max(FEWEST_LISTS, rows // ROWS_PER_LIST))}
    )
    for name in (given or {}).keys() - known.keys():
        raise InvalidSetting(f"{kind} has no parameter {name}; it has {', '.join(known)}")
    storage = known | dict(given or {})
    if kind == "hnsw":
        return storage, {"effort": HNSW_EF_SEARCH}
    lists = storage["lists"]
    return storage, {"effort": min(lists, max(20, math.ceil(lists * 0.05)))}


def room() -> int:
    """Megabytes that a build may take: a quarter of what is free, as the server is not alone.

    A build that takes all brings down the database. A server elsewhere is taken to be no smaller.
    """
    return max(64, int(psutil.virtual_memory().available) // 2**22)


def affordable(
    kind: str, rows: int, dim: int, given: Mapping[str, int] | None
) -> Mapping[str, int] | None:
    """`given`, with as many lists as there is room to build for, where nobody said how many."""
    if kind != "ivfflat" or "lists" in (given or {}):
        return given
    lists = index_params(kind, rows)[0]["lists"]
    while lists > FEWEST_LISTS and build_megabytes(kind, rows, dim, {"lists": lists}) > room():
        lists = max(FEWEST_LISTS, lists * 3 // 4)
    return {**(given or {}), "lists": lists}


def build_megabytes(
    kind: str, rows: int, dim: int, storage: Mapping[str, int] | None = None
) -> int:
    """Memory a build needs: too little is an error for ivfflat, and slow for HNSW."""
    if kind == "hnsw":
        needed = rows * (2 * dim + 800)
    else:
        lists = index_params(kind, rows, storage)[0]["lists"]
        samples = min(rows, lists * SAMPLES_PER_LIST)
        # Elkan's k-means: samples, centres twice, a bound for each sample and centre, and each pair
        needed = samples * (2 * dim + 16 + 4 * lists) + lists * (8 * dim + 4 * lists)
    return max(64, min(16_000, math.ceil(needed * 1.2 / 2**20)))

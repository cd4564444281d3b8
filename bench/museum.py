"""A database of made vectors: records in a made taxonomy, and filters that keep a wanted share."""

import time
import uuid
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.geometry import RANKS, Ints, World
from core import versions
from core.encoders.base import EncoderSpec
from core.filters import Choice, Filters, Taxon
from core.vectors import copy_vectors

CHUNK = 10_000
SHARES = {"100 %": 1, "10 %": 10, "1 %": 100, "0.1 %": 1000, "0.01 %": 10_000}
"""One in so many passes."""
COLUMNS = {10: "institution_code", 100: "collection_code", 1000: "life_stage", 10_000: "sex"}
FIELDS = {10: "institution", 100: "collection", 1000: "life_stage", 10_000: "sex"}


@dataclass(frozen=True)
class Case:
    """A filter, and which rows pass it."""

    filters: Filters
    passes: NDArray[np.bool_] | None


async def fill(engine: AsyncEngine, world: World, ids: list[uuid.UUID]) -> float:
    """Store records, images and vectors in version "bench"; vectors stored per second."""
    rows, dim = world.pictures.shape
    drawn = numbers(rows)
    async with engine.begin() as conn:
        owner = uuid.uuid4()
        await conn.execute(
            text("INSERT INTO dataset (id, source, key, title) VALUES (:id, 'b', 'b', 'Bench')"),
            {"id": owner},
        )
        driver = (await conn.get_raw_connection()).driver_connection
        assert driver is not None
        async with driver.cursor() as cursor:
            statement = (
                "COPY image (id, dataset_id, identifier, fetch_url, state, licence) FROM STDIN"
            )
            async with cursor.copy(statement) as copy:
                for own in ids:
                    await copy.write_row((own, owner, "x", "file:///x", "ok", "CC0-1.0"))
            ranks = ", ".join(f'"{rank}"' for rank in RANKS)
            statement = (
                f"COPY record (id, dataset_id, source, source_record_id, verbatim, content_hash,"
                f" {ranks}, {', '.join(COLUMNS.values())}) FROM STDIN"
            )
            async with cursor.copy(statement) as copy:
                for n, own in enumerate(ids):
                    names = [
                        name(rank, at) for rank, at in zip(RANKS, world.lineage[n], strict=True)
                    ]
                    labels = [str(drawn[n] % one_in) for one_in in COLUMNS]
                    await copy.write_row((own, owner, "b", str(n), "{}", "", *names, *labels))
        await conn.execute(text("INSERT INTO record_image SELECT id, id, 0 FROM image"))
        await conn.execute(text("ANALYZE"))
    spec = EncoderSpec("bench", "", "0" * 64, {}, dim)
    async with engine.begin() as conn:
        version = await versions.ensure(conn, "bench", spec)
    started = time.perf_counter()
    for start in range(0, rows, CHUNK):
        async with engine.begin() as conn:
            part = slice(start, start + CHUNK)
            await copy_vectors(conn, version, ids[part], world.pictures[part])
    rate = float(rows / (time.perf_counter() - started))
    async with engine.begin() as conn:
        await versions.set_state(conn, "bench", "ready")
    async with engine.connect() as conn:
        plain = await conn.execution_options(isolation_level="AUTOCOMMIT")
        await plain.execute(text("VACUUM ANALYZE"))
    return rate


def numbers(rows: int) -> Ints:
    """A number below 10,000 for each row, of which the independent filters take the last digits."""
    return np.random.default_rng(1).permutation(rows) % 10_000


def name(rank: str, at: int) -> str:
    """The made name of a taxon."""
    return f"{rank.capitalize()}{at}"


def independent(world: World, one_in: int, query: int) -> Case:
    """A label that has nothing to do with what is shown."""
    if one_in == 1:
        return Case(Filters(), None)
    label = query % one_in
    kept = Filters(**{FIELDS[one_in]: Choice((str(label),))})  # type: ignore[arg-type]
    return Case(kept, numbers(len(world.lineage)) % one_in == label)


def correlated(world: World, one_in: int, asked: Ints) -> Case:
    """The query's own taxon, at the rank where it keeps about the wanted share."""
    shares = [(world.lineage[:, n] == at).mean() for n, at in enumerate(asked)]
    rank = _nearest(shares, 1 / one_in)
    return _of(world, rank, int(asked[rank]))


def opposed(world: World, one_in: int, asked: Ints) -> Case:
    """A taxon of another class than the query's, that keeps about the wanted share."""
    others = world.lineage[world.lineage[:, 0] != asked[0]]
    found: list[tuple[float, int, int]] = []
    for rank in range(len(RANKS)):
        at, counts = np.unique(others[:, rank], return_counts=True)
        best = _nearest((counts / len(world.lineage)).tolist(), 1 / one_in)
        found.append((float(counts[best]) / len(world.lineage), rank, int(at[best])))
    best = _nearest([share for share, _, _ in found], 1 / one_in)
    return _of(world, found[best][1], found[best][2])


def _of(world: World, rank: int, at: int) -> Case:
    kept = Filters(taxon=Choice((Taxon(name(RANKS[rank], at), RANKS[rank]),)))
    return Case(kept, world.lineage[:, rank] == at)


def _nearest(shares: list[float], wanted: float) -> int:
    away = np.abs(np.log(np.maximum(shares, 1e-9)) - np.log(wanted))
    return int(away.argmin())

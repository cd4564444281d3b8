"""A database of made vectors: records in a made taxonomy, and filters that keep a wanted share."""

import uuid
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bench.geometry import RANKS, Floats, Ints, World
from core import versions
from core.db import facts
from core.db.engine import autocommit
from core.encoders.base import EncoderSpec
from core.filters import Choice, Filters, Taxon
from core.vectors import copy_vectors
from core.versions import Version

CHUNK = 10_000
SHARES = {"100 %": 1, "10 %": 10, "1 %": 100, "0.1 %": 1000, "0.01 %": 10_000}
"""One in so many passes."""
COLUMNS = {10: "institution_code", 100: "collection_code", 1000: "life_stage", 10_000: "sex"}
FIELDS = {10: "institution", 100: "collection", 1000: "life_stage", 10_000: "sex"}
RELATIONS = ("independent", "correlated", "opposed")
Key = tuple[str, str, str]
"""Modality, relation of filter and query, and share that passes."""


@dataclass(frozen=True)
class Case:
    """A filter, and which rows pass it: those whose label is `wanted`; all where there are none."""

    filters: Filters
    labels: Ints | None = None
    wanted: int = 0

    @property
    def passes(self) -> NDArray[np.bool_] | None:
        """[rows]; None where all pass. Made anew each time: a thousand of them are too many."""
        return None if self.labels is None else self.labels == self.wanted


Cases = dict[Key, list[tuple[Floats, Case]]]


def cases(world: World, wanted: list[str]) -> Cases:
    """Every kind of search, with its queries."""
    found: Cases = {}
    for modality, queries in world.queries.items():
        for share in wanted:
            one_in = SHARES[share]
            for relation in RELATIONS if one_in > 1 else ("none",):
                found[modality, relation, share] = [
                    (query, _case(world, relation, one_in, n, modality))
                    for n, query in enumerate(queries)
                ]
    return found


def _case(world: World, relation: str, one_in: int, n: int, modality: str) -> Case:
    asked = world.asked[modality][n]
    if relation == "correlated":
        return correlated(world, one_in, asked)
    if relation == "opposed":
        return opposed(world, one_in, asked)
    return independent(world, one_in, n)


async def fill(engine: AsyncEngine, world: World, ids: list[uuid.UUID]) -> None:
    """Store records and images."""
    owner = uuid.uuid4()
    async with engine.begin() as conn:
        await conn.execute(
            text("INSERT INTO dataset (id, source, key, title) VALUES (:id, 'b', 'b', 'Bench')"),
            {"id": owner},
        )
        await _copy_images(conn, owner, ids)
        await _copy_records(conn, owner, ids, world)
        await conn.execute(text("INSERT INTO record_image SELECT id, id, 0 FROM image"))
        await conn.execute(text("ANALYZE"))
    for start in range(0, len(ids), CHUNK):
        async with engine.begin() as conn:  # as whoever reads in records does
            await facts.refresh(conn, ids[start : start + CHUNK])


async def _copy_images(conn: AsyncConnection, owner: uuid.UUID, ids: list[uuid.UUID]) -> None:
    driver = (await conn.get_raw_connection()).driver_connection
    assert driver is not None
    columns = "id, dataset_id, identifier, fetch_url, state, licence"
    statement = f"COPY image ({columns}) FROM STDIN"
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for own in ids:
            await copy.write_row((own, owner, "x", "file:///x", "ok", "CC0-1.0"))


async def _copy_records(
    conn: AsyncConnection, owner: uuid.UUID, ids: list[uuid.UUID], world: World
) -> None:
    driver = (await conn.get_raw_connection()).driver_connection
    assert driver is not None
    columns = "id, dataset_id, source, source_record_id, verbatim, content_hash"
    columns = ", ".join((columns, *(f'"{rank}"' for rank in RANKS), *COLUMNS.values()))
    drawn = numbers(len(ids))
    async with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY record ({columns}) FROM STDIN") as copy,
    ):
        for n, own in enumerate(ids):
            names = [name(rank, at) for rank, at in zip(RANKS, world.lineage[n], strict=True)]
            labels = [str(drawn[n] % one_in) for one_in in COLUMNS]
            await copy.write_row((own, owner, "b", str(n), "{}", "", *names, *labels))


async def store(engine: AsyncEngine, called: str, world: World, ids: list[uuid.UUID]) -> Version:
    """Store all vectors in the version that is `called` so, and open it."""
    spec = EncoderSpec("bench", "", "0" * 64, {}, world.pictures.shape[1])
    async with engine.begin() as conn:
        version = await versions.ensure(conn, called, spec)
    for start in range(0, len(ids), CHUNK):
        part = slice(start, start + CHUNK)
        async with engine.begin() as conn:
            await copy_vectors(conn, version, ids[part], world.pictures[part])
    async with engine.begin() as conn:
        await versions.set_state(conn, called, "ready")
    async with autocommit(engine) as plain:
        await plain.execute(text("VACUUM ANALYZE"))
    return version


@cache
def numbers(rows: int) -> Ints:
    """A number below 10,000 for each row, of which the independent filters take the last digits."""
    return np.random.default_rng(1).permutation(rows) % 10_000


@cache
def _digits(rows: int, one_in: int) -> Ints:
    return numbers(rows) % one_in


def name(rank: str, at: int) -> str:
    """The made name of a taxon."""
    return f"{rank.capitalize()}{at}"


def independent(world: World, one_in: int, query: int) -> Case:
    """A label that has nothing to do with what is shown."""
    if one_in == 1:
        return Case(Filters())
    label = query % one_in
    kept = Filters(**{FIELDS[one_in]: Choice((str(label),))})  # type: ignore[arg-type]
    return Case(kept, _digits(len(world.lineage), one_in), label)


def correlated(world: World, one_in: int, asked: Ints) -> Case:
    """The query's own taxon, at the rank where it keeps about the wanted share."""
    shares = [(world.lineage[:, n] == at).mean() for n, at in enumerate(asked)]
    rank = _nearest(shares, 1 / one_in)
    return _of(world, rank, int(asked[rank]))


def opposed(world: World, one_in: int, asked: Ints) -> Case:
    """A taxon of another class than the query's, that keeps about the wanted share."""
    found = _elsewhere(world, int(asked[0]))
    best = _nearest([share for share, _, _ in found], 1 / one_in)
    return _of(world, found[best][1], found[best][2])


@cache
def _elsewhere(world: World, group: int) -> list[tuple[float, int, int]]:
    """Share of all rows, rank and number of every taxon outside a class."""
    others = world.lineage[world.lineage[:, 0] != group]
    found = []
    for rank in range(len(RANKS)):
        at, counts = np.unique(others[:, rank], return_counts=True)
        shares = counts / len(world.lineage)
        found += [
            (share, rank, own) for share, own in zip(shares.tolist(), at.tolist(), strict=True)
        ]
    return found


def _of(world: World, rank: int, at: int) -> Case:
    kept = Filters(taxon=Choice((Taxon(name(RANKS[rank], at), RANKS[rank]),)))
    return Case(kept, world.lineage[:, rank], at)


def _nearest(shares: list[float], wanted: float) -> int:
    away = np.abs(np.log(np.maximum(shares, 1e-9)) - np.log(wanted))
    return int(away.argmin())

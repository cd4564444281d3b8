"""Reads the facts beside the vectors of a version, 200,000 images at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.census import Census, Kind
from core.db.partitions import partition_name

ROWS = 200_000
"""Images read at once: about 50 MB, and no value of PostgreSQL may be larger than 1 GB."""
_NONE = UUID(int=0)
# One value a column: as rows they would take ten times as long.
_READ = """
SELECT string_agg(uuid_send(image_id), ''),
  string_agg(int4send(cardinality(facets)), ''), string_agg(array_send(facets), ''),
  string_agg(float8send(coalesce(latitude, 'NaN')), ''),
  string_agg(float8send(coalesce(longitude, 'NaN')), ''),
  string_agg(int4send(coalesce(extract(year FROM date_start), 0)::int), ''),
  string_agg(int4send(coalesce(extract(year FROM date_end), 0)::int), ''),
  string_agg(int2send(coalesce(months, 0::smallint)), '')
FROM (SELECT * FROM {table} WHERE image_id > :after ORDER BY image_id LIMIT {rows}) AS e
"""
_MEANINGS = "SELECT hash, kind, value FROM fact ORDER BY hash"


@dataclass(frozen=True, eq=False)
class _Part:
    """Some images, in the order of their ids; `rows` and `hashes` are the facts of all."""

    ids: NDArray[np.void]
    rows: NDArray[np.int32]
    hashes: NDArray[np.int64]
    numbers: Sequence[NDArray[Any]]


async def read(conn: AsyncConnection, version_id: int) -> Census:
    """The census of a version as it stands."""
    statement = text(_READ.format(table=partition_name(version_id), rows=ROWS))
    parts: list[_Part] = []
    after, size = _NONE, 0
    while True:
        row = (await conn.execute(statement, {"after": after})).one()
        if row[0] is None:
            break
        parts.append(await asyncio.to_thread(_part, tuple(map(bytes, row)), size))
        size += len(parts[-1].ids)
        if len(parts[-1].ids) < ROWS:
            break
        after = UUID(bytes=parts[-1].ids[-1].tobytes())
    meanings = [tuple(row) for row in await conn.execute(text(_MEANINGS))]
    return await asyncio.to_thread(_census, parts, meanings, size)


def _part(columns: tuple[bytes, ...], offset: int) -> _Part:
    ids = np.frombuffer(columns[0], "V16")
    counts = np.frombuffer(columns[1], ">i4").astype(np.int64)
    rows = np.repeat(np.arange(offset, offset + len(ids), dtype=np.int32), counts)
    types = (">f8", ">f8", ">i4", ">i4", ">i2")
    numbers = [np.frombuffer(c, t) for c, t in zip(columns[3:], types, strict=True)]
    return _Part(ids, rows, _elements(columns[2], counts), numbers)


def _elements(sent: bytes, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The elements of bigint arrays in PostgreSQL's binary form, one array after the other.

    In words of 4 bytes: dimensions, flags, type; then, unless it is empty, length and lower bound,
    and for each element its size and two words of value.
    """
    words = np.frombuffer(sent, ">u4")
    sizes = np.where(counts > 0, 5 + 3 * counts, 3)
    starts = np.cumsum(sizes) - sizes + 5
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    at = np.repeat(starts, counts) + 3 * within + 1
    high, low = words[at].astype(np.uint64), words[at + 1].astype(np.uint64)
    found: NDArray[np.int64] = (high << np.uint64(32) | low).astype(np.int64)
    return found


def _census(parts: Sequence[_Part], meanings: Sequence[Sequence[Any]], size: int) -> Census:
    def joined(pieces: Sequence[NDArray[Any]], kind: str) -> NDArray[Any]:
        return np.concatenate(pieces).astype(kind) if pieces else np.empty(0, kind)

    numbers = [
        joined([part.numbers[n] for part in parts], kind)
        for n, kind in enumerate(("f8", "f8", "i4", "i4", "i2"))
    ]
    latitude, longitude, start, end, months = numbers
    rows = joined([part.rows for part in parts], "i4")
    hashes = joined([part.hashes for part in parts], "i8")
    named = np.array([hash for hash, _, _ in meanings], np.int64)
    kinds = dict(_kinds(rows, hashes, named, meanings))
    kinds["decade"] = _decades(start, end)
    known = (~np.isnan(latitude)).astype(np.int32)
    kinds["coordinates"] = Kind(("false", "true"), np.arange(size, dtype=np.int32), known)
    ids = joined([part.ids for part in parts], "V16")
    complete = bool(np.isin(hashes, named).all())
    for kind in kinds.values():
        _ = kind.code  # made here, so that no search waits for it
    return Census(ids, kinds, latitude, longitude, start, end, months, complete)


def _kinds(
    rows: NDArray[np.int32],
    hashes: NDArray[np.int64],
    named: NDArray[np.int64],
    meanings: Sequence[Sequence[Any]],
) -> Mapping[str, Kind]:
    """Facts sorted by kind; a hash that nobody remembered the meaning of is left out."""
    if not meanings:
        return {}
    at = np.searchsorted(named, hashes)
    at[at == len(named)] = 0
    known = named[at] == hashes
    rows, at = rows[known], at[known]
    values: dict[str, list[str]] = {}
    numbers = {kind: n for n, kind in enumerate(dict.fromkeys(kind for _, kind, _ in meanings))}
    number, code = np.empty(len(named), np.int32), np.empty(len(named), np.int32)
    for n, (_, kind, value) in enumerate(meanings):
        own = values.setdefault(kind, [])
        number[n], code[n] = numbers[kind], len(own)
        own.append(value)
    of, codes = number[at], code[at]
    return {
        kind: Kind(own, rows[of == n], codes[of == n])
        for n, (kind, own) in enumerate(values.items())
    }


def _decades(start: NDArray[np.int32], end: NDArray[np.int32]) -> Kind:
    """The decade, named by its first year, of images that are surely of one."""
    sure = (start != 0) & (start // 10 == end // 10)
    rows = np.flatnonzero(sure).astype(np.int32)
    named, codes = np.unique(start[rows] // 10, return_inverse=True)
    return Kind([f"{10 * int(each):04}" for each in named], rows, codes.astype(np.int32))

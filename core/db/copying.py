"""Storing vectors, in PostgreSQL's binary COPY format: a tenth of the time that text takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from psycopg.errors import UniqueViolation
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import facts
from core.db.partitions import partition_name
from core.errors import BadRequest, ModelError, WrongSpace
from core.versions import Version

TOLERANCE = 1e-3
"""How far from 1 a length may be: half precision alone moves it by a few 1e-4."""

_NULL = r"'\xffffffff'::bytea"
_SIZES = {
    "facets": None,
    "latitude": 8,
    "longitude": 8,
    "date_start": 4,
    "date_end": 4,
    "months": 2,
}
_SEND = {8: "float8send", 4: "date_send", 2: "int2send"}


def _sent(column: str, size: int | None) -> str:
    """A column as COPY reads it, after its length."""
    if size is None:  # an array: a header of 12 bytes; with elements 8 more, and 12 for each
        length = "12 + CASE cardinality(facets) WHEN 0 THEN 0 ELSE 8 END + 12 * cardinality(facets)"
        return f"int4send({length}) || array_send({column})"
    return rf"coalesce('\x{size:08x}'::bytea || {_SEND[size]}({column}), {_NULL})"


# Each column in one value: as rows they would take ten times as long. OFFSET: worked out once.
_NEW = f"""
SELECT count(*) AS known, string_agg(uuid_send(image_id), '') FILTER (WHERE new) AS ids,
  string_agg(tail, '') FILTER (WHERE new) AS tails,
  string_agg(int4send(octet_length(tail)), '') FILTER (WHERE new) AS lengths
FROM (SELECT image_id, {" || ".join(_sent(name, _SIZES[name]) for name in facts.COLUMNS)} AS tail,
    NOT EXISTS (SELECT FROM {{0}} e WHERE e.image_id = f.image_id) AS new
  FROM image_fact f WHERE image_id = ANY(CAST(%s AS uuid[])) ORDER BY image_id OFFSET 0) AS given
"""
"""How many have facts; of those without a vector ids, and the ends of their rows for COPY.

In the order of their ids, so that no two workers wait for one another.
"""
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"


async def copy_vectors(
    conn: AsyncConnection,
    version: Version,
    image_ids: Sequence[UUID],
    vectors: NDArray[np.floating[Any]],
) -> int:
    """Store [n, dim] unit vectors of n images, with the facts of these; return how many were new.

    Idempotent: an image that has a vector keeps it; what is no image is left out. Both are looked
    up for the whole batch at once: row by row, by foreign keys and ON CONFLICT, takes longer than
    the vectors. Raises WrongSpace for another dimension, ModelError for vectors that are not finite
    and of unit length.
    """
    _check_batch(version, image_ids, vectors)
    if not len(image_ids):
        return 0
    await facts.settle(conn, changing=False)
    while True:
        new = await _new(conn, version, image_ids)
        if not new.ids:
            return 0
        try:
            async with conn.begin_nested():
                return await _copy(conn, version, new, image_ids, vectors)
        except UniqueViolation:  # another worker has just stored one of them: leave that out
            continue


@dataclass(frozen=True)
class _New:
    """Images without a vector, in the order of their ids: 16 bytes each; and their facts."""

    known: int
    """How many have facts at all."""
    ids: bytes
    tails: bytes
    lengths: bytes


async def _new(conn: AsyncConnection, version: Version, image_ids: Sequence[UUID]) -> _New:
    """Those that have no vector yet; facts are worked out where nobody has."""
    hexadecimal = b"".join(own.bytes for own in image_ids).hex()
    given = ",".join(hexadecimal[at : at + 32] for at in range(0, len(hexadecimal), 32))
    driver = (await conn.get_raw_connection()).driver_connection
    assert driver is not None
    while True:
        async with driver.cursor(binary=True) as cursor:
            statement = _NEW.format(partition_name(version.id))
            found = _New(*(await (await cursor.execute(statement, [f"{{{given}}}"])).fetchone()))
        if found.known == len(set(image_ids)):
            return found
        worked_out = await conn.execute(text(facts.REMEMBER), {"ids": f"{{{given}}}"})
        if not worked_out.rowcount:
            return found  # the others are no images


async def _copy(
    conn: AsyncConnection,
    version: Version,
    new: _New,
    image_ids: Sequence[UUID],
    vectors: NDArray[np.floating[Any]],
) -> int:
    at = {own.bytes: n for n, own in enumerate(image_ids)}
    order = [at[new.ids[start : start + 16]] for start in range(0, len(new.ids), 16)]
    if order != list(range(len(image_ids))):
        vectors = vectors[order]
    content = _joined(copy_rows(version.id, new.ids, vectors), new.tails, new.lengths)
    driver = (await conn.get_raw_connection()).driver_connection
    assert driver is not None
    statement = f"COPY {partition_name(version.id)} FROM STDIN (FORMAT BINARY)"
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(content)
    return len(order)


def _check_batch(version: Version, image_ids: Sequence[UUID], vectors: NDArray[np.float32]) -> None:
    if vectors.ndim != 2 or len(vectors) != len(image_ids):
        raise BadRequest(f"{len(image_ids)} images but vectors of shape {list(vectors.shape)}")
    if vectors.shape[1] != version.dim:
        raise WrongSpace(
            f"Vectors of {vectors.shape[1]} values cannot go into embed version"
            f" {version.embed_version!r}, which has {version.dim}"
        )
    single = vectors.astype(np.float32, copy=False)
    lengths = np.sqrt(np.einsum("ij,ij->i", single, single))
    wrong = int((~(np.abs(lengths - 1) <= TOLERANCE)).sum())  # NaN counts as wrong
    if wrong:
        raise ModelError(
            f"{wrong} of {len(lengths)} vectors are not finite and of length 1;"
            " the encoder is broken or does not normalise"
        )


def copy_rows(
    version_id: int, image_ids: bytes, vectors: NDArray[np.floating[Any]]
) -> NDArray[Any]:
    """[n, dim] as the beginnings of n rows: version, id (16 bytes each), vector; after its length.

    A halfvec is its dimension and a zero, two bytes each, then half floats; all big-endian.
    """
    count, dim = vectors.shape
    layout: list[tuple[Any, ...]] = [("fields", ">i2"), ("version_length", ">i4")]
    layout += [("version", ">i2"), ("id_length", ">i4"), ("id", "V16"), ("length", ">i4")]
    layout += [("dim", ">i2"), ("unused", ">i2"), ("vector", ">f2", (dim,))]
    rows = np.zeros(count, dtype=np.dtype(layout))
    rows["fields"], rows["version_length"], rows["version"] = 3 + len(facts.COLUMNS), 2, version_id
    rows["id_length"], rows["id"] = 16, np.frombuffer(image_ids, "V16")
    rows["length"], rows["dim"], rows["vector"] = 4 + 2 * dim, dim, vectors
    return rows


def _joined(heads: NDArray[Any], tails: bytes, lengths: bytes) -> bytes:
    """Whole rows, out of their beginnings and, one after the other, their ends."""
    begins, size = memoryview(heads.tobytes()), heads.itemsize
    ends, at = memoryview(tails), 0
    parts: list[bytes | memoryview] = [_HEADER]
    for n, length in enumerate(np.frombuffer(lengths, ">i4").tolist()):
        parts += (begins[n * size : (n + 1) * size], ends[at : at + length])
        at += length
    return b"".join((*parts, _TRAILER))

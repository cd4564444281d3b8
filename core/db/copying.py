"""Storing vectors, in PostgreSQL's binary COPY format: a tenth of the time that text takes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import facts
from core.db.partitions import partition_name
from core.errors import BadRequest, ModelError, WrongSpace
from core.versions import Version

TOLERANCE = 1e-3
"""How far from 1 a length may be: half precision alone moves it by a few 1e-4."""

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"


async def copy_vectors(
    conn: AsyncConnection,
    version: Version,
    image_ids: Sequence[UUID],
    vectors: NDArray[np.float32],
) -> int:
    """Store float [n, dim] unit vectors of n images; return how many were not there yet.

    Idempotent: an image that has a vector keeps it. Raises WrongSpace for another dimension,
    ModelError for vectors that are not finite and of unit length.
    """
    _check_batch(version, image_ids, vectors)
    if not len(image_ids):
        return 0
    table = partition_name(version.id)
    incoming = f"incoming_{table}"
    await conn.execute(text(f"DROP TABLE IF EXISTS pg_temp.{incoming}"))
    await conn.execute(
        text(
            f"CREATE TEMP TABLE {incoming} (version_id smallint, image_id uuid, vector halfvec)"
            " ON COMMIT DROP"
        )
    )
    await conn.execute(text(f"ALTER TABLE {incoming} ALTER vector SET STORAGE PLAIN"))
    driver = (await conn.get_raw_connection()).driver_connection
    assert driver is not None
    columns = "version_id, image_id, vector"
    statement = f"COPY pg_temp.{incoming} ({columns}) FROM STDIN (FORMAT BINARY)"
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(copy_rows(version.id, image_ids, vectors))
    await facts.settle(conn, changing=False)
    stored = await conn.execute(text(facts.insert_statement(table, f"pg_temp.{incoming}")))
    return stored.rowcount


def _check_batch(version: Version, image_ids: Sequence[UUID], vectors: NDArray[np.float32]) -> None:
    if vectors.ndim != 2 or len(vectors) != len(image_ids):
        raise BadRequest(f"{len(image_ids)} images but vectors of shape {list(vectors.shape)}")
    if vectors.shape[1] != version.dim:
        raise WrongSpace(
            f"Vectors of {vectors.shape[1]} values cannot go into embed version"
            f" {version.embed_version!r}, which has {version.dim}"
        )
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    wrong = int((~(np.abs(lengths - 1) <= TOLERANCE)).sum())  # NaN counts as wrong
    if wrong:
        raise ModelError(
            f"{wrong} of {len(lengths)} vectors are not finite and of length 1;"
            " the encoder is broken or does not normalise"
        )


def copy_rows(version_id: int, image_ids: Sequence[UUID], vectors: NDArray[np.float32]) -> bytes:
    """Float [n, dim] as n rows (version_id, image_id, vector): each field after its length.

    A halfvec is its dimension and a zero, two bytes each, then half floats; all big-endian.
    """
    count, dim = vectors.shape
    layout: list[tuple[Any, ...]] = [("fields", ">i2"), ("version_length", ">i4")]
    layout += [("version", ">i2"), ("id_length", ">i4"), ("id", "V16"), ("length", ">i4")]
    layout += [("dim", ">i2"), ("unused", ">i2"), ("vector", ">f2", (dim,))]
    rows = np.zeros(count, dtype=np.dtype(layout))
    rows["fields"], rows["version_length"], rows["version"] = 3, 2, version_id
    rows["id_length"], rows["id"] = 16, np.frombuffer(b"".join(i.bytes for i in image_ids), "V16")
    rows["length"], rows["dim"], rows["vector"] = 4 + 2 * dim, dim, vectors
    return _HEADER + rows.tobytes() + _TRAILER

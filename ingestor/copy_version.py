"""Vectors of an embed version to another name, or to another database that knows the images.

For collections embedded on another machine: images have the same ids wherever they came from the
same source, so that vectors find theirs. Killed at any point it can be called again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import versions
from core.db import statements
from core.db.engine import autocommit
from core.db.partitions import index_filters, partition_name
from core.encoders.base import EncoderSpec
from core.errors import VersionNotReady
from core.vectors import copy_vectors
from core.versions import Version

BATCH = 5_000
Progress = Callable[[int, int], None]
"""Told (vectors dealt with, vectors to deal with) after every batch."""


@dataclass(frozen=True)
class CopyReport:
    """What a copy did."""

    embed_version: str
    copied: int
    there: int
    """Vectors that the copy had before."""
    unknown: int
    """Vectors of images that the other database does not know."""


async def copy_version(
    source: AsyncEngine, name: str, target: AsyncEngine, new_name: str, progress: Progress
) -> CopyReport:
    """Give `target` a version `new_name` with the identity and the vectors of `name` in `source`.

    Raises UnknownVersion, VersionNotReady when it is retired, VersionConflict when `new_name`
    already means something else there. It is opened (`ready`) at the end if the original is.
    """
    async with source.connect() as reading:
        version = await versions.get(reading, name)
        if version.state == "retired":
            raise VersionNotReady(f"Embed version {name!r} is retired; there is nothing to copy")
        table = partition_name(version.id)
        total = await reading.scalar(text(f"SELECT count(*) FROM {table}")) or 0
        async with target.begin() as conn:
            copy = await versions.ensure(conn, new_name, _spec(version))
        copied = known = done = 0
        after = UUID(int=0)
        while ids := await _ids(reading, version, after):
            after = ids[-1]
            async with target.begin() as conn:
                wanted, here = await _wanted(conn, copy, ids)
                if wanted:
                    order, vectors = await _read(reading, version, wanted)
                    copied += await copy_vectors(conn, copy, order, vectors)
            known, done = known + here, done + len(ids)
            progress(done, total)
    async with autocommit(target) as conn:
        await index_filters(conn, copy.id)
    async with target.begin() as conn:
        if version.state == "ready" and copy.state == "building":
            await versions.set_state(conn, new_name, "ready")
    return CopyReport(new_name, copied, known - copied, done - known)


def _spec(version: Version) -> EncoderSpec:
    return EncoderSpec(
        version.model, version.pretrained, version.weights_sha256, version.preprocess, version.dim
    )


async def _ids(conn: AsyncConnection, version: Version, after: UUID) -> list[UUID]:
    query = (
        f"SELECT image_id FROM {partition_name(version.id)} WHERE image_id > :after"
        " ORDER BY image_id LIMIT :most"
    )
    return list(await conn.scalars(text(query), {"after": after, "most": BATCH}))


async def _wanted(
    conn: AsyncConnection, version: Version, ids: Sequence[UUID]
) -> tuple[list[UUID], int]:
    """Those of `ids` that are images here without a vector, and how many are images here."""
    query = (
        "SELECT i.id, e.image_id IS NULL AS wanted FROM image i"
        f" LEFT JOIN {partition_name(version.id)} e ON e.image_id = i.id WHERE i.id = ANY(:ids)"
    )
    rows = (await conn.execute(text(query), {"ids": list(ids)})).all()
    return [row.id for row in rows if row.wanted], len(rows)


async def _read(
    conn: AsyncConnection, version: Version, ids: Sequence[UUID]
) -> tuple[list[UUID], NDArray[np.float32]]:
    content = await conn.scalar(text(statements.vectors(version.id)), {"ids": list(ids)})
    layout = [("id", "V16"), ("dim", ">i2"), ("unused", ">i2"), ("v", ">f2", (version.dim,))]
    rows = np.frombuffer(content or b"", np.dtype(layout))
    return [UUID(bytes=each.tobytes()) for each in rows["id"]], rows["v"].astype(np.float32)

"""Query vectors: unit vectors that know their version, and what can be made of several."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.copying import TOLERANCE
from core.db.partitions import partition_name
from core.errors import BadRequest, NotFound, VersionNotReady, WrongSpace
from core.versions import Version

NOISE = 1e-3
"""Share of a sum of vectors that is left when they cancel out, by rounding to half floats."""


@dataclass(frozen=True, eq=False)
class QueryVector:
    """A unit vector, float32 [dim], that knows the version it belongs to.

    Raises BadRequest when it is not finite, one-dimensional and of unit length; see `unit`.
    """

    version_id: int
    values: NDArray[np.float32]

    def __post_init__(self) -> None:
        length = float(np.linalg.norm(self.values)) if self.values.ndim == 1 else float("nan")
        if not abs(length - 1) <= TOLERANCE:  # also when it is NaN
            raise BadRequest("A query vector must be one row of finite numbers of length 1")


def unit(version_id: int, values: ArrayLike) -> QueryVector:
    """Scale [dim] to unit length; BadRequest when that cannot be done (zero, NaN, infinite)."""
    array = np.asarray(values, dtype=np.float64)
    length = np.linalg.norm(array)
    if not (np.isfinite(length) and length > 1e-12):
        raise BadRequest("These vectors cancel out or are not numbers: there is no direction left")
    return QueryVector(version_id, (array / length).astype(np.float32))


def combine(parts: Sequence[tuple[QueryVector, float]]) -> QueryVector:
    """Weighted sum of vectors of one version, at unit length again; a weight may be negative."""
    if not parts:
        raise BadRequest("There is nothing to combine")
    versions = {vector.version_id for vector, _ in parts}
    if len(versions) > 1:
        raise WrongSpace("Vectors of different embed versions cannot be combined")
    total = sum(vector.values.astype(np.float64) * weight for vector, weight in parts)
    if np.linalg.norm(total) < NOISE * sum(abs(weight) for _, weight in parts):
        total = np.zeros_like(total)
    return unit(versions.pop(), total)


def cosine(one: QueryVector, other: QueryVector) -> float:
    """Cosine similarity in [-1, 1]; WrongSpace when they are of different versions."""
    if one.version_id != other.version_id:
        raise WrongSpace("Vectors of different embed versions cannot be compared")
    return float(np.clip(one.values.astype(np.float64) @ other.values, -1, 1))


async def stored_vector(conn: AsyncConnection, version: Version, image_id: UUID) -> QueryVector:
    """The vector of an image in `version`; NotFound when it has none there."""
    _check_kept(version)
    table = partition_name(version.id)
    values = await conn.scalar(
        text(f"SELECT vector::real[] FROM {table} WHERE image_id = :image_id"),
        {"image_id": image_id},
    )
    if values is None:
        raise NotFound(f"Image {image_id} has no vector in embed version {version.embed_version!r}")
    return unit(version.id, values)


async def record_vector(conn: AsyncConnection, version: Version, record_id: UUID) -> QueryVector:
    """The mean of the vectors of a record's images; NotFound when none has one in `version`."""
    _check_kept(version)
    query = (
        f"SELECT e.vector::real[] FROM {partition_name(version.id)} e JOIN record_image ri"
        " USING (image_id) JOIN record r ON r.id = ri.record_id JOIN image i ON i.id = e.image_id"
        " WHERE r.id = :record_id AND r.withdrawn_at IS NULL AND i.state = 'ok' ORDER BY i.id"
    )
    found = (await conn.scalars(text(query), {"record_id": record_id})).all()
    if not found:
        raise NotFound(
            f"Record {record_id} has no picture in embed version {version.embed_version!r}"
        )
    return unit(version.id, np.mean(found, axis=0))


async def mean_vector(conn: AsyncConnection, version: Version) -> QueryVector:
    """The direction of the pictures of `version` on average, by up to 500 of them."""
    _check_kept(version)
    query = f"SELECT vector::real[] FROM {partition_name(version.id)} ORDER BY image_id LIMIT 500"
    found = (await conn.scalars(text(query))).all()
    if not found:
        raise NotFound(f"Embed version {version.embed_version!r} has no vectors")
    return unit(version.id, np.mean(found, axis=0))


def _check_kept(version: Version) -> None:
    if version.state == "retired":
        raise VersionNotReady(f"Embed version {version.embed_version!r} is retired")

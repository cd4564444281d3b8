"""Embed versions: the immutable identity of a vector space, its state, and which one is default."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import atlas
from core.db.partitions import create_partition, drop_partition
from core.db.tables import VERSION_STATES, embed_version, embedding, image
from core.encoders.base import EncoderSpec
from core.errors import BadRequest, Conflict, UnknownVersion, VersionConflict, VersionNotReady

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LOCK = 0x76657273  # "vers": the advisory lock of everything that makes or changes versions


@dataclass(frozen=True)
class Version:
    """One row of `embed_version`."""

    id: int
    embed_version: str
    model: str
    pretrained: str
    weights_sha256: str
    preprocess: dict[str, Any]
    dim: int
    precision: str
    metric: str
    index_kind: str
    index_params: dict[str, Any]
    state: str
    is_default: bool
    created_at: datetime


@dataclass(frozen=True)
class VersionCoverage:
    """A version, how many images it has vectors of, and how many images there are to embed."""

    version: Version
    embedded: int
    images: int


async def ensure(conn: AsyncConnection, name: str, spec: EncoderSpec) -> Version:
    """The version called `name`, made with its partition where there is none.

    The first version ever made becomes the default. Part of the caller's transaction: commit
    soon, others that make a version wait for it. Raises VersionConflict when the name already
    means other weights, another preprocessing or dimension; VersionNotReady when it is retired;
    BadRequest when it is no fit name.
    """
    found = await _find(conn, name)
    if found is None:
        if not NAME.fullmatch(name):
            raise BadRequest(
                f"{name!r} is not a usable embed version name: letters, digits, '.', '_' and '-'"
            )
        await _lock(conn)
        found = await _find(conn, name) or await _create(conn, name, spec)
    _check_identity(found, spec)
    if found.state == "retired":
        raise VersionNotReady(f"Embed version {name!r} is retired; choose another name")
    return found


async def get(conn: AsyncConnection, name: str | None = None) -> Version:
    """The version called `name`, or the default; UnknownVersion lists the names that exist."""
    if name:
        found = await _find(conn, name)
    else:
        row = (await conn.execute(select(embed_version).where(embed_version.c.is_default))).first()
        found = None if row is None else _version(row._mapping)
    if found is not None:
        return found
    names = (await conn.scalars(select(embed_version.c.embed_version).order_by("id"))).all()
    if not names:
        raise UnknownVersion("No image has been embedded yet; run bin/ingest_embed")
    known = ", ".join(names)
    raise UnknownVersion(
        f"There is no embed version {name!r}; there are: {known}"
        if name
        else f"No embed version is the default; name one of: {known}"
    )


@dataclass(frozen=True)
class Coverage:
    """Images that can be shown, and how many of them have a vector, by the id of the version."""

    images: int
    embedded: Mapping[int, int]


async def coverage(conn: AsyncConnection) -> Coverage:
    """How much of the collection each version covers; looks at every image."""
    ok = (image.c.state == "ok") & image.c.same_as.is_(None)
    images = await conn.scalar(select(func.count()).select_from(image).where(ok)) or 0
    per_version = await conn.execute(
        select(embedding.c.version_id, func.count())
        .join(image, image.c.id == embedding.c.image_id)
        .where(ok)
        .group_by(embedding.c.version_id)
    )
    return Coverage(images, {int(version_id): int(count) for version_id, count in per_version})


async def list_all(conn: AsyncConnection, covered: Coverage | None = None) -> list[VersionCoverage]:
    """Every version in the order they were made, with what it covers (counted unless given)."""
    covered = covered or await coverage(conn)
    rows = (await conn.execute(select(embed_version).order_by(embed_version.c.id))).mappings()
    versions = [_version(row) for row in rows]
    return [VersionCoverage(v, covered.embedded.get(v.id, 0), covered.images) for v in versions]


async def ready(conn: AsyncConnection) -> list[Version]:
    """Every version that can be searched, the default first."""
    query = (
        select(embed_version)
        .where(embed_version.c.state == "ready")
        .order_by(embed_version.c.is_default.desc(), embed_version.c.id)
    )
    return [_version(row) for row in (await conn.execute(query)).mappings()]


async def set_default(conn: AsyncConnection, name: str) -> Version:
    """Make `name` the version that is searched when none is named; refused when retired."""
    await _lock(conn)
    chosen = await get(conn, name)
    if chosen.state == "retired":
        raise VersionNotReady(f"Embed version {name!r} is retired and cannot be the default")
    # Two statements: the unique index on the default is checked row by row.
    await conn.execute(update(embed_version).values(is_default=False))
    await _set(conn, chosen, is_default=True)
    return await get(conn, name)


async def set_state(conn: AsyncConnection, name: str, state: str) -> Version:
    """Move `name` to `state` (building, ready, retired); the default cannot be retired."""
    if state not in VERSION_STATES:
        raise BadRequest(f"{state!r} is not a state; use one of {', '.join(VERSION_STATES)}")
    await _lock(conn)
    found = await get(conn, name)
    if state == "retired" and found.is_default:
        raise Conflict(f"Embed version {name!r} is the default; make another the default first")
    await _set(conn, found, state=state)
    return await get(conn, name)


async def set_index(
    conn: AsyncConnection, version: Version, kind: str, params: Mapping[str, Any]
) -> Version:
    """Record which approximate index `version` has, and how it is to be searched."""
    await _set(conn, version, index_kind=kind, index_params=dict(params))
    return await get(conn, version.embed_version)


async def retire(conn: AsyncConnection, name: str) -> Version:
    """Delete vectors and atlas of `name` for good; its name stays taken. Not of the default."""
    retired = await set_state(conn, name, "retired")
    await atlas.forget(conn, retired.id)
    await drop_partition(conn, retired.id)
    return await set_index(conn, retired, "exact", {})


async def _create(conn: AsyncConnection, name: str, spec: EncoderSpec) -> Version:
    first = await conn.scalar(select(func.count()).where(embed_version.c.is_default)) == 0
    # A savepoint: should the partition fail, the row goes too, whatever the caller then does.
    async with conn.begin_nested():
        row = await conn.execute(
            insert(embed_version)
            .values(
                embed_version=name,
                model=spec.model,
                pretrained=spec.pretrained,
                weights_sha256=spec.weights_sha256,
                preprocess=spec.preprocess,
                dim=spec.dim,
                is_default=first,
            )
            .returning(embed_version)
        )
        made = _version(row.one()._mapping)
        await create_partition(conn, made.id, made.dim)
    return made


def _check_identity(stored: Version, spec: EncoderSpec) -> None:
    reason = None
    if stored.dim != spec.dim:
        reason = f"vectors of {stored.dim} values, not {spec.dim}"
    elif stored.weights_sha256 != spec.weights_sha256:
        reason = f"weights {stored.weights_sha256[:12]}…, not {spec.weights_sha256[:12]}…"
    elif stored.preprocess != json.loads(json.dumps(spec.preprocess)):
        reason = "another preprocessing of images"
    if reason:
        model = " ".join(filter(None, (stored.model, stored.pretrained)))
        raise VersionConflict(
            f"Embed version {stored.embed_version!r} already means {model} with {reason};"
            " choose another name"
        )


async def _find(conn: AsyncConnection, name: str) -> Version | None:
    query = select(embed_version).where(embed_version.c.embed_version == name)
    row = (await conn.execute(query)).first()
    return None if row is None else _version(row._mapping)


async def _set(conn: AsyncConnection, version: Version, **values: object) -> None:
    await conn.execute(
        update(embed_version).where(embed_version.c.id == version.id).values(**values)
    )


async def _lock(conn: AsyncConnection) -> None:
    await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def _version(row: Mapping[Any, Any]) -> Version:
    return Version(**{str(key): value for key, value in row.items()})

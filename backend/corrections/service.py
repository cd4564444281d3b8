"""Keeping corrections, and counting how often a version was right."""

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.corrections import queries
from backend.corrections.schemas import Correction, Corrections
from backend.taxa.service import taxon
from core import versions


async def correct(conn: AsyncConnection, given: Correction) -> Corrections:
    """Store what a photo shows; BadRequest where that is no taxon at a rank."""
    version = await versions.get(conn, given.embed_version)
    key = queries.Key(given.photo, given.judge, version.id)
    if given.said is None:
        await queries.forget(conn, key)
    else:
        named = _written(given.named) if given.named else None
        await queries.keep(conn, key, named=named, said=_written(given.said))
    return await counted(conn, version.embed_version)


async def counted(conn: AsyncConnection, name: str | None) -> Corrections:
    """How many names of a version were judged, and how many were right."""
    version = await versions.get(conn, name)
    row = await queries.counted(conn, version.id)
    return Corrections(embed_version=version.embed_version, **row)


def _written(text: str) -> str:
    found = taxon(text)
    return f"{found.rank}:{found.name}"

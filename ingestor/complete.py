"""What follows when all images of a version are embedded: it is indexed, measured and opened."""

from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from core import versions
from core.db.engine import autocommit
from core.db.partitions import partition_name
from core.encoders.base import Encoder
from core.versions import Version
from ingestor.index import Encoder as IndexEncoder
from ingestor.index import Kind, build_index
from ingestor.recall import EncodeTexts

Note = Callable[[str], None]
"""Told what the index is about."""


def unsaid(what: str) -> None:
    """A `Note` to nobody."""


async def complete(
    engine: AsyncEngine, name: str, encoder: Encoder, *, grown: bool, note: Note
) -> None:
    """Index, verify, analyse and open the version `name`; one worker does it, the others go on.

    An index that is there stays, unless the version has `grown` too far for it. Outside of any
    transaction: whatever one has seen, the build of an index waits for its end.
    """
    async with autocommit(engine) as conn:
        lock = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
        if not await conn.scalar(lock, {"name": f"complete {name}"}):
            return
        try:
            version = await versions.get(conn, name)
            if version.index_kind == "exact" or grown:
                kind: Kind = "hnsw" if version.index_kind == "hnsw" else "auto"
                phases = each_once(note)
                await build_index(engine, name, kind, encoder=_given(encoder), progress=phases)
            await conn.execute(text(f"ANALYZE {partition_name(version.id)}"))
            if version.state == "building":
                async with engine.begin() as other:
                    await versions.set_state(other, name, "ready")
        finally:
            await conn.invalidate()  # with it goes the lock


def each_once(note: Note) -> Callable[[str, float | None], None]:
    """A progress that tells `note` of every phase, once when it begins."""
    said = ""

    def progress(phase: str, _: float | None) -> None:
        nonlocal said
        if phase != said:
            said = phase
            note(phase)

    return progress


def _given(encoder: Encoder) -> IndexEncoder:
    async def encode(_: Version) -> EncodeTexts:
        return encoder.encode_texts

    return encode

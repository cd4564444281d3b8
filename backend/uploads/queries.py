"""SQL about uploads."""

import datetime

from sqlalchemy import RowMapping, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.tables import upload


async def keep(
    conn: AsyncConnection, *, sha256: str, content: bytes, width: int, height: int, hours: float
) -> datetime.datetime:
    """Store a picture, or prolong it when it is stored; return when it expires."""
    expires = func.now() + datetime.timedelta(hours=hours)
    statement = (
        insert(upload)
        .values(sha256=sha256, content=content, width=width, height=height, expires_at=expires)
        .on_conflict_do_update(index_elements=[upload.c.sha256], set_={"expires_at": expires})
        .returning(upload.c.expires_at)
    )
    expires_at: datetime.datetime = (await conn.execute(statement)).scalar_one()
    return expires_at


async def drop_expired(conn: AsyncConnection) -> None:
    """Forget every picture whose time is over."""
    await conn.execute(delete(upload).where(upload.c.expires_at <= func.now()))


async def find(conn: AsyncConnection, sha256: str) -> RowMapping | None:
    """The content and expiry of a picture that is still kept, or None."""
    query = select(upload.c.content, upload.c.expires_at).where(
        upload.c.sha256 == sha256, upload.c.expires_at > func.now()
    )
    return (await conn.execute(query)).mappings().one_or_none()

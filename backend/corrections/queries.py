"""SQL about corrections."""

from typing import NamedTuple

from sqlalchemy import RowMapping, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.tables import correction


class Key(NamedTuple):
    """Of which photo, by whom, of a name that which version gave."""

    photo: str
    judge: str
    version_id: int


async def keep(conn: AsyncConnection, key: Key, *, named: str | None, said: str) -> None:
    """Store what a judge says of a photo, in place of what the same said before."""
    statement = insert(correction).values(**key._asdict(), named=named, said=said)
    changed = {"named": named, "said": said, "at": func.now()}
    await conn.execute(
        statement.on_conflict_do_update(index_elements=list(Key._fields), set_=changed)
    )


async def forget(conn: AsyncConnection, key: Key) -> None:
    """Take back what a judge said."""
    own = (correction.c[name] == value for name, value in key._asdict().items())
    await conn.execute(delete(correction).where(*own))


async def counted(conn: AsyncConnection, version_id: int) -> RowMapping:
    """One row: judged, right."""
    right = func.count().filter(func.lower(correction.c.named) == func.lower(correction.c.said))
    query = select(func.count().label("judged"), right.label("right"))
    found = await conn.execute(query.where(correction.c.version_id == version_id))
    return found.mappings().one()

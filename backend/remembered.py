"""An answer kept until the tables it rests on change."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
_STAMP = (
    "SELECT array_agg(ARRAY[n_tup_ins, n_tup_upd, n_tup_del] ORDER BY relname)"
    " FROM pg_stat_user_tables WHERE relname LIKE ANY(:names)"
)
"""Changes when rows of the tables have come, changed or gone, seconds after at most."""


class Remembered(Generic[T]):
    """One answer over some tables (or patterns of LIKE); who asks while it is made waits for it."""

    def __init__(self, *tables: str) -> None:
        self._tables: Sequence[str] = tables
        self._lock = asyncio.Lock()
        self._stamp: object = None
        self._value: T | None = None

    async def get(self, conn: AsyncConnection, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` returned last, or returns now that the tables are others."""
        async with self._lock:
            stamp = await conn.scalar(text(_STAMP), {"names": list(self._tables)})
            if self._value is None or stamp != self._stamp:
                self._value, self._stamp = await make(), stamp
            return self._value

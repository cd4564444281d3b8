"""Connections to PostgreSQL, and the one place where driver errors become ours."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from sqlalchemy import exc
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from core.errors import Unavailable

DRIVER = "postgresql+psycopg"


def normalise(url: str | URL) -> URL:
    """Any of the accepted spellings (`postgres://`, `postgresql://`) with our driver in it."""
    if isinstance(url, str) and url.startswith("postgres://"):
        url = "postgresql://" + url.removeprefix("postgres://")
    return make_url(url).set(drivername=DRIVER)


def create_engine(url: str, *, read_only: bool = False, **options: Any) -> AsyncEngine:
    """Async engine for `url`; with `read_only` the server itself refuses every write.

    `options` go to SQLAlchemy as they are (pool_size, poolclass, …).
    """
    connect_args: dict[str, Any] = {"application_name": "biocosmos"}
    if read_only:
        connect_args["options"] = "-c default_transaction_read_only=on"
    return create_async_engine(
        normalise(url), pool_pre_ping=True, connect_args=connect_args, **options
    )


@asynccontextmanager
async def autocommit(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection on which every statement commits by itself: nobody waits for a transaction."""
    async with engine.connect() as conn:
        yield await conn.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what the driver raises when the database is missing or not ours into Unavailable.

    Errors that mean a fault of ours (a broken statement, a violated constraint) pass through.
    """
    try:
        yield
    except exc.TimeoutError as error:
        raise Unavailable("All database connections are in use; try again in a moment") from error
    except (exc.DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        message = _explain(cause)
        if message is None:
            raise
        raise Unavailable(message) from error


def _explain(cause: object) -> str | None:
    missing = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)
    if isinstance(cause, missing):
        return "The database has not been brought up to date; run bin/migrate"
    if isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError)):
        first = (str(cause).strip().splitlines() or ["no answer"])[0]
        return f"The database cannot be reached: {first}"
    return None

"""A real database for tests: one embedded server a run, a fresh migrated database a test.

Fixtures: `database_url` (empty and migrated), `engine` on it, `settings` naming it and a home of
the test's own; `make_database` for scopes wider than a test.
"""

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from core.db.embedded import DATABASE, serve
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.settings import Settings

# What a crash of a test server would lose is of no interest.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

MakeDatabase = Callable[[], AbstractContextManager[str]]

_NUMBERS = itertools.count(1)
_STACK = pytest.StashKey[ExitStack]()
_URL = pytest.StashKey[str]()


def shared_server(config: pytest.Config) -> str:
    """URL of the migrated database that others are copied from; started when first asked for."""
    if hasattr(config, "workerinput"):
        return str(config.workerinput["server_url"])
    if _URL not in config.stash:
        stack = config.stash[_STACK] = ExitStack()
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="biocosmos-test-"))
        config.stash[_URL] = stack.enter_context(serve(Path(home), FAST))
        migrate(config.stash[_URL])
    return config.stash[_URL]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand every xdist worker the server of the process that started it."""
    node.workerinput["server_url"] = shared_server(node.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _STACK in config.stash:
        config.stash[_STACK].close()


@pytest.fixture(scope="session")
def make_database(pytestconfig: pytest.Config) -> MakeDatabase:
    """Context manager that makes an empty migrated database and drops it at the end."""
    url = make_url(shared_server(pytestconfig))

    @contextmanager
    def make() -> Iterator[str]:
        name = f"test_{os.getpid()}_{next(_NUMBERS)}"
        admin = url.set(drivername="postgresql", database="postgres")
        conninfo = admin.render_as_string(hide_password=False)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {DATABASE} STRATEGY FILE_COPY")
            try:
                yield url.set(database=name).render_as_string(hide_password=False)
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    return make


@pytest.fixture
def database_url(make_database: MakeDatabase) -> Iterator[str]:
    """An empty migrated database of this test's own."""
    with make_database() as url:
        yield url


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Async engine on `database_url`."""
    made = create_engine(database_url)
    yield made
    await made.dispose()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings that name `database_url` and a home of this test's own."""
    return Settings(home=tmp_path / "home", database_url=database_url)

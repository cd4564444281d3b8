"""Fixtures over the museum of tests/api.py: `museum` (once a run) and `client` (once a test)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import pytest

from backend.app import create_app
from core.db.engine import create_engine
from core.settings import Settings
from tests.api import TOKEN, Museum, fill


@pytest.fixture(scope="session")
def museum(
    make_database: Callable[[], AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Museum]:
    """The museum, made once; tests that change it put it back."""
    home = tmp_path_factory.mktemp("museum")
    with make_database() as url:
        made = Museum(Settings(home=home, database_url=url, operator_token=TOKEN), url)

        async def make() -> None:
            engine = create_engine(url)
            async with engine.begin() as conn:
                await fill(conn, made, home / "models")
            await engine.dispose()

        asyncio.run(make())
        yield made


@pytest.fixture
async def client(museum: Museum) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a fresh app over the museum, through the whole stack of middleware."""
    app = create_app(museum.settings, museum.url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://museum") as made:
            yield made

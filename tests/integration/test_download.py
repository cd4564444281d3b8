"""An archive behind a link is fetched by the same manners as everything else."""

import pytest
from sqlalchemy import text

from core.errors import PortalError, UnreadableSource
from core.settings import Settings
from ingestor.download import download
from ingestor.sources.portal import Patience

pytest_plugins = ("tests.portals",)

QUICK = Patience(attempts=4, base=0.02, longest=30.0, calm=0.3)


@pytest.fixture
def fetch(engine, server, tmp_path):
    """Fetch the museum's archive."""

    async def run(url=f"{server.url}/archive.zip", rate=200.0, patience=QUICK):
        settings = Settings(home=tmp_path, contact="me@example.org")
        return await download(url, settings, engine, rate=rate, patience=patience)

    return run


async def host(engine):
    async with engine.connect() as connection:
        return (await connection.execute(text("SELECT * FROM host"))).one()


def asked(server):
    return [visit for visit in server.visits if visit.path == "/archive.zip"]


async def test_every_request_takes_a_turn_of_the_host(server, engine, fetch):
    path = await fetch(rate=4.0)
    assert path.read_bytes()[:2] == b"PK"
    assert [visit.path for visit in server.visits] == ["/robots.txt", "/archive.zip"]
    assert server.visits[1].at - server.visits[0].at >= 1 / 4
    found = await host(engine)
    assert (found.requests, found.requests_per_second) == (2, 4)


@pytest.mark.parametrize("dated", [False, True])
async def test_retry_after_is_obeyed(server, engine, fetch, dated):
    server.misbehave("/archive.zip", "503", times=1, retry_after=3, dated=dated)
    await fetch()
    first, second = (visit.at for visit in asked(server))
    assert second - first >= (2.0 if dated else 3.0)  # a date has whole seconds
    assert (await host(engine)).errors == 1


@pytest.mark.parametrize("fault", ["truncate", "disconnect", "reset", "500"])
async def test_trouble_that_passes_is_waited_out(server, fetch, fault):
    server.misbehave("/archive.zip", fault, times=2, retry_after=None)
    path = await fetch()
    assert path.read_bytes()[:2] == b"PK"
    assert len(asked(server)) == 3
    assert {each.name for each in path.parent.iterdir()} == {path.name, f"{path.name}.marks"}


async def test_what_robots_may_not_have_is_left(server, fetch):
    server.robots = "User-agent: BioCosmos\nDisallow: /archive.zip"
    with pytest.raises(UnreadableSource, match="robots.txt forbids it"):
        await fetch()
    assert not asked(server)


async def test_a_host_whose_breaker_is_open_is_not_asked(server, engine, fetch):
    await fetch()
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE host SET breaker = 'open', failures = 9, trouble = '503',"
                " cooldown_until = now() + interval '1 hour'"
            )
        )
    with pytest.raises(PortalError, match="503 and asks for 60 minutes of peace"):
        await fetch()
    assert len(asked(server)) == 1


async def test_what_has_not_changed_is_not_sent_again(server, fetch):
    path = await fetch()
    before = path.stat().st_mtime_ns
    assert await fetch() == path
    assert path.stat().st_mtime_ns == before
    assert len(asked(server)) == 2


async def test_a_redirect_to_another_host_takes_its_turn(server, engine, fetch):
    server.misbehave("/elsewhere/*", "elsewhere", to="http://localhost:1")
    with pytest.raises(PortalError, match="localhost"):
        await fetch(f"{server.url}/elsewhere/archive.zip", patience=Patience(2, 0.01))
    async with engine.connect() as connection:
        names = (await connection.scalars(text("SELECT name FROM host WHERE errors > 0"))).all()
    assert names == ["localhost:1"]

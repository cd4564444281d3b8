"""The client of the portals, against a real server that misbehaves."""

import asyncio
import time

import pytest
from sqlalchemy import text

from core.errors import InvalidSetting, PortalError, UnreadableSource
from core.sample.server import SampleServer
from core.settings import Settings
from ingestor.sources.portal import Patience, Portal, as_text, rows_of
from tests.faults.museum import looks, windows

SEARCH = "/v1/occurrence/search"
QUICK = Patience(attempts=4, base=0.02, calm=0.3, timeout=0.5)


pytest_plugins = ("tests.portals",)


@pytest.fixture
async def portal(engine):
    settings = Settings(contact="me@example.org")
    async with Portal(settings, engine, rate=200, patience=QUICK) as made:
        yield made


@pytest.mark.parametrize(
    "fault", ["429", "503", "420", "500", "hang", "truncate", "html", "disconnect", "garble"]
)
async def test_trouble_that_passes_is_waited_out(server, portal, drawn, fault):
    server.misbehave(SEARCH, fault, times=2, retry_after=None)
    answer = await portal.get(server.url + SEARCH, [("limit", "3")])
    assert answer["count"] == len(drawn.records)
    assert len(server.visits) == 3
    assert {visit.user_agent for visit in server.visits} == {
        v for v in {visit.user_agent for visit in server.visits} if "me@example.org" in v
    }


@pytest.mark.parametrize("fault", ["429", "503", "420", "hang", "html", "disconnect", "garble"])
async def test_trouble_that_stays_ends_with_one_clear_line(server, portal, fault):
    server.misbehave(SEARCH, fault, retry_after=None)
    with pytest.raises(PortalError, match="127.0.0.1 .*, 4 times; run the same command later"):
        await portal.get(server.url + SEARCH)
    assert len(server.visits) == QUICK.attempts


@pytest.mark.parametrize(("dated", "least"), [(False, 1.0), (True, 1.0)])
async def test_retry_after_is_obeyed(server, portal, dated, least):
    server.misbehave(SEARCH, "429", times=1, retry_after=2 if dated else 1, dated=dated)
    await portal.get(server.url + SEARCH)
    first, second = (visit.at for visit in server.visits)
    assert second - first >= least  # a date has whole seconds: 2 asked for are more than 1


async def test_calm_is_kept_after_a_420(server, portal):
    server.misbehave(SEARCH, "420", times=1, retry_after=None)
    await portal.get(server.url + SEARCH)
    first, second = (visit.at for visit in server.visits)
    assert second - first >= QUICK.calm


async def test_a_portal_that_wants_hours_is_left_at_once(server, engine):
    patience = Patience(longest=60)
    server.misbehave(SEARCH, "429", retry_after=7200)
    async with Portal(Settings(contact="x"), engine, rate=100, patience=patience) as portal:
        with pytest.raises(PortalError, match="asks for 120 minutes of peace"):
            await portal.get(server.url + SEARCH)
    assert len(server.visits) == 1


async def test_requests_come_one_at_a_time_and_no_faster_than_the_rate(drawn, engine):
    with SampleServer(drawn) as server, looks(server) as seen:  # in a thread of its own
        async with Portal(Settings(contact="x"), engine, rate=20) as portal:
            await asyncio.gather(*(portal.get(server.url + SEARCH) for _ in range(8)))
    assert len(server.visits) == 8
    assert windows(server.visits, 1, seen) >= 1 / 20


async def test_retries_keep_the_pace_too(server, engine):
    server.misbehave(SEARCH, "garble", times=3)
    patience = Patience(attempts=5, base=0.001)
    async with Portal(Settings(contact="x"), engine, rate=10, patience=patience) as portal:
        started = time.monotonic()
        await portal.get(server.url + SEARCH)
    assert time.monotonic() - started >= 0.3


async def test_a_refused_question_is_not_asked_again(server, portal):
    with pytest.raises(UnreadableSource, match="answered 400.*Max offset"):
        await portal.get(server.url + SEARCH, [("offset", "100000"), ("limit", "300")])
    server.misbehave(SEARCH, "404")
    with pytest.raises(UnreadableSource, match="answered 404"):
        await portal.get(server.url + SEARCH)
    assert len(server.visits) == 2


async def test_an_answer_not_to_be_believed_is_asked_for_again(server, portal):
    wrong = iter(["makes no sense", None])
    await portal.get(server.url + SEARCH, check=lambda _: next(wrong))
    assert len(server.visits) == 2


async def test_nobody_is_asked_without_a_contact(engine):
    async with Portal(Settings(contact=None), engine) as portal:
        with pytest.raises(InvalidSetting, match="BIOCOSMOS_CONTACT"):
            await portal.get("https://portal.example/v1/x")


async def test_a_file_comes_home_whole_or_not_at_all(server, tmp_path, engine):
    target = tmp_path / "a" / "archive.zip"
    server.misbehave("/archive.zip", "truncate", times=3)
    patience = Patience(attempts=2, base=0.01)
    async with Portal(Settings(contact="x"), engine, rate=200, patience=patience) as portal:
        with pytest.raises(PortalError):
            await portal.save(f"{server.url}/archive.zip", target)
        assert not target.exists()
        await portal.save(f"{server.url}/archive.zip", target)
    assert target.read_bytes()[:2] == b"PK"


def test_cells_are_text():
    assert as_text(None) == ""
    assert as_text(34.049081) == "34.049081"
    assert as_text(True) == "true"
    assert as_text({"b": 1, "a": ["é"]}) == '{"a": ["é"], "b": 1}'
    assert rows_of({"x": [1, {"a": 2}, None]}, "x") == [{"a": 2}]
    assert rows_of([], "x") == []


async def test_two_clients_share_one_pace(server, engine):
    settings = Settings(contact="x")
    async with Portal(settings, engine, rate=20) as one, Portal(settings, engine, rate=20) as two:
        asked = [each.get(server.url + SEARCH) for each in (one, two) for _ in range(6)]
        await asyncio.gather(*asked)
    times = sorted(visit.at for visit in server.visits)
    assert len(times) == 12
    assert times[-1] - times[0] >= 11 / 20
    async with engine.connect() as connection:
        host = (await connection.execute(text("SELECT * FROM host"))).one()
    assert (host.name, host.requests) == (server.url.removeprefix("http://"), 12)


async def test_peace_asked_of_one_client_is_kept_by_the_others(server, engine):
    server.misbehave(SEARCH, "429", times=1, retry_after=2)
    settings = Settings(contact="x")
    async with Portal(settings, engine, rate=50) as one, Portal(settings, engine, rate=50) as two:
        first = asyncio.create_task(one.get(server.url + SEARCH))
        while not server.visits:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)  # the answer is back
        await asyncio.gather(two.get(server.url + SEARCH), first)
    first_at, *later = (visit.at for visit in server.visits)
    assert min(later) - first_at >= 2.0


async def test_a_host_whose_breaker_is_open_is_not_asked(server, engine):
    name = server.url.removeprefix("http://")
    async with Portal(Settings(contact="x"), engine) as portal:
        await portal.get(server.url + SEARCH)
        async with engine.begin() as connection:
            await connection.execute(
                text(
                    "UPDATE host SET breaker = 'open', failures = 5, trouble = 'answered 403',"
                    " cooldown_until = now() + interval '1 hour' WHERE name = :name"
                ),
                {"name": name},
            )
        with pytest.raises(PortalError, match="answered 403 and asks for 60 minutes of peace"):
            await portal.get(server.url + SEARCH)
    assert len(server.visits) == 1


async def test_a_redirect_takes_a_turn_of_its_own_and_leads_on(server, drawn, engine):
    async with SampleServer(drawn, host="127.0.0.2") as other:
        server.misbehave(SEARCH, "elsewhere", times=1, to=other.url)
        async with Portal(Settings(contact="x"), engine, rate=50) as portal:
            answer = await portal.get(server.url + SEARCH, [("limit", "3")])
            assert len(answer["results"]) == 3
            server.misbehave(SEARCH, "loop", times=None)
            with pytest.raises(UnreadableSource, match="redirects without end"):
                await portal.get(server.url + SEARCH)
    async with engine.connect() as connection:
        requests = await connection.execute(text("SELECT requests FROM host ORDER BY requests"))
        assert list(requests.scalars()) == [len(other.visits), len(server.visits)] == [1, 7]

"""Fetching links from real servers on this machine, host state in a real database."""

import asyncio
import gzip
import socket
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from sqlalchemy import text

from core.errors import FetchError, InvalidSetting
from core.settings import Settings
from ingestor.fetch import Fetcher
from ingestor.hosts import Hosts, name_of
from ingestor.manners import Manners
from tests.unit.ingestor.web import serving

SETTINGS = Settings(contact="mailto:curator@museum.example", max_image_bytes=10_000)
BRISK = Manners(base=0.001, probe_first=0.2, read=0.5, total=1.0)


@asynccontextmanager
async def fetching(engine, rate=1000.0, manners=BRISK, settings=SETTINGS):
    async with Hosts(engine, rate, manners) as hosts, Fetcher(settings, hosts) as fetcher:
        yield fetcher


async def result(fetcher, url):
    try:
        return await fetcher.fetch(url)
    except FetchError as error:
        return error


async def outcome(engine, url, **options):
    async with fetching(engine, **options) as fetcher:
        return await result(fetcher, url)


async def row(engine, url):
    async with engine.connect() as connection:
        query = text("SELECT * FROM host WHERE name = :name")
        return (await connection.execute(query, {"name": name_of(url)})).one()


@pytest.mark.parametrize(
    ("status", "state", "health"),
    [
        (404, "gone", "fine"),
        (410, "gone", "fine"),
        (401, "blocked", "fine"),
        (403, "retry", "refused"),
        (429, "retry", "trouble"),
        (420, "retry", "trouble"),
        (503, "retry", "trouble"),
        (500, "retry", "trouble"),
        (408, "retry", "trouble"),
        (400, "invalid", "fine"),
        (204, "invalid", "fine"),
    ],
)
async def test_statuses_become_states(engine, status, state, health):
    async def answer(request):
        return web.Response(status=status)

    async with serving(answer) as server:
        error = await outcome(engine, f"{server.url}/1.jpg")
        host = await row(engine, server.url)
    assert (error.state, error.host) == (state, health)
    assert str(status) in error.detail
    assert host.breaker == ("open" if health == "refused" else "closed")
    assert host.requests == 2  # robots.txt too
    assert host.errors == (health != "fine")


async def test_we_say_who_we_are_and_how_to_reach_us(engine):
    async def answer(request):
        return web.Response(body=b"bytes")

    async with serving(answer) as server:
        assert await outcome(engine, server.url) == b"bytes"
    assert server.agents[0].startswith("BioCosmos/")
    assert server.agents[0].endswith("(+mailto:curator@museum.example)")


async def test_without_a_contact_nothing_is_asked_of_other_hosts(engine):
    with pytest.raises(InvalidSetting, match="BIOCOSMOS_CONTACT"):
        await outcome(engine, "http://museum.example/1.jpg", settings=Settings())


@pytest.mark.parametrize("processes", [1, 3])
async def test_a_host_is_asked_no_faster_than_the_rate_and_twice_at_once(engine, processes):
    async def slow(request):
        await asyncio.sleep(0.12)
        return web.Response(body=b"x")

    async with serving(slow) as server:

        async def worker(number):
            async with fetching(engine, 20.0) as fetcher:
                urls = [f"{server.url}/{number}/{n}" for n in range(9 // processes)]
                return await asyncio.gather(*(result(fetcher, url) for url in urls))

        await asyncio.gather(*(worker(number) for number in range(processes)))
    times = sorted(server.times)
    assert len(times) == 9
    assert times[-1] - times[0] >= 8 / 20 - 0.05  # what the way there varies by
    assert server.most_at_once == 2


async def test_a_host_that_asks_us_to_wait_is_left_in_peace_by_all(engine):
    async def busy(request):
        return web.Response(status=429, headers={"Retry-After": "120"})

    async with serving(busy) as server:
        errors = [await outcome(engine, server.url) for _ in range(3)]
        host = await row(engine, server.url)
    assert [e.state for e in errors] == ["retry", "pending", "pending"]
    assert len(server.times) == 1
    assert 100 < errors[2].retry_after <= 120
    assert host.pace == host.requests_per_second / 2


async def test_the_breaker_opens_probes_once_and_closes(engine):
    well = False

    async def answer(request):
        await asyncio.sleep(0.05)
        return web.Response(body=b"x") if well else web.Response(status=403)

    async with serving(answer) as server, fetching(engine) as fetcher:
        assert (await result(fetcher, server.url)).host == "refused"
        assert (await row(engine, server.url)).breaker == "open"
        asked = len(server.times)
        both = asyncio.gather(*(result(fetcher, f"{server.url}/{n}") for n in range(2)))
        await asyncio.sleep(0.12)
        assert len(server.times) == asked
        await both  # one probe, refused; the other had to wait, and probed after twice the time
        probes = server.times[asked:]
        assert len(probes) == 2
        assert probes[0] - server.times[0] >= 0.2
        assert probes[1] - probes[0] >= 0.4
        well = True
        assert await result(fetcher, server.url) == b"x"
        host = await row(engine, server.url)
    assert (host.breaker, host.failures, host.cooldown_until) == ("closed", 0, None)
    assert host.trouble == "the host answered 403 Forbidden"


async def test_failures_in_a_row_open_the_breaker_and_too_many_probes_end_it(engine):
    async def broken(request):
        return web.Response(status=500)

    manners = Manners(base=0.001, breaker_after=3, probe_first=0.01, probes=2)
    async with serving(broken) as server, fetching(engine, manners=manners) as fetcher:
        for failures in range(1, 6):
            assert (await result(fetcher, server.url)).state == "retry"
            host = await row(engine, server.url)
            assert host.failures == failures
            assert host.breaker == ("open" if failures >= 3 else "closed")
        assert "given up" in fetcher._hosts.given_up[name_of(server.url)]


async def test_the_pace_grows_again_after_trouble(engine):
    ill = True

    async def answer(request):
        return web.Response(status=500) if ill else web.Response(body=b"x")

    async with serving(answer) as server, fetching(engine, 200.0) as fetcher:
        await result(fetcher, server.url)
        paces = [(await row(engine, server.url)).pace]
        ill = False
        for _ in range(6):
            assert await result(fetcher, server.url) == b"x"
            paces.append((await row(engine, server.url)).pace)
    assert paces == pytest.approx([100, 120, 140, 160, 180, 200, 200])


async def test_more_bytes_than_allowed_are_not_read(engine):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x" * 10_000)
        return response

    async with serving(endless) as server:
        error = await outcome(engine, server.url)
    assert error.state == "invalid"
    assert "10,000 bytes" in error.detail


async def test_what_is_packed_is_unpacked_within_bounds(engine):
    bodies = {f"/{size}": gzip.compress(b"x" * size) for size in (10_000, 10_001, 30_000_000)}

    async def packed(request):
        return web.Response(body=bodies[request.path], headers={"Content-Encoding": "gzip"})

    async with serving(packed) as server, fetching(engine) as fetcher:
        assert await result(fetcher, f"{server.url}/10000") == b"x" * 10_000
        for size in (10_001, 30_000_000):
            assert (await result(fetcher, f"{server.url}/{size}")).state == "invalid"


async def test_redirects_are_followed_but_not_for_ever(engine):
    async def answer(request):
        match request.path.strip("/"):
            case "circle":
                raise web.HTTPFound("/circle")
            case "mail":
                raise web.HTTPFound("mailto:a@b.example")
            case "0":
                return web.Response(body=b"there")
        raise web.HTTPFound(f"/{int(request.path.strip('/')) - 1}")

    async with serving(answer) as server, fetching(engine) as fetcher:
        assert await result(fetcher, f"{server.url}/4") == b"there"
        for path in ("40", "circle", "mail"):
            assert (await result(fetcher, f"{server.url}/{path}")).state == "invalid"
        host = await row(engine, server.url)
    assert host.requests == 1 + len(server.paths)


async def test_a_redirect_takes_a_turn_of_the_host_it_leads_to(engine):
    async def there(request):
        return web.Response(body=b"there")

    async with serving(there, "User-agent: *\nDisallow: /no") as target:

        async def here(request):
            raise web.HTTPFound(target.url + request.path)

        async with serving(here) as server, fetching(engine, 4.0) as fetcher:
            urls = [f"{server.url}/{name}" for name in "abc"]
            found = await asyncio.gather(*(result(fetcher, url) for url in urls))
            forbidden = await result(fetcher, f"{server.url}/no/1")
    assert found == [b"there"] * 3
    assert target.times[2] - target.times[0] >= 0.5
    assert forbidden.state == "blocked"
    assert sorted(target.paths) == ["/a", "/b", "/c"]


async def test_a_broken_connection_is_tried_again_and_asked_once(engine):
    async def cut(request):
        if request.path == "/cut":
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b"half")
            request.transport.close()
            return response
        if request.path == "/closed":
            request.transport.close()
        return web.Response(body=b"x")

    async with serving(cut) as server, fetching(engine) as fetcher:
        url = server.url
        assert (await result(fetcher, f"{url}/cut")).state == "retry"
        assert await result(fetcher, f"{url}/good") == b"x"
        assert (await result(fetcher, f"{url}/closed")).state == "retry"
        assert server.paths == ["/cut", "/good", "/closed"]
    assert (await outcome(engine, url)).state == "retry"  # nobody listens any more


async def test_hosts_that_dawdle_are_left(engine):
    async def dawdle(request):
        if request.path == "/hang":
            await asyncio.sleep(3)
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(30):  # a byte every 0.1 s keeps the read alive, not the whole
            await response.write(b"x")
            await asyncio.sleep(0.1)
        return response

    async with serving(dawdle) as server, fetching(engine) as fetcher:
        for path in ("hang", "loris"):
            start = asyncio.get_running_loop().time()
            assert (await result(fetcher, f"{server.url}/{path}")).state == "retry"
            assert asyncio.get_running_loop().time() - start < 2


async def test_robots_txt_is_obeyed_and_asked_for_once_a_day(engine):
    rules = "User-agent: *\nDisallow: /private/\nDisallow: /*.tif$\nCrawl-delay: 0.2"

    async def answer(request):
        return web.Response(body=b"x")

    async with serving(answer, rules) as server:
        async with fetching(engine) as fetcher:
            assert await result(fetcher, f"{server.url}/1.jpg") == b"x"
            assert await result(fetcher, f"{server.url}/2.jpg") == b"x"
            for path in ("private/1.jpg", "1.tif"):
                error = await result(fetcher, f"{server.url}/{path}")
                assert error.state == "blocked"
                assert "robots.txt" in error.detail
        assert await outcome(engine, f"{server.url}/3.jpg") == b"x"
        host = await row(engine, server.url)
    assert server.paths == ["/1.jpg", "/2.jpg", "/3.jpg"]
    assert host.requests == 4
    assert min(b - a for a, b in zip(server.times, server.times[1:], strict=False)) >= 0.15


async def test_a_robots_txt_that_is_kept_from_us_forbids_everything(engine):
    async def handle(request):
        return web.Response(status=403 if request.path == "/robots.txt" else 200, body=b"x")

    app = web.Application()
    app.router.add_get("/{tail:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    error = await outcome(engine, f"{url}/1.jpg")
    await runner.cleanup()
    assert error.state == "blocked"
    assert (await row(engine, url)).breaker == "closed"


@pytest.mark.parametrize(
    ("tag", "state"),
    [
        ("noai", "blocked"),
        ("noindex, NoImageAI", "blocked"),
        ("biocosmos: noai", "blocked"),
        ("otherbot: noai", None),
        ("noindex", None),
    ],
)
async def test_x_robots_tag_is_obeyed(engine, tag, state):
    async def answer(request):
        return web.Response(body=b"x", headers={"X-Robots-Tag": tag})

    async with serving(answer) as server:
        found = await outcome(engine, f"{server.url}/1.jpg")
    assert found == b"x" if state is None else found.state == state


@pytest.mark.parametrize(
    ("body", "state", "health"),
    [
        ("<!DOCTYPE html><html><h1>Access Denied</h1></html>", "retry", "refused"),
        ("<html>Your IP address 10.1.1.1 has been blocked</html>", "retry", "refused"),
        ("<?xml version='1.0'?><svg><text>Preview Pending</text></svg>", "retry", "fine"),
    ],
)
async def test_pages_that_stand_for_images(engine, body, state, health):
    async def answer(request):
        return web.Response(text=body, content_type="image/jpeg")

    async with serving(answer) as server:
        error = await outcome(engine, f"{server.url}/1.jpg")
    assert (error.state, error.host) == (state, health)


async def test_a_host_that_does_not_exist_is_trouble(engine):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/1.jpg"
        error = await outcome(engine, url)
    assert error.state == "retry"
    assert "connection failed" in error.detail


async def test_the_next_turn_is_counted_from_when_the_request_left(engine):
    async with Hosts(engine, 5.0, BRISK) as mine, Hosts(engine, 5.0, BRISK) as others:
        late = await mine.turn("h")
        waiting = asyncio.create_task(others.turn("h"))
        await asyncio.sleep(0.5)  # held up on the way: longer than a turn is apart from the next
        assert not waiting.done()
        await mine.sent(late)
        assert (await waiting).at - late.at >= 0.5 + 0.2


async def test_a_turn_that_was_missed_is_given_back_for_another_one(engine):
    async with Hosts(engine, 5.0, BRISK) as mine, Hosts(engine, 5.0, BRISK) as others:
        missed = await mine.turn("h")
        at = missed.at
        await asyncio.sleep(1.1)
        await mine.ready(missed)
        assert missed.at - at >= 1.1
        assert (await row(engine, "http://h")).requests == 1
        await mine.sent(missed)
        assert (await others.turn("h")).at - missed.at >= 0.2


async def test_whose_turn_went_to_another_one_changes_nothing(engine):
    async with Hosts(engine, 5.0, BRISK) as mine, Hosts(engine, 5.0, BRISK) as others:
        missed = await mine.turn("h")
        await asyncio.sleep(1.3)  # a second, and the time to the next
        theirs = await others.turn("h")
        await mine.give_back(missed)
        await mine.sent(missed)
        await others.sent(theirs)
        assert (await mine.turn("h")).at - theirs.at >= 0.2
        assert (await row(engine, "http://h")).requests == 3

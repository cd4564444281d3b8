"""Fetching from a real server, from files and from archives."""

import asyncio
import datetime
import email.utils
import zipfile

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FetchError, InvalidSetting
from core.settings import Settings
from ingestor.fetch import Fetcher, is_loopback, retry_after
from ingestor.pictures import LONGEST_WAIT, backoff
from tests.unit.ingestor.web import serving

SETTINGS = Settings(contact="mailto:curator@museum.example", max_image_bytes=10_000)


async def outcome(url, settings=SETTINGS, rate=1000.0):
    async with Fetcher(settings, rate) as fetcher:
        try:
            return await fetcher.fetch(url)
        except FetchError as error:
            return error


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (404, "gone"),
        (410, "gone"),
        (403, "blocked"),
        (401, "blocked"),
        (429, "retry"),
        (503, "retry"),
        (500, "retry"),
        (408, "retry"),
        (400, "invalid"),
        (204, "invalid"),
    ],
)
async def test_statuses_become_states(status, state):
    async def answer(request):
        return web.Response(status=status)

    async with serving(answer) as server:
        error = await outcome(server.url)
    assert error.state == state
    assert str(status) in error.detail


async def test_we_say_who_we_are_and_how_to_reach_us():
    async def answer(request):
        return web.Response(body=b"bytes")

    async with serving(answer) as server:
        assert await outcome(server.url) == b"bytes"
    assert server.agents[0].startswith("BioCosmos/")
    assert server.agents[0].endswith("(+mailto:curator@museum.example)")


async def test_without_a_contact_nothing_is_asked_of_other_hosts():
    with pytest.raises(InvalidSetting, match="BIOCOSMOS_CONTACT"):
        await outcome("http://museum.example/1.jpg", Settings())


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/a", True),
        ("http://LOCALHOST/a", True),
        ("http://[::1]:1/a", True),
        ("http://127.0.0.1.museum.example/a", False),
        ("http://museum.example/127.0.0.1", False),
    ],
)
def test_loopback_is_told_from_other_hosts(url, here):
    assert is_loopback(url) is here


async def test_a_host_is_asked_no_faster_than_the_rate_and_twice_at_once_at_most():
    async def slow(request):
        await asyncio.sleep(0.12)
        return web.Response(body=b"x")

    async with serving(slow) as server, Fetcher(SETTINGS, 20.0) as fetcher:
        await asyncio.gather(*(fetcher.fetch(f"{server.url}/{n}") for n in range(8)))
    gaps = [b - a for a, b in zip(server.times, server.times[1:], strict=False)]
    assert min(gaps) > 0.03  # 20 a second are 50 ms apart, less what the way there varies
    assert server.times[-1] - server.times[0] >= 7 / 20 - 0.02
    assert server.most_at_once == 2


async def test_a_host_that_asks_us_to_wait_is_left_in_peace():
    async def busy(request):
        return web.Response(status=429, headers={"Retry-After": "120"})

    async with serving(busy) as server, Fetcher(SETTINGS, 1000.0) as fetcher:
        errors = []
        for _ in range(3):
            with pytest.raises(FetchError) as caught:
                await fetcher.fetch(server.url)
            errors.append(caught.value)
    assert [e.state for e in errors] == ["retry", "pending", "pending"]
    assert len(server.times) == 1
    assert 100 < (errors[2].retry_after or 0) <= 120


async def test_more_bytes_than_allowed_are_not_read():
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x" * 10_000)
        return response

    async with serving(endless) as server:
        error = await outcome(server.url)
    assert error.state == "invalid"
    assert "10,000 bytes" in error.detail


async def test_redirects_are_followed_but_not_for_ever():
    async def answer(request):
        left = int(request.path.strip("/"))
        if left:
            raise web.HTTPFound(f"/{left - 1}")
        return web.Response(body=b"there")

    async with serving(answer) as server:
        assert await outcome(f"{server.url}/4") == b"there"
        error = await outcome(f"{server.url}/40")
    assert error.state == "invalid"


async def test_a_broken_connection_is_tried_again():
    async def cut(request):
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        request.transport.close()
        return response

    async with serving(cut) as server:
        url = server.url
        assert (await outcome(url)).state == "retry"
    assert (await outcome(url)).state == "retry"  # nobody listens any more


async def test_files_and_members_of_archives(tmp_path):
    (tmp_path / "a b.jpg").write_bytes(b"file")
    (tmp_path / "big.jpg").write_bytes(b"x" * 10_001)
    with zipfile.ZipFile(tmp_path / "a b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ü/a.jpg", b"member")
        archive.writestr("bomb.jpg", b"\0" * 1_000_000)
    base = (tmp_path / "a b.zip").as_uri().replace("file://", "zip://")
    assert await outcome((tmp_path / "a b.jpg").as_uri()) == b"file"
    assert await outcome(f"{base}!/%C3%BC/a.jpg") == b"member"
    for url, state in [
        (f"{base}!/bomb.jpg", "invalid"),
        ((tmp_path / "big.jpg").as_uri(), "invalid"),
        (f"{base}!/none.jpg", "gone"),
        (f"zip://{tmp_path}/none.zip!/a.jpg", "gone"),
        ((tmp_path / "none.jpg").as_uri(), "gone"),
    ]:
        assert (await outcome(url)).state == state, url


@given(st.integers(0, 10**7))
def test_retry_after_in_seconds(seconds):
    assert retry_after(str(seconds)) == min(seconds, 86400)


@given(st.integers(5, 80_000))
def test_retry_after_as_a_date(seconds):
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    assert retry_after(email.utils.format_datetime(at, usegmt=True)) == pytest.approx(
        seconds, abs=3
    )


@pytest.mark.parametrize("header", [None, "", "soon", "nan", "Fri, 99 Foo 2020"])
def test_retry_after_that_says_nothing(header):
    assert retry_after(header) is None


@given(st.integers(1, 200))
def test_backoff_grows_with_jitter_and_has_an_end(attempts):
    assert 0 <= backoff(attempts) <= min(LONGEST_WAIT, 2.0**attempts)

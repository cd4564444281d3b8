"""What reaches the hosts, measured at the hosts, with one process and with several."""

import random
import time
from contextlib import ExitStack

import aiohttp.http_writer
import pytest

from core.sample.server import Visit
from ingestor.manners import Manners
from ingestor.pictures import fetch_images
from tests.faults.museum import host, images, link, looks, windows, workers

RATE = 5
SEED = 11
IN_FLIGHT = 0.25
"""Seconds for which what was under way may still arrive."""
BRISK = Manners(base=0.01, probe_first=1.0, probes=2, worth_waiting=20.0)
SOME = [1, pytest.param(4, marks=pytest.mark.slow)]


def gaps(times):
    return [b - a for a, b in zip(times, times[1:], strict=False)]


@pytest.mark.parametrize("processes", SOME)
async def test_never_more_requests_in_a_second_than_the_rate(
    engine, settings, serve, names, processes
):
    servers = [serve(1), serve(2)]
    servers[1].misbehave("/images/*", "elsewhere", times=6, to=servers[0].url)
    await link(engine, [f"{s.url}/images/{name}" for s in servers for name in names[:20]])
    with ExitStack() as stack:
        looked = [stack.enter_context(looks(server)) for server in servers]
        stack.enter_context(workers(processes, settings, RATE, BRISK))
    assert {row.state for row in (await images(engine)).values()} == {"ok"}
    for server, asked, seen in zip(servers, (27, 21), looked, strict=True):
        assert len(server.visits) == asked
        assert windows(server.visits, RATE, seen) >= 1.0


async def test_who_is_held_up_right_before_sending_crowds_nobody(
    engine, settings, serve, names, monkeypatch
):
    chance = random.Random(SEED)
    finish = aiohttp.http_writer.StreamWriter.set_eof

    def held_up(writer):
        time.sleep(chance.choice((0.0, 0.0, 0.1, 0.15)))  # the whole process, as on a busy machine
        finish(writer)  # what was written so far leaves only here

    server = serve()
    await link(engine, [f"{server.url}/images/{name}" for name in names[:20]])
    monkeypatch.setattr(aiohttp.http_writer.StreamWriter, "set_eof", held_up)
    with looks(server) as seen:
        await fetch_images(engine, settings, rate=RATE, manners=BRISK)
    assert len(server.visits) == 21
    assert windows(server.visits, RATE, seen) >= 1.0


def test_too_many_requests_would_be_noticed_on_an_idle_machine():
    seen = [tick / 500 for tick in range(2000)]
    for gap, most in ((0.19, 0.96), (0.207, 1.05)):
        visits = [Visit(1 + number * gap, "/", "") for number in range(10)]
        assert 5 * gap <= windows(visits, RATE, seen) < most
    late = [1.0, 1.3, *(1.414 + number * 0.207 for number in range(8))]  # held up by 93 ms
    visits = [Visit(at, "/", "") for at in late]
    assert windows(visits, RATE, seen) < 1.0
    busy = [tick for tick in seen if not 1.2 < tick < 1.3]
    assert windows(visits, RATE, busy) >= 1.0


@pytest.mark.parametrize("processes", SOME)
@pytest.mark.parametrize("dated", [False, pytest.param(True, marks=pytest.mark.slow)])
async def test_retry_after_is_obeyed_to_the_second(
    engine, settings, serve, names, processes, dated
):
    server = serve()
    server.misbehave("/images/*", "429", times=1, after=5, retry_after=3, dated=dated)
    await link(engine, [f"{server.url}/images/{name}" for name in names[:12]])
    with workers(processes, settings, 20.0, BRISK):
        pass
    assert {row.state for row in (await images(engine)).values()} == {"ok"}
    times = [visit.at for visit in server.visits if visit.path != "/robots.txt"]
    busy = times[5]  # the sixth was told to wait
    after = [at - busy for at in times[6:]]
    assert not [at for at in after if IN_FLIGHT < at < 3.0]
    assert 3.0 <= min(at for at in after if at > IN_FLIGHT) < 4.5


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 4])
async def test_nothing_is_asked_while_the_breaker_is_open(
    engine, settings, serve, names, processes
):
    server, healthy = serve(), serve(2)
    server.misbehave("/images/*", "403", after=5)
    await link(engine, [f"{server.url}/images/{name}" for name in names])
    await link(engine, [f"{healthy.url}/images/{name}" for name in names])
    with workers(processes, settings, 10.0, BRISK):
        pass
    times = [visit.at for visit in server.visits if visit.path != "/robots.txt"]
    opened = times[5]
    refused = [at for at in times[5:] if at - opened > IN_FLIGHT]
    waits = [refused[0] - opened, *gaps(refused)]
    assert len(waits) == 2  # probes after 1 s and 2 s more; then the host is given up
    assert 1.0 <= waits[0] < 2.5
    assert 2.0 <= waits[1] < 4.0
    found = await images(engine)
    blocked = [row for url, row in found.items() if row.state == "blocked"]
    assert len(blocked) == len(names) - 5
    assert all("403 Forbidden" in row.reason for row in blocked)
    assert sum(row.state == "ok" for row in found.values()) == len(names) + 5
    assert (await host(engine, server)).breaker == "open"

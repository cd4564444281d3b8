"""Everything that hosts do at once: what can be had is had, the rest says rightly why not."""

import asyncio
import hashlib

from core.storage import Store
from ingestor.manners import Manners
from ingestor.pictures import fetch_images
from tests.faults.museum import host, images, link

BRISK = Manners(base=0.02, probe_first=0.1, probe_longest=0.2, read=0.4, total=0.8, placeholder=0.1)

PASSES = [  # fault, times, more
    ("429", 2, {"retry_after": 1}),
    ("429", 1, {"retry_after": 1, "dated": True}),
    ("429", 2, {"retry_after": None}),
    ("503", 2, {"retry_after": None}),
    ("420", 1, {"retry_after": None}),
    ("500", 3, {"retry_after": None}),
    ("403", 1, {}),
    ("denied", 1, {}),
    ("html", 1, {}),
    ("pending", 2, {}),
    ("hang", 1, {}),
    ("slow", 1, {}),
    ("truncate", 2, {}),
    ("garble", 1, {}),
    ("disconnect", 2, {}),
    ("reset", 2, {}),
    ("type", None, {}),
]
STAYS = [  # fault, final state, what the reason says
    ("404", "gone", "the host answered 404 Not Found"),
    ("html", "invalid", "web page"),
    ("pending", "invalid", "preview pending"),
    ("bomb", "invalid", "larger than"),
    ("loop", "invalid", "circle"),
    ("maze", "invalid", "redirects"),
]
TURNS_AWAY = [  # a host of its own: no answer there is a good one, whichever comes last
    ("403", "blocked", "403 Forbidden"),
    ("denied", "blocked", "a page that says we are blocked"),
]


async def test_the_nastiest_mix(engine, settings, serve, names, drawn):
    settings = settings.model_copy(update={"max_image_bytes": 5_000_000})
    server, other = serve(), serve(2, robots="User-agent: *\nDisallow: /images/*?private")
    refusing = serve(3)
    healthy = names[len(PASSES) :]
    good, bad = {}, {}
    for name, (fault, times, more) in zip(names, PASSES, strict=False):
        server.misbehave(f"/images/{name}", fault, times, **more)
        good[f"{server.url}/images/{name}"] = name
    for each, stays in (other, STAYS), (refusing, TURNS_AWAY):
        for name, (fault, state, reason) in zip(names, stays, strict=False):
            each.misbehave(f"/images/{name}", fault)
            bad[f"{each.url}/images/{name}"] = state, reason
    bad[f"{other.url}/images/{healthy[0]}?private"] = "blocked", "robots.txt"
    bad[f"{other.url}/images/none.jpg"] = "gone", "404"
    server.misbehave(f"/images/{healthy[1]}", "elsewhere", to=other.url)
    for name in healthy:
        good[f"{server.url}/images/{name}"] = name
        good[f"{other.url}/images/{name}"] = name
    await link(engine, [*good, *bad])

    counts = await fetch_images(engine, settings, rate=300.0, manners=BRISK)

    found = await images(engine)
    store = Store(settings.home)
    for url, name in good.items():
        assert (found[url].state, found[url].reason) == ("ok", None), url
        assert found[url].sha256 == hashlib.sha256(drawn[name]).hexdigest()
        assert store.read(found[url].sha256) == drawn[name]
    for url, (state, reason) in bad.items():
        assert found[url].state == state, url
        assert reason in found[url].reason
    assert counts.states["ok"] == len(good)
    assert sum(counts.states.values()) == len(good) + len(bad)
    assert all(row.lease_until is None for row in found.values())
    # The last trouble of a host whose images all came was followed by that image's success.
    for each, breaker in (server, "closed"), (other, "closed"), (refusing, "open"):
        state = await host(engine, each)
        assert state.requests == len(each.visits)
        assert state.breaker == breaker
        assert (state.failures == 0) == (breaker == "closed")
        assert state.pace <= 300


async def test_a_host_that_blocks_after_so_many_is_asked_again_later(
    engine, settings, serve, names
):
    server = serve()
    server.misbehave("/images/*", "403", times=3, after=8)
    await link(engine, [f"{server.url}/images/{name}" for name in names])
    counts = await fetch_images(engine, settings, rate=100.0, manners=BRISK)
    assert counts.states == {"ok": len(names)}
    assert (await host(engine, server)).errors == 3


async def test_a_host_that_hangs_holds_up_no_other(engine, settings, serve, names):
    patient = Manners(read=20.0)
    slow, fast = serve(), serve(2)
    slow.misbehave("/images/*", "hang")
    await link(engine, [f"{slow.url}/images/{name}?n={n}" for name in names for n in range(10)])
    await link(engine, [f"{fast.url}/images/{name}" for name in names])
    run = asyncio.create_task(fetch_images(engine, settings, rate=50.0, manners=patient))
    try:
        async with asyncio.timeout(10):
            while sum(row.state == "ok" for row in (await images(engine)).values()) < len(names):
                await asyncio.sleep(0.1)
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
    assert len(slow.visits) <= 3  # robots.txt, and as many images as it may have connections

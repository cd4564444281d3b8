"""A real web server on this machine that behaves as badly as it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """What the server saw."""

    url: str = ""
    times: list[float] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0


@asynccontextmanager
async def serving(handler: Handler, robots: str | None = None) -> AsyncIterator[Seen]:
    """Answer every request with `handler`, but for that of robots.txt, which is not counted."""
    seen = Seen()

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/robots.txt":
            return web.Response(status=200 if robots else 404, text=robots)
        seen.times.append(asyncio.get_running_loop().time())
        seen.agents.append(request.headers.get("User-Agent", ""))
        seen.paths.append(request.path)
        seen.at_once += 1
        seen.most_at_once = max(seen.most_at_once, seen.at_once)
        try:
            return await handler(request)
        finally:
            seen.at_once -= 1

    app = web.Application()
    app.router.add_get("/{tail:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    seen.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield seen
    finally:
        await runner.cleanup()

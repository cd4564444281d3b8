"""A local HTTP server for the sample museum: images, IIIF renditions, the archive, the portals.

It can be told to misbehave, path by path, so that fetching is tested against real HTTP.
"""

import asyncio
import hashlib
import io
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import web
from PIL import Image, ImageOps

from core.sample.archive import write_archive
from core.sample.faults import RETRY_AFTER_S, Fault, Handler, Rule, misbehave
from core.sample.files import file_bytes
from core.sample.museum import Museum
from core.sample.portals import ROUTES as PORTAL_ROUTES
from core.sample.portals import Portals


@dataclass(frozen=True)
class Visit:
    """One logged request: monotonic seconds, path and who asked."""

    at: float
    path: str
    user_agent: str


@dataclass
class SampleServer(AbstractContextManager["SampleServer"]):
    """Serves one museum at a free port of `host`, an address of this machine.

    Use `async with` inside a running loop, or `with` from synchronous code (own thread).
    """

    museum: Museum
    rules: list[Rule] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list, repr=False)
    port: int = 0
    host: str = "127.0.0.1"
    robots: str | None = None
    """What robots.txt says; None: there is none."""
    drawn: dict[str, bytes] = field(default_factory=dict, repr=False)
    """Files by name, each drawn when first asked for; several servers may share them."""
    _portals: Portals | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Base address, without a trailing slash. Valid while the server runs."""
        return f"http://{self.host}:{self.port}"

    @property
    def portals(self) -> Portals:
        """What the portals hold; filled from the museum when first asked for."""
        if self._portals is None:
            self._portals = Portals.of(self.museum, self.url)
        return self._portals

    def misbehave(
        self,
        pattern: str,
        fault: Fault,
        times: int | None = None,
        retry_after: int | None = RETRY_AFTER_S,
        *,
        dated: bool = False,
        after: int = 0,
        to: str = "",
    ) -> None:
        """Add a rule; later rules win. `retry_after` is in seconds, for 429, 503, 420 and 500."""
        self.rules.append(Rule(pattern, fault, times, retry_after, dated, after, to))

    async def __aenter__(self) -> "SampleServer":
        app = web.Application(middlewares=[self._log, self._misbehave])
        for path, answer in ROUTES:
            app.router.add_get(path, self._bound(answer))
        for path, portal_answer in PORTAL_ROUTES:
            app.router.add_route("*", path, self._of_portal(portal_answer))
        self._stopping = asyncio.Event()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        await self._runner.cleanup()

    def __enter__(self) -> "SampleServer":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.__aenter__(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.__aexit__(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _bound(self, answer: "Answer") -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.StreamResponse:
            return await answer(self, request)

        return handler

    def _of_portal(
        self, answer: Callable[[Portals, web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.StreamResponse:
            return await answer(self.portals, request)

        return handler

    @web.middleware
    async def _log(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        agent = request.headers.get("User-Agent", "")
        self.visits.append(Visit(time.monotonic(), request.path, agent))
        return await handler(request)

    def _rule_for(self, path: str) -> Rule | None:
        return next(
            (r for r in reversed(self.rules) if fnmatch(path, r.pattern) and r.strikes()), None
        )

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        rule = self._rule_for(request.path)
        if rule is None:
            return await handler(request)
        return await misbehave(rule, request, handler, self._stopping)


Answer = Callable[[SampleServer, web.Request], Awaitable[web.StreamResponse]]


async def _bytes_of(server: SampleServer, name: str) -> bytes:
    file = server.museum.files.get(name)
    if file is None:
        raise web.HTTPNotFound
    if name not in server.drawn:
        server.drawn[name] = await asyncio.to_thread(file_bytes, file)
    return server.drawn[name]


def _marked(request: web.Request, data: bytes, kind: str) -> web.Response:
    """The bytes with their ETag, or 304 where the client has them (RFC 9110, 13.1)."""
    mark = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    if request.headers.get("If-None-Match") == mark:
        return web.Response(status=304, headers={"ETag": mark})
    return web.Response(body=data, content_type=kind, headers={"ETag": mark})


async def robots(server: SampleServer, _: web.Request) -> web.Response:
    """GET /robots.txt."""
    if server.robots is None:
        raise web.HTTPNotFound
    return web.Response(text=server.robots)


async def image(server: SampleServer, request: web.Request) -> web.Response:
    """GET /images/{name}: the file as it is; an HTML page among them says so in its type."""
    name = request.match_info["name"]
    data = await _bytes_of(server, name)
    file = server.museum.files[name]
    kind = "text/html" if file.encoding == "html" else file.media_type
    return _marked(request, data, kind)


async def rendition(server: SampleServer, request: web.Request) -> web.Response:
    """GET /iiif/2/{name}/full/!W,H/0/default.jpg: best fit (IIIF Image API 2.1, 4.2)."""
    try:
        box = tuple(int(n) for n in request.match_info["size"].removeprefix("!").split(","))
        width, height = box
    except ValueError as error:
        raise web.HTTPBadRequest(text="size must be !W,H") from error
    data = await _bytes_of(server, request.match_info["name"])
    return web.Response(
        body=await asyncio.to_thread(_fit, data, width, height), content_type="image/jpeg"
    )


def _fit(data: bytes, width: int, height: int) -> bytes:
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    picture.thumbnail((width, height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88)
    return out.getvalue()


async def info(server: SampleServer, request: web.Request) -> web.Response:
    """GET /iiif/2/{name}/info.json (IIIF Image API 2.1, 5)."""
    name = request.match_info["name"]
    picture = Image.open(io.BytesIO(await _bytes_of(server, name)))
    return web.json_response(
        {
            "@context": "http://iiif.io/api/image/2/context.json",
            "@id": f"{server.url}/iiif/2/{name}",
            "protocol": "http://iiif.io/api/image",
            "width": picture.width,
            "height": picture.height,
            "profile": ["http://iiif.io/api/image/2/level1.json"],
        }
    )


async def archive(server: SampleServer, request: web.Request) -> web.Response:
    """GET /archive.zip: the Darwin Core Archive, its media linked to this server."""
    data = await asyncio.to_thread(_archive_bytes, server.museum, server.url)
    return _marked(request, data, "application/zip")


def _archive_bytes(museum: Museum, url: str) -> bytes:
    with TemporaryDirectory() as folder:
        return write_archive(museum, Path(folder) / "archive.zip", url).read_bytes()


ROUTES: tuple[tuple[str, Answer], ...] = (
    ("/robots.txt", robots),
    ("/images/{name}", image),
    ("/iiif/2/{name}/full/{size}/0/default.jpg", rendition),
    ("/iiif/2/{name}/info.json", info),
    ("/archive.zip", archive),
)

"""The same searches from outside: through the whole of the API and HTTP, on this machine."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import numpy as np
import uvicorn

from backend.app import create_app
from core.memory import MEMORY_ROWS
from core.settings import Settings


@asynccontextmanager
async def api(url: str, memory_mb: int) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server over the database, with the memory engine or (0) without."""
    settings = Settings(database_url=url, memory_engine_mb=memory_mb)
    app = create_app(settings, url)
    config = uvicorn.Config(app, port=0, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            await client.get("/readyz")
            yield client
    finally:
        server.should_exit = True
        await serving


async def measure(
    client: httpx.AsyncClient, version: str, ids: list[uuid.UUID], filters: Mapping[str, str]
) -> dict[str, object]:
    """Milliseconds to 50 hits with their records, of searches for what is like an image."""
    spent, path = [], ""
    for own in ids:
        asked = {"like": str(own), "embed_version": version, "limit": "50", **filters}
        started = time.perf_counter()
        answer = await client.get("/api/v1/search", params=asked)
        spent.append(1000 * (time.perf_counter() - started))
        answer.raise_for_status()
        path = answer.json()["path"]
    p50, p95 = np.percentile(spent[1:], [50, 95]).round(1).tolist()
    return {"filters": dict(filters), "path": path, "p50_ms": p50, "p95_ms": p95}


async def served(
    url: str, version: str, ids: list[uuid.UUID], memory_mb: int, rows: int
) -> list[dict[str, object]]:
    """Unfiltered, and where one in ten and one in a hundred passes, of `rows` images."""
    every: tuple[dict[str, str], ...] = ({}, {"institution": "3"}, {"collection": "7"})
    async with api(url, memory_mb) as client:
        if memory_mb and rows >= MEMORY_ROWS:  # it reads the vectors first
            while (await measure(client, version, ids[:2], {}))["path"] != "memory":
                await asyncio.sleep(0.2)
        return [await measure(client, version, ids, filters) for filters in every]

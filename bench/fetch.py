"""Throughput over many polite hosts, and how strictly each one's rate is kept, measured there.

The hosts are addresses 127.0.0.x of this machine. `python -m bench.fetch --help` lists the options.
"""

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
from bisect import bisect_left
from contextlib import AsyncExitStack
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import insert

from core.db.embedded import serve
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.db.tables import dataset, image
from core.sample import draw_museum
from core.sample.files import file_bytes
from core.sample.server import SampleServer
from core.settings import Settings
from ingestor.commands import POOL
from ingestor.pictures import fetch_images
from tests.faults.museum import windows


async def serve_hosts(count: int, addresses: Any, times: Any, stop: Event) -> None:
    """Serve one picture at `count` addresses; tells the addresses, then when each was asked.

    And when it could look for requests: what it noted may have come since the look before.
    """
    museum = draw_museum(seed=5, size="tiny")
    name, file = next((n, f) for n, f in museum.files.items() if f.encoding == "jpeg")
    drawn = {name: file_bytes(file)}
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(
                SampleServer(museum, host=f"127.0.0.{number}", drawn=drawn)
            )
            for number in range(1, count + 1)
        ]
        addresses.send([f"{server.url}/images/{name}" for server in servers])
        looks = [time.monotonic()]
        while not stop.is_set():
            await asyncio.sleep(0.002)
            looks.append(time.monotonic())
        times.send(([server.visits for server in servers], looks))


def host_process(count: int, addresses: Any, times: Any, stop: Event) -> None:
    """`serve_hosts` in a process of its own."""
    asyncio.run(serve_hosts(count, addresses, times, stop))


async def link(url: str, links: list[str], each: int) -> None:
    """`each` images at every link."""
    engine = create_engine(url)
    owner = uuid4()
    async with engine.begin() as connection:
        await connection.execute(
            insert(dataset).values(id=owner, source="folder", key="bench", title="Benchmark")
        )
        rows = (
            {"id": uuid4(), "dataset_id": owner, "identifier": at, "fetch_url": at}
            for at in (f"{base}?n={n}" for base in links for n in range(each))
        )
        await connection.execute(insert(image), list(rows))
    await engine.dispose()


def worker(url: str, home: Path, rate: float) -> None:
    """Fetch until nothing is left."""

    async def work() -> None:
        engine = create_engine(url, pool_size=POOL)
        await fetch_images(engine, Settings(home=home, database_url=url), rate=rate)
        await engine.dispose()

    asyncio.run(work())


def most_in_a_second(times: list[float]) -> int:
    """The most requests in any one second."""
    return max(bisect_left(times, at + 1.0) - n for n, at in enumerate(times))


def measure(options: argparse.Namespace, url: str, home: Path) -> dict[str, Any]:
    """Run the workers against the hosts."""
    context = multiprocessing.get_context("spawn")
    get_addresses, addresses = context.Pipe(duplex=False)
    get_times, times = context.Pipe(duplex=False)
    stop = context.Event()
    hosts = context.Process(target=host_process, args=(options.hosts, addresses, times, stop))
    hosts.start()
    each = int(options.seconds * options.rate)
    asyncio.run(link(url, get_addresses.recv(), each))
    workers = [
        context.Process(target=worker, args=(url, home, options.rate))
        for _ in range(options.workers)
    ]
    started = time.monotonic()
    for process in workers:
        process.start()
    for process in workers:
        process.join()
    seconds = time.monotonic() - started
    stop.set()
    visits, looks = get_times.recv()
    hosts.join()
    seen = [sorted(visit.at for visit in each) for each in visits]
    window = max(1, round(options.rate))
    spans = [visits[-1] - visits[0] for visits in seen]
    permitted = options.rate * len(seen)
    reached = sum((len(v) - 1) / s for v, s in zip(seen, spans, strict=True))
    overall = max(v[-1] for v in seen) - min(v[0] for v in seen)
    return {
        "hosts": len(seen),
        "requests": sum(map(len, seen)),
        "seconds with starting": round(seconds, 1),
        "requests per second": round(sum(len(v) - 1 for v in seen) / overall, 2),
        "sum over hosts": round(reached, 2),
        "permitted": permitted,
        "share": round(sum(len(v) - 1 for v in seen) / overall / permitted, 4),
        "share by host": round(reached / permitted, 4),
        "most noted in any second": max(most_in_a_second(v) for v in seen),
        "shortest time for one request more than the rate": round(
            min(windows(each, window, looks) for each in visits), 3
        ),
        "longest between looks": round(max(np.diff(looks)), 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--rate", type=float, default=1.0, help="requests a second and host")
    parser.add_argument("--seconds", type=float, default=40.0, help="how long it should take")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="biocosmos-bench-") as folder:
        home = Path(folder)
        with serve(home) as url:
            migrate(url)
            print(json.dumps(measure(options, url, home), indent=2))


if __name__ == "__main__":
    main()

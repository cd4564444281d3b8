"""Our fetching beside img2dataset's: the same links, the same unthrottled server, one run.

img2dataset's requirements are not ours: it gets a virtual environment of its own, made when it is
missing (`--venv`). Both work with as many processes; per image

- ours checks robots.txt once a host, leases the image, keeps pace and breaker of the host, limits
  redirects and bytes, tells pages from pictures, decodes, stores original and thumbnail (512
  pixels) by sha256, and commits size, sha256, difference hash and state to PostgreSQL;
- img2dataset decodes, resizes to 512 pixels, encodes, computes the sha256, and writes the picture
  and a JSON file; it gives up at the first failure.

`python -m bench.fetch_beside --help` lists the options.
"""

import argparse
import asyncio
import itertools
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import text

from bench.fetch import link, worker
from core.db.embedded import serve
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.sample import draw_museum
from core.sample.files import file_bytes

UNTHROTTLED = 100_000.0
"""Requests a second and host that nobody reaches."""
HOSTS = 16
DRAWN = 60
SIZE = 512


def pictures() -> list[bytes]:
    """Some photographs of the sample museum."""
    museum = draw_museum(seed=5, size="tiny")
    good = (file for file in museum.files.values() if file.encoding == "jpeg")
    return [file_bytes(file) for file in itertools.islice(good, DRAWN)]


async def serve_pictures(addresses: Any, stop: Event) -> None:
    """Serve pictures, each link's bytes its own, at HOSTS addresses of this machine."""
    drawn = pictures()
    asked: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if not name.endswith(".jpg"):
            raise web.HTTPNotFound
        asked[request.path] += 1
        number = int(name.removesuffix(".jpg"))
        # what follows the end of a JPEG is ignored, but makes other bytes of it
        body = drawn[number % DRAWN] + b"%d" % number
        return web.Response(body=body, content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    sites = [web.TCPSite(runner, f"127.0.0.{n}", 0) for n in range(1, HOSTS + 1)]
    for site in sites:
        await site.start()
    mean = sum(map(len, drawn)) / len(drawn)
    addresses.send(([f"http://{host}:{port}" for host, port in runner.addresses], mean))
    while not stop.is_set():
        await asyncio.sleep(0.1)
    await runner.cleanup()


def server(addresses: Any, stop: Event) -> None:
    """`serve_pictures` in a process of its own."""
    asyncio.run(serve_pictures(addresses, stop))


async def fetched(url: str) -> int:
    """How many images are here."""
    engine = create_engine(url)
    async with engine.connect() as connection:
        found = await connection.scalar(text("SELECT count(*) FROM image WHERE state = 'ok'"))
    await engine.dispose()
    return int(found or 0)


def ours(links: list[str], processes: int) -> float:
    """Seconds in which our workers fetch all links, once the database is up."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="biocosmos-bench-") as folder:
        home = Path(folder)
        with serve(home) as url:
            migrate(url)
            asyncio.run(link(url, links, 1))
            workers = [
                context.Process(target=worker, args=(url, home, UNTHROTTLED))
                for _ in range(processes)
            ]
            started = time.monotonic()
            for process in workers:
                process.start()
            for process in workers:
                process.join()
            seconds = time.monotonic() - started
            if (got := asyncio.run(fetched(url))) != len(links):
                raise SystemExit(f"ours fetched {got} of {len(links)}")
    return seconds


def theirs(links: list[str], processes: int, threads: int, venv: Path) -> float:
    """Seconds in which img2dataset fetches all links."""
    with tempfile.TemporaryDirectory(prefix="biocosmos-bench-") as folder:
        listed = Path(folder) / "links.txt"
        listed.write_text("\n".join(links))
        command = [
            str(venv / "bin" / "img2dataset"),
            f"--url_list={listed}",
            f"--output_folder={folder}/out",
            "--output_format=files",
            f"--image_size={SIZE}",
            "--resize_mode=keep_ratio_largest",
            "--compute_hash=sha256",
            f"--processes_count={processes}",
            f"--thread_count={threads}",
            f"--number_sample_per_shard={-(-len(links) // processes)}",
            "--user_agent_token=bench",
            "--enable_wandb=False",
        ]
        started = time.monotonic()
        environment = os.environ | {"NO_ALBUMENTATIONS_UPDATE": "1"}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        seconds = time.monotonic() - started
        got = len(list(Path(folder).glob("out/*/*.jpg")))
        if got != len(links):
            raise SystemExit(f"img2dataset fetched {got} of {len(links)}")
    return seconds


def make_venv(venv: Path) -> None:
    """Install img2dataset where it is not yet."""
    if not (venv / "bin" / "img2dataset").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin" / "pip", "install", "-q", "img2dataset"], check=True)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Both in turn, so that what else the machine does falls on both."""
    context = multiprocessing.get_context("spawn")
    get_addresses, addresses = context.Pipe(duplex=False)
    stop = context.Event()
    serving = context.Process(target=server, args=(addresses, stop))
    serving.start()
    bases, mean = get_addresses.recv()
    links = [f"{base}/{n}.jpg" for n, base in zip(range(options.images), itertools.cycle(bases))]
    rates: dict[str, list[float]] = {"ours": [], "img2dataset": []}
    for _ in range(options.rounds):
        rates["ours"].append(len(links) / ours(links, options.processes))
        seconds = theirs(links, options.processes, options.threads, options.venv)
        rates["img2dataset"].append(len(links) / seconds)
    stop.set()
    serving.join()
    middle = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "images": len(links),
        "mean KB": round(mean / 1e3, 1),
        "hosts": HOSTS,
        "processes": options.processes,
        "images per second, starting included": {
            name: [round(value, 1) for value in values] for name, values in rates.items()
        },
        "ratio of the medians, ours to img2dataset": round(
            middle["ours"] / middle["img2dataset"], 2
        ),
        "load before and after": (options.load, os.getloadavg()[0]),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=64, help="img2dataset's, per process")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--venv",
        type=Path,
        default=Path(tempfile.gettempdir()) / "biocosmos-img2dataset",
        help="where img2dataset is, or is to be, installed",
    )
    options = parser.parse_args()
    options.load = os.getloadavg()[0]
    make_venv(options.venv)
    print(json.dumps(measure(options), indent=2))


if __name__ == "__main__":
    main()

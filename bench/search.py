"""Latency of searches through HTTP against a running server: by words, by picture, by likeness.

Start `bin/serve` over a museum first; `python -m bench.search --help` lists the options.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

Ask = Callable[[int], Awaitable[httpx.Response]]
SEARCH = "/api/v1/search"
COLOURS = ("blue", "white", "red", "brown", "yellow", "black")
THINGS = ("wings", "feathers", "leaves", "a shell", "a beetle", "a moth", "a flower", "a fern")
STAGES = ("decode", "encode", "search", "rows")


async def kinds(client: httpx.AsyncClient, version: str | None, limit: int) -> dict[str, Ask]:
    """What is asked: each function sends the n-th query of its kind."""
    common = {"limit": str(limit)} | ({"embed_version": version} if version else {})
    first = await client.get(SEARCH, params={"q": "wings", **common, "limit": "50"})
    first.raise_for_status()
    shown = [hit["image"] for hit in first.json()["hits"] if hit["image"]["image_url"]]
    files = [(await client.get(image["image_url"])).content for image in shown[:10]]
    started = time.time_ns()  # words never asked before, so that no cache answers

    def words(n: int) -> Awaitable[httpx.Response]:
        q = f"{COLOURS[n % 6]} {THINGS[n % 8]} {started} {n}"
        return client.get(SEARCH, params={"q": q, **common})

    return {
        "words, new": words,
        "words, asked before": lambda _: client.get(SEARCH, params={"q": "wings", **common}),
        "picture": lambda n: client.post(
            SEARCH, data=common, files={"image": ("query", files[n % len(files)])}
        ),
        "like": lambda n: client.get(
            SEARCH, params={"like": shown[n % len(shown)]["id"], **common}
        ),
    }


async def measure(ask: Ask, requests: int, concurrency: int) -> dict[str, Any]:
    """Milliseconds at the client, and the server's own by stage (medians)."""
    numbers = itertools.count()
    waited: list[float] = []
    stages: list[dict[str, float]] = []

    async def one_after_another() -> None:
        while (n := next(numbers)) < requests:
            start = time.perf_counter()
            answer = await ask(n)
            waited.append((time.perf_counter() - start) * 1000)
            answer.raise_for_status()
            stages.append(answer.json()["timing_ms"])

    await ask(0)
    start = time.perf_counter()
    await asyncio.gather(*(one_after_another() for _ in range(concurrency)))
    seconds = time.perf_counter() - start
    cuts = statistics.quantiles(waited, n=100, method="inclusive")
    medians = {name: statistics.median(s[name] for s in stages) for name in stages[0]}
    return {"p50": cuts[49], "p95": cuts[94], "per_second": requests / seconds, "server": medians}


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Every kind of query, one kind after the other."""
    async with httpx.AsyncClient(base_url=options.url, timeout=60) as client:
        asks = await kinds(client, options.embed_version, options.limit)
        return {
            kind: await measure(ask, options.requests, options.concurrency)
            for kind, ask in asks.items()
        }


def table(results: dict[str, Any]) -> str:
    """The results for reading; the last column is p50 over that of `like`, which needs no model."""
    lines = [
        f"{'':20} {'p50 ms':>8} {'p95 ms':>8} {'per s':>7}   decode encode search   rows   / like"
    ]
    for kind, found in results.items():
        stages = " ".join(f"{found['server'][name]:6.1f}" for name in STAGES)
        ratio = found["p50"] / results["like"]["p50"]
        lines.append(
            f"{kind:20} {found['p50']:8.1f} {found['p95']:8.1f} {found['per_second']:7.1f}"
            f"   {stages} {ratio:8.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="bin/bench search", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--requests", type=int, default=200, help="of each kind (default 200)")
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--limit", type=int, default=30)
    parser.add_argument("--embed-version", "--embed_version")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    results = asyncio.run(run(options))
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

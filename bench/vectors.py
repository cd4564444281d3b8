"""Recall and latency of vector search, by words and by picture, under filters, beside libraries.

All over made vectors with the shape of real ones (bench.geometry): the default path with Postgres
alone and with the memory engine; faiss and hnswlib in process, at the least effort that reaches the
same recall; then the API from outside, what storing and indexes cost, and the query of the
predecessor, which no index serves. With `--home DIR` everything that need not be timed is kept
there: make it with `--prepare`, then measure as often as you like. `bin/bench vectors --help` lists
the options; docs/scale.md describes the large runs.
"""

import argparse
import asyncio
import gc
import itertools
import json
import statistics
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncEngine

from bench import libraries, museum, storing
from bench.building import beside_plain
from bench.geometry import Floats
from bench.museum import Case, Cases
from bench.prepared import K, Prepared, Size, Truths
from bench.served import served
from bench.storing import processor
from core import versions
from core.counting import Counting
from core.db.embedded import serve
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.filters import Filters
from core.memory import MemoryEngine
from core.vectors import nearest, unit
from core.versions import Version

PARTS = ("postgres", "memory", "libraries", "http", "storing", "building", "predecessor")
Row = dict[str, Any]
Mask = NDArray[np.bool_] | None
Asked = Callable[[Floats, Case, Mask, str], Awaitable[tuple[list[int], str, int]]]
"""Query, filter, who passes, modality -> rows found, the way taken, vectors compared."""


def summary(found: list[Any], truth: list[Any], seconds: list[float], cpu: list[float]) -> Row:
    """Recall, milliseconds, and milliseconds of processors, over the queries of one case."""
    row: Row = {}
    for k in (10, 50):
        kept = [(set(f[:k]), set(t[:k].tolist())) for f, t in zip(found, truth, strict=True)]
        shares = [len(f & t) / len(t) for f, t in kept if t]
        row[f"recall@{k}"] = round(float(np.mean(shares)), 4) if shares else None
    for what, spent in (("ms", seconds), ("cpu", cpu)):
        p50, p95 = np.percentile(np.array(spent) * 1000, [50, 95]).round(2).tolist()
        row |= {f"p50_{what}": p50, f"p95_{what}": p95}
    return row


async def measure(
    asked: Asked, truths: Truths, every: Cases, servers: Sequence[int] = ()
) -> list[Row]:
    """One row a case: recall, latency, processor time (of `servers` too), paths, rows compared."""
    rows = []
    for key, queries in every.items():
        found, seconds, cpu, paths, compared = [], [], [], Counter[str](), []
        for query, case in queries:
            mask = case.passes
            before, started = processor(*servers), time.perf_counter()
            hits, path, looked_at = await asked(query, case, mask, key[0])
            seconds.append(time.perf_counter() - started)
            cpu.append(processor(*servers) - before)
            found.append(hits)
            paths[path] += 1
            compared.append(looked_at)
        row = dict(zip(("queries", "filter", "share"), key, strict=True))
        row |= summary(found, truths[key][: len(queries)], seconds, cpu)
        rows.append(row | {"paths": dict(paths), "compared": int(np.median(compared))})
    return rows


def ours(
    engine: AsyncEngine, version: Version, at: dict[uuid.UUID, int], memory: MemoryEngine | None
) -> Asked:
    """The default path, with or without the memory engine."""

    async def asked(
        query: Floats, case: Case, _: Mask, modality: str
    ) -> tuple[list[int], str, int]:
        async with engine.connect() as conn:
            found = await nearest(
                conn, version, unit(version.id, query), K, case.filters,
                modality=modality, memory=memory,  # type: ignore[arg-type]
            )  # fmt: skip
        return [at[hit.image_id] for hit in found.hits], found.path, found.compared

    return asked


async def postgres(engine: AsyncEngine, kept: Prepared, report: Row) -> list[Row]:
    """Every kind of index, without the memory engine; the first round only warms the caches."""
    at, results = {own: n for n, own in enumerate(kept.ids)}, []
    for kind in kept.kinds:
        version = await _version(engine, kind)
        report["index"][kind]["mb"] = await storing.megabytes(engine, version)
        servers = [await storing.server(engine)]
        await measure(ours(engine, version, at, None), kept.truths, kept.cases)
        rows = await measure(ours(engine, version, at, None), kept.truths, kept.cases, servers)
        results += [{"engine": f"postgres {version.index_kind}", **row} for row in rows]
    return results


async def memory(engine: AsyncEngine, kept: Prepared, report: Row) -> list[Row]:
    """The memory engine; every filter is new to it."""
    counting = Counting()
    at, held = {own: n for n, own in enumerate(kept.ids)}, MemoryEngine(_room(kept), counting)
    started = time.perf_counter()
    version = await _version(engine, kept.kinds[0])
    async with engine.connect() as conn:
        await held.step(conn)
        await counting.census(conn, version)  # as a server does when it starts
        await held.step(conn)
    report["memory_load_s"] = round(time.perf_counter() - started, 1)
    report["memory_engine_mb"] = _room(kept)
    await measure(ours(engine, version, at, held), kept.truths, _unfiltered(kept.cases))
    servers = [await storing.server(engine)]
    rows = await measure(ours(engine, version, at, held), kept.truths, kept.cases, servers)
    held.close()
    return [{"engine": "memory", **row} for row in rows]


def _room(kept: Prepared) -> int:
    """Megabytes that one version takes in the memory engine."""
    return kept.size.rows * (kept.size.dim + 48) // 2**20 + 1


def _unfiltered(every: Cases) -> Cases:
    return {key: asked[:5] for key, asked in every.items() if key[1] == "none"}


async def beside(kept: Prepared, names: list[str], target: float) -> list[Row]:
    """Every library at the least effort that reaches the target in a case, else at its most."""
    rows = []
    for name in names:
        library = libraries.load(name, kept.size.dim, kept.home / "libraries" / name)
        for key, queries in kept.cases.items():
            for effort in library.efforts:

                async def asked(
                    query: Floats, _: Case, mask: Mask, __: str,
                    effort: int = effort, one: Any = library,
                ) -> tuple[list[int], str, int]:  # fmt: skip
                    return one.search(query, K, mask, effort).tolist(), f"{effort}", 0

                (row,) = await measure(asked, kept.truths, {key: queries})
                if (row["recall@10"] or 0) >= target:
                    break
            rows.append({"engine": library.name, **row})
        del library, asked  # one at a time in memory
        gc.collect()
    return rows


async def _version(engine: AsyncEngine, kind: str) -> Version:
    async with engine.connect() as conn:
        return await versions.get(conn, f"bench-{kind}")


async def predecessor(engine: AsyncEngine, kept: Prepared) -> Row:
    """Its query and ours for the same pictures, in turns: median milliseconds."""
    version = await _version(engine, kept.kinds[0])
    asked = ours(engine, version, {own: n for n, own in enumerate(kept.ids)}, None)
    theirs, mine = [], []
    for query in kept.world.queries["image"][:5]:
        theirs.append(await storing.plain_query(engine, query))
        for _ in range(2):
            started = time.perf_counter()
            await asked(query, Case(Filters()), None, "image")
        mine.append(1000 * (time.perf_counter() - started))
    found = {"theirs_ms": statistics.median(theirs), "ours_ms": statistics.median(mine)}
    found["times"] = found["theirs_ms"] / found["ours_ms"]
    return {name: round(value, 1) for name, value in found.items()}


async def building(engine: AsyncEngine, kept: Prepared) -> Row:
    """What building the first index costs, and what searches for words notice of it."""
    version, queries = await _version(engine, kept.kinds[0]), kept.world.queries["text"]
    asked = ours(engine, version, {own: n for n, own in enumerate(kept.ids)}, None)
    each = itertools.cycle(queries)
    everything = Case(Filters())
    if kept.kinds[0] != "ivfflat":
        return {}
    return await beside_plain(engine, version, lambda: asked(next(each), everything, None, "text"))


async def prepare(options: argparse.Namespace, home: Path, url: str) -> Prepared:
    """What need not be timed."""
    size = Size(options.rows, options.dim, options.queries, options.seed)
    kept = Prepared(home, size, options.index, options.shares)
    engine = create_engine(url)
    await kept.fill(engine)
    if "predecessor" in options.only:
        await kept.predecessor(engine)
    await engine.dispose()
    if "libraries" in options.only:
        await kept.libraries(options.libraries)
    return kept


async def run(options: argparse.Namespace, home: Path, url: str) -> dict[str, Any]:
    """Prepare what is missing, measure the wanted parts; each is shown as soon as it is there."""
    kept = await prepare(options, home, url)
    report: dict[str, Any] = {"rows": kept.size.rows, "dim": kept.size.dim}
    report |= {"index": kept.notes["index"], "results": []}
    if options.prepare:
        return report
    engine = create_engine(url, pool_size=1, max_overflow=4)  # one server process, to be watched
    asked = kept.ids[: options.queries + 1]
    parts: dict[str, Callable[[], Awaitable[Any]]] = {
        "postgres": lambda: postgres(engine, kept, report),
        "memory": lambda: memory(engine, kept, report),
        "predecessor": lambda: predecessor(engine, kept),
        "http": lambda: outside(url, kept, asked),
        "building": lambda: building(engine, kept),
        "storing": lambda: storing.rates(
            engine, kept.world.pictures, kept.ids, options.stored, options.index
        ),
        "libraries": lambda: beside(kept, options.libraries, options.target),
    }
    for name, work in parts.items():
        if name in options.only:
            found = await work()
            if isinstance(found, list):
                report["results"] += found
                show(found)
            else:
                report[name] = found
                print(f"{name}: {json.dumps(found)}", flush=True)
    await engine.dispose()
    return report


async def outside(url: str, kept: Prepared, asked: list[uuid.UUID]) -> Row:
    """The API from outside, without and with the memory engine."""
    name, rows = f"bench-{kept.kinds[0]}", kept.size.rows
    rooms = {"postgres": 0, "memory": _room(kept)}
    return {with_: await served(url, name, asked, room, rows) for with_, room in rooms.items()}


def show(rows: list[Row]) -> None:
    """Print one line a case."""
    columns = ("queries", "filter", "share", "recall@10", "recall@50")
    columns += ("p50_ms", "p95_ms", "p50_cpu", "p95_cpu")
    print(f"{'engine':>16}", *(f"{column:>11}" for column in columns), "paths")
    for row in rows:
        print(f"{row['engine']:>16}", *(f"{row[c]!s:>11}" for c in columns), row["paths"])
    print(flush=True)


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="bench vectors", description=__doc__)
    made.add_argument("--rows", type=int, default=20_000)
    made.add_argument("--dim", type=int, default=512)
    made.add_argument("--queries", type=int, default=20, help="of each kind")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--target", type=float, default=0.99, help="recall@10 of the libraries")
    made.add_argument("--shares", nargs="+", default=list(museum.SHARES), choices=museum.SHARES)
    made.add_argument(
        "--index", nargs="+", default=["ivfflat", "hnsw"], choices=["exact", "ivfflat", "hnsw"]
    )
    names = list(libraries.NAMES)
    made.add_argument("--libraries", nargs="+", default=names, choices=names)
    made.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS, help="these parts")
    made.add_argument("--stored", type=int, default=10_000, help="vectors stored by each means")
    made.add_argument("--home", type=Path, help="keep there what need not be timed")
    made.add_argument("--prepare", action="store_true", help="only make that")
    made.add_argument("--json", type=Path, help="write everything there too")
    return made


def main() -> None:
    """Command line."""
    options = parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="biocosmos-bench-") as made:
        home = options.home or Path(made)
        home.mkdir(parents=True, exist_ok=True)
        with serve(home) as url:
            migrate(url)
            report = asyncio.run(run(options, home, url))
    print(json.dumps({key: value for key, value in report.items() if key != "results"}))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()

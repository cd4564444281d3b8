"""Recall and latency of vector search, by words and by picture, under filters, beside libraries.

All in one run on one machine, over made vectors with the shape of real ones (bench.geometry): the
default path, the same with the memory engine, and faiss and hnswlib in process at the least
effort that reaches the same recall; then the API from outside, what storing and building cost and
take, and the query of the predecessor, which no index serves. `bin/bench vectors --help` lists the
options; docs/scale.md describes a large run.
"""

import argparse
import asyncio
import json
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncEngine

from bench import libraries, museum, storing
from bench.geometry import Generator, World
from bench.museum import Case
from bench.served import served
from core import versions
from core.db.embedded import serve
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.memory import MemoryEngine
from core.vectors import nearest, unit
from core.versions import Version
from ingestor.index import build_index, verify

K = 50
Row = dict[str, Any]
Cases = dict[tuple[str, str, str], list[tuple[NDArray[np.float32], Case]]]
"""By modality, relation of filter and query, and share that passes."""


def cases(world: World, wanted: list[str]) -> Cases:
    """Every kind of search, with its queries."""
    found: Cases = {}
    for modality, queries in world.queries.items():
        for share in wanted:
            one_in = museum.SHARES[share]
            for relation in ("independent", "correlated", "opposed") if one_in > 1 else ("none",):
                found[modality, relation, share] = [
                    (query, _case(world, relation, one_in, n, modality))
                    for n, query in enumerate(queries)
                ]
    return found


def _case(world: World, relation: str, one_in: int, n: int, modality: str) -> Case:
    asked = world.asked[modality][n]
    if relation == "correlated":
        return museum.correlated(world, one_in, asked)
    if relation == "opposed":
        return museum.opposed(world, one_in, asked)
    return museum.independent(world, one_in, n)


class Truth:
    """What is truly nearest, computed on what half precision keeps."""

    def __init__(self, pictures: NDArray[np.float32]) -> None:
        kept = pictures.astype(np.float16).astype(np.float32)
        self.kept = kept / np.linalg.norm(kept, axis=1, keepdims=True)

    def nearest(self, query: NDArray[np.float32], case: Case) -> NDArray[np.int64]:
        """Row numbers of the `K` nearest that pass, best first."""
        rows = np.arange(len(self.kept)) if case.passes is None else np.flatnonzero(case.passes)
        asked = query.astype(np.float16).astype(np.float32)
        kept = self.kept if case.passes is None else self.kept[rows]
        return rows[np.argsort(-(kept @ asked))[:K]]


def summary(found: list[Any], truth: list[Any], seconds: list[float]) -> Row:
    """Recall and milliseconds over the queries of one case."""
    row: Row = {}
    for k in (10, 50):
        kept = [(set(f[:k]), set(t[:k].tolist())) for f, t in zip(found, truth, strict=True)]
        shares = [len(f & t) / len(t) for f, t in kept if t]
        row[f"recall@{k}"] = round(float(np.mean(shares)), 4) if shares else None
    row["p50_ms"], row["p95_ms"] = (
        np.percentile(np.array(seconds) * 1000, [50, 95]).round(2).tolist()
    )
    return row


Asked = Callable[[NDArray[np.float32], Case, str], Awaitable[tuple[list[int], str, int]]]


async def measure(asked: Asked, truths: dict[Any, list[Any]], every: Cases) -> list[Row]:
    """One row a case: recall, latency, paths taken, rows compared."""
    rows = []
    for key, queries in every.items():
        found, seconds, paths, compared = [], [], Counter[str](), []
        for query, case in queries:
            started = time.perf_counter()
            hits, path, looked_at = await asked(query, case, key[0])
            seconds.append(time.perf_counter() - started)
            found.append(hits)
            paths[path] += 1
            compared.append(looked_at)
        row = dict(zip(("queries", "filter", "share"), key, strict=True))
        row |= summary(found, truths[key], seconds)
        rows.append(row | {"paths": dict(paths), "compared": int(np.median(compared))})
    return rows


def ours(
    engine: AsyncEngine, version: Version, at: dict[uuid.UUID, int], memory: MemoryEngine | None
) -> Asked:
    """The default path, with or without the memory engine."""

    async def asked(query: Any, case: Case, modality: str) -> tuple[list[int], str, int]:
        async with engine.connect() as conn:
            found = await nearest(
                conn, version, unit(version.id, query), K, case.filters,
                modality=modality, memory=memory,  # type: ignore[arg-type]
            )  # fmt: skip
        return [at[hit.image_id] for hit in found.hits], found.path, found.compared

    return asked


async def beside(kept: NDArray[np.float32], truths: Any, every: Cases, target: float) -> list[Row]:
    """Every library at the least effort that reaches the target in a case, else at its most."""
    rows = []
    for library in libraries.build(kept):
        for key, queries in every.items():
            for effort in library.efforts:

                async def asked(
                    query: Any, case: Case, _: str, effort: int = effort, one: Any = library
                ) -> tuple[list[int], str, int]:
                    return one.search(query, K, case.passes, effort).tolist(), f"{effort}", 0

                (row,) = await measure(asked, truths, {key: queries})
                if (row["recall@10"] or 0) >= target:
                    break
            rows.append({"engine": library.name, **row})
    return rows


async def run(options: argparse.Namespace, url: str) -> dict[str, Any]:
    """Fill, build, verify, measure."""
    generator = Generator(options.rows, options.dim, options.seed)
    world = generator.world(options.rows, options.queries)
    every, truth = cases(world, options.shares), Truth(world.pictures)
    truths = {key: [truth.nearest(q, case) for q, case in asked] for key, asked in every.items()}
    random = np.random.default_rng(2)
    ids = [uuid.UUID(bytes=random.bytes(16)) for _ in range(options.rows)]
    at = {own: n for n, own in enumerate(ids)}
    engine = create_engine(url)
    report: dict[str, Any] = {"rows": options.rows, "dim": options.dim, "index": {}}
    report["stored_per_s"] = round(await museum.fill(engine, world, ids))
    results: list[Row] = []
    for kind in options.index:
        started = time.perf_counter()
        await build_index(engine, "bench", kind)
        built = time.perf_counter() - started
        version = await verify(engine, "bench", lambda names: generator.some_words(len(names)))
        report["index"][kind] = {"build_s": round(built, 1), **version.index_params}
        report["index"][kind]["mb"] = await storing.megabytes(engine, version)
        rows = await measure(ours(engine, version, at, None), truths, every)
        results += [{"engine": f"postgres {version.index_kind}", **row} for row in rows]
    memory = MemoryEngine(64_000)
    started = time.perf_counter()
    async with engine.connect() as conn:
        version = await versions.get(conn, "bench")
        await memory.step(conn)
    report["memory_load_s"] = round(time.perf_counter() - started, 1)
    report["memory_engine_mb"] = round(options.rows * (2 * options.dim + 48) / 2**20, 1)
    rows = await measure(ours(engine, version, at, memory), truths, every)
    results += [{"engine": "memory", **row} for row in rows]
    memory.close()
    few = world.queries["image"][:5]
    report["function_query_ms"] = await storing.plain_query(engine, version, few)
    report["http"] = {
        name: await served(url, ids[: options.queries + 1], room, options.rows)
        for name, room in (("postgres", 0), ("memory", 64_000))
    }
    kinds = [kind for kind in options.index if kind in ("ivfflat", "hnsw")]
    report["stored_per_s_into"] = await storing.rates(
        engine, world.pictures, ids, kinds, options.stored
    )
    await engine.dispose()
    if not options.alone:
        results += await beside(truth.kept, truths, every, options.target)
    return report | {"results": results}


def show(report: dict[str, Any]) -> None:
    """Print one line a case and engine."""
    for key, value in report.items():
        if key != "results":
            print(f"{key}: {json.dumps(value)}")
    columns = ("engine", "queries", "filter", "share", "recall@10", "recall@50", "p50_ms", "p95_ms")
    print(" ".join(f"{column:>16}" for column in columns), "paths")
    for row in report["results"]:
        print(" ".join(f"{row[column]!s:>16}" for column in columns), row["paths"])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=20, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", type=float, default=0.99, help="recall@10 of the libraries")
    parser.add_argument("--shares", nargs="+", default=list(museum.SHARES), choices=museum.SHARES)
    kinds = ("auto", "exact", "ivfflat", "hnsw")
    parser.add_argument("--index", nargs="+", default=["ivfflat", "hnsw"], choices=kinds)
    parser.add_argument(
        "--stored", type=int, default=2000, help="vectors stored into each kind of index"
    )
    parser.add_argument("--alone", action="store_true", help="without faiss and hnswlib")
    parser.add_argument("--json", type=Path, help="write everything there too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="biocosmos-bench-") as home, serve(Path(home)) as url:
        migrate(url)
        report = asyncio.run(run(options, url))
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()

"""What the vector benchmark needs before anything can be timed, kept in a folder.

Made once, however often it is measured: vectors as half floats (read from the disk as they are
needed), queries, what is truly nearest, a database with one version for each kind of index, and
the indexes of the libraries. Each is made where it is missing.
"""

import asyncio
import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench import libraries, museum
from bench.geometry import Floats, Generator, World
from bench.museum import Case, Key
from core import versions
from core.db.partitions import partition_name
from ingestor.index import Kind, build_index, verify

K = 50
PART = 50_000
"""Vectors in single precision at a time."""
Truths = dict[Key, list[NDArray[np.int64]]]


@dataclass(frozen=True)
class Size:
    """What decides which vectors are made."""

    rows: int
    dim: int
    queries: int
    seed: int


class Prepared:
    """The folder, filled for `size`; raises ValueError where it was filled for another."""

    def __init__(self, home: Path, size: Size, kinds: list[Kind], shares: list[str]) -> None:
        self.home, self.size, self.kinds = home, size, kinds
        self._notes = home / "prepared.json"
        self.notes: dict[str, Any] = {"size": vars(size), "index": {}}
        if self._notes.exists():
            self.notes = json.loads(self._notes.read_text())
            if self.notes["size"] != vars(size):
                raise ValueError(f"{home} was prepared for {self.notes['size']}")
        self.generator = Generator(size.rows, size.dim, size.seed)
        self.world = self._world()
        random = np.random.default_rng(2)
        self.ids = [uuid.UUID(bytes=random.bytes(16)) for _ in range(size.rows)]
        self.cases = museum.cases(self.world, shares)
        self.truths = self._truths()

    def note(self, **what: Any) -> None:
        """Keep what was found out while preparing."""
        self.notes |= what
        self._notes.write_text(json.dumps(self.notes, indent=1))

    def _world(self) -> World:
        vectors, rest = self.home / "vectors.npy", self.home / "world.npz"
        if not rest.exists():
            shape = (self.size.rows, self.size.dim)
            into = np.lib.format.open_memmap(vectors, "w+", np.float16, shape)
            made = self.generator.world(self.size.rows, self.size.queries, into)
            into.flush()
            asked: dict[str, Any] = {f"asked {kind}": rows for kind, rows in made.asked.items()}
            np.savez(rest, lineage=made.lineage, styles=made.styles, **made.queries, **asked)
        kept = np.load(rest)
        return World(
            np.load(vectors, mmap_mode="r"),
            kept["lineage"],
            kept["styles"],
            {kind: kept[kind] for kind in ("image", "text")},
            {kind: kept[f"asked {kind}"] for kind in ("image", "text")},
        )

    def _truths(self) -> Truths:
        """Row numbers of the `K` nearest that pass, best first, of every query."""
        path = self.home / "truth.npz"
        if not path.exists():
            scores = {kind: self._scores(asked) for kind, asked in self.world.queries.items()}
            found: dict[str, Any] = {
                f"{' '.join(key)} {n}": best(scores[key[0]][n], case)
                for key, asked in self.cases.items()
                for n, (_, case) in enumerate(asked)
            }
            np.savez(path, **found)
        kept = np.load(path)
        return {
            key: [kept[f"{' '.join(key)} {n}"] for n in range(len(asked))]
            for key, asked in self.cases.items()
        }

    def _scores(self, queries: Floats) -> Floats:
        """Cosines [queries, rows] on what half precision keeps."""
        asked = queries.astype(np.float16).astype(np.float32)
        found = np.empty((len(queries), self.size.rows), np.float32)
        for start in range(0, self.size.rows, PART):
            rows = self.world.pictures[start : start + PART].astype(np.float32)
            lengths = np.linalg.norm(rows, axis=1)
            found[:, start : start + PART] = asked @ rows.T / lengths
        return found

    async def fill(self, engine: AsyncEngine) -> None:
        """Records, images, and a version for each kind of index, built and measured."""
        if not self.notes.get("filled"):
            await museum.fill(engine, self.world, self.ids)
            self.note(filled=True)
        for kind in self.kinds:
            if kind not in self.notes["index"]:
                await self._version(engine, kind)

    async def _version(self, engine: AsyncEngine, kind: Kind) -> None:
        name = f"bench-{kind}"
        started = time.perf_counter()
        await museum.store(engine, name, self.world, self.ids)
        stored = time.perf_counter()
        await build_index(engine, name, kind)
        built = time.perf_counter()
        words = self.generator.some_words
        version = await verify(engine, name, lambda names: words(len(names)))
        found: dict[str, Any] = {"stored_per_s": round(self.size.rows / (stored - started))}
        found |= {"build_s": round(built - stored, 1), **version.index_params}
        self.note(index=self.notes["index"] | {kind: found})

    async def predecessor(self, engine: AsyncEngine) -> None:
        """The table of the predecessor: single precision, stored as PostgreSQL likes."""
        async with engine.begin() as conn:
            if await conn.scalar(text("SELECT to_regclass('search_records')")):
                return
            version = await versions.get(conn, f"bench-{self.kinds[0]}")
            await conn.execute(
                text(
                    "CREATE TABLE search_records AS SELECT image_id AS media_uuid,"
                    " 'model' AS model, vector::vector AS embedding"
                    f" FROM {partition_name(version.id)}"
                )
            )

    async def libraries(self, names: list[str]) -> None:
        """The indexes of the libraries that are wanted."""
        (self.home / "libraries").mkdir(exist_ok=True)
        for name in names:
            path = self.home / "libraries" / name
            if not path.exists():
                await asyncio.to_thread(libraries.build, name, self.world.pictures, path)


def best(scores: Floats, case: Case) -> NDArray[np.int64]:
    """The `K` best of `scores` [rows] that pass."""
    passes = case.passes
    rows = np.arange(len(scores)) if passes is None else np.flatnonzero(passes)
    kept = scores[rows]
    if len(rows) > K:
        first = np.argpartition(-kept, K)[:K]
        rows, kept = rows[first], kept[first]
    found: NDArray[np.int64] = rows[np.argsort(-kept)]
    return found

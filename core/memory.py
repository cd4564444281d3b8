"""The memory engine: a version's vectors in this process, compared exactly under any filter.

Half floats in faiss, six times as fast as PostgreSQL, which stays the truth: it decides what passes
and what can be shown, and is asked about every second whether vectors have come or gone.
"""

import asyncio
import importlib
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import versions
from core.db import statements
from core.db.conditions import Where
from core.db.engine import translate_errors
from core.db.partitions import partition_name
from core.errors import BioCosmosError, InvalidSetting
from core.held import Held, Passing, Segment
from core.roll import Ids, Keys, as_ids, as_keys
from core.versions import Version

LOG = logging.getLogger(__name__)
SECONDS = 1.0
"""Between looks at what changed."""
MEMORY_ROWS = 5_000
"""A smaller version is compared sooner in the database than its ids travel here."""
SEGMENT = 50_000
"""Vectors a segment; segments are searched side by side."""
READ = 5_000
"""Vectors read at once."""
REMEMBERED = 64
"""Filters whose images are remembered until something changes."""

_NOBODY = np.empty(0, np.uint8)


class MemoryEngine:
    """Versions held in at most `megabytes`. Belongs to one event loop, which it never blocks."""

    def __init__(self, megabytes: int) -> None:
        try:
            self._faiss: Any = importlib.import_module("faiss")
        except ImportError as error:
            raise InvalidSetting(
                "BIOCOSMOS_MEMORY_ENGINE_MB needs faiss: pip install faiss-cpu, or set it to 0"
            ) from error
        self._most = megabytes * 2**20
        self._held: dict[int, Held] = {}
        self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="memory")
        self._refused: set[int] = set()

    def holds(self, version: Version) -> bool:
        """Whether `version` is here."""
        return version.id in self._held

    def rows(self, version: Version) -> int:
        """Vectors held of `version`."""
        held = self._held.get(version.id)
        return held.rows if held else 0

    def answers(self, version: Version) -> bool:
        """Whether `version` is better searched here than in the database."""
        return self.holds(version) and self.rows(version) >= MEMORY_ROWS

    async def follow(self, engine: AsyncEngine) -> None:
        """Keep in step with the database until cancelled."""
        while True:
            started = time.monotonic()
            try:
                with translate_errors():
                    async with engine.connect() as conn:
                        await self.step(conn)
            except BioCosmosError as error:
                LOG.warning("the memory engine could not look for changes: %s", error)
            # A long step, as while images are being embedded, is not repeated at once.
            await asyncio.sleep(max(SECONDS, 5 * (time.monotonic() - started)))

    async def step(self, conn: AsyncConnection) -> None:
        """Take over what changed since the last step, the default version first."""
        listed = await versions.ready(conn)
        for gone in self._held.keys() - {version.id for version in listed}:
            del self._held[gone]
        for version in listed:
            name = {"name": partition_name(version.id)}
            stamp = tuple(await conn.scalar(text(statements.STAMP), name) or ())
            held = self._held.get(version.id)
            if held is None or held.stamp != stamp:
                await self._take(conn, version, held or Held(()), stamp)

    async def search(
        self, conn: AsyncConnection, version: Version, query: NDArray[np.float32], k: int,
        where: Where,
    ) -> tuple[list[tuple[UUID, float]], int]:  # fmt: skip
        """The `k` nearest that pass and can be shown, as (image, cosine); how many pass."""
        held = self._held[version.id]
        segments = held.segments
        passing = [Passing(len(s.ids), _NOBODY) for s in segments]
        if where.sql != "true":
            passing = await self._passing(conn, version, held, where)
        matching = sum(each.count for each in passing)
        wanted = k + statements.SPARE
        loop = asyncio.get_running_loop()
        while True:
            parts = [
                loop.run_in_executor(self._threads, self._nearest, each, query, wanted, some)
                for each, some in zip(segments, passing, strict=True)
                if some.count
            ]
            found = sorted(
                (hit for part in await asyncio.gather(*parts) for hit in part),
                key=lambda hit: (-hit[1], hit[0]),
            )[:wanted]
            shown = await self._shown(conn, [image_id for image_id, _ in found])
            hits = [hit for hit in found if hit[0] in shown]
            if len(hits) >= k or len(found) >= matching or len(found) < wanted:
                return hits[:k], matching
            wanted *= 4

    def close(self) -> None:
        """Let go of everything."""
        self._threads.shutdown(cancel_futures=True)
        self._held.clear()

    async def _take(
        self, conn: AsyncConnection, version: Version, held: Held, stamp: tuple[int, ...]
    ) -> None:
        """Make what is held of `version` what is stored now, if it fits."""
        ids = as_ids(await conn.scalar(text(statements.ids(version.id, "true"))))
        size = len(ids) * (2 * version.dim + 48)
        others = sum(each.bytes for key, each in self._held.items() if key != version.id)
        taken = await asyncio.to_thread(self._compared, held, ids) if size <= self._most else None
        if taken is None or others + size > self._most:
            self._refuse(version, size)
            return
        kept, new = taken
        for start in range(0, len(new), READ):
            chunk = [UUID(bytes=each.tobytes()) for each in new[start : start + READ]]
            binds = {"ids": chunk}
            content = await conn.scalar(text(statements.vectors(version.id)), binds)
            kept = await asyncio.to_thread(self._with, kept, content or b"", version.dim)
        self._held[version.id] = await asyncio.to_thread(Held, stamp, kept, size)
        self._refused.discard(version.id)

    def _refuse(self, version: Version, size: int) -> None:
        self._held.pop(version.id, None)
        if version.id not in self._refused:
            name = version.embed_version
            needs = (size >> 20) + 1
            LOG.warning(
                "embed version %s needs %d MB and stays out of the memory engine", name, needs
            )
        self._refused.add(version.id)

    def _compared(self, held: Held, ids: Ids) -> tuple[tuple[Segment, ...], Ids] | None:
        """What is held of `ids`, and which are not; None where two of them share a key."""
        keys = as_keys(ids)
        if len(np.unique(keys)) < len(keys):
            return None
        kept = tuple(s for each in held.segments if (s := self._without(each, keys)))
        there = np.concatenate([as_keys(s.ids) for s in kept]) if kept else np.empty(0, np.uint64)
        return kept, ids[~np.isin(keys, there)]

    def _without(self, segment: Segment, keys: Keys) -> Segment | None:
        """`segment` with only those of `keys`; None when nothing is left."""
        stays = np.isin(as_keys(segment.ids), keys)
        if stays.all():
            return segment
        if not stays.any():
            return None
        index = self._faiss.clone_index(segment.index)
        index.remove_ids(np.flatnonzero(~stays))
        return Segment(segment.ids[stays], index)

    def _with(self, kept: tuple[Segment, ...], content: bytes, dim: int) -> tuple[Segment, ...]:
        """`kept` and the vectors in `content`, in the last segment while that is small."""
        layout = np.dtype([("id", "V16"), ("dim", ">i2"), ("unused", ">i2"), ("v", ">f2", (dim,))])
        rows = np.frombuffer(content, layout)
        if not len(rows):
            return kept
        ids = rows["id"].copy()
        if kept and len(kept[-1].ids) < SEGMENT:
            index = self._faiss.clone_index(kept[-1].index)
            ids, kept = np.concatenate([kept[-1].ids, ids]), kept[:-1]
        else:
            half = self._faiss.ScalarQuantizer.QT_fp16
            index = self._faiss.IndexScalarQuantizer(dim, half, self._faiss.METRIC_INNER_PRODUCT)
            index.is_trained = True  # half floats need no training
        index.add(np.ascontiguousarray(rows["v"], np.float32))
        return (*kept, Segment(ids, index))

    async def _passing(
        self, conn: AsyncConnection, version: Version, held: Held, where: Where
    ) -> list[Passing]:
        """Of every segment, the images that pass."""
        key = _name(where)
        if key not in held.passing:
            asking = statements.ids(version.id, where.sql, beside=where.beside)
            content = await conn.scalar(text(asking), where.binds)
            found = await asyncio.to_thread(lambda: held.those(as_ids(content)))
            if not where.beside:  # changes of what decides leave no trace in the statistics
                return found
            held.passing[key] = found
            while len(held.passing) > REMEMBERED:
                held.passing.popitem(last=False)
        held.passing.move_to_end(key)
        return held.passing[key]

    def _nearest(
        self, segment: Segment, query: NDArray[np.float32], k: int, some: Passing
    ) -> list[tuple[UUID, float]]:
        """The `k` best of one segment, scored anew in double precision on what is stored."""
        params = None
        if some.count < len(segment.ids):
            chosen = self._faiss.IDSelectorBitmap(some.bits)
            params = self._faiss.SearchParameters(sel=chosen)
        self._faiss.omp_set_num_threads(1)  # of this thread: segments are what runs side by side
        _, found = segment.index.search(query[None], min(k, some.count), params=params)
        rows = found[0][found[0] >= 0]
        stored = segment.index.reconstruct_batch(rows).astype(np.float64)
        asked = query.astype(np.float16).astype(np.float64)
        scores = stored @ asked / np.linalg.norm(stored, axis=1) / np.linalg.norm(asked)
        ids = (UUID(bytes=each.tobytes()) for each in segment.ids[rows])
        return list(zip(ids, scores.clip(-1, 1).tolist(), strict=True))

    async def _shown(self, conn: AsyncConnection, ids: list[UUID]) -> set[UUID]:
        return set(await conn.scalars(text(statements.SHOWN), {"ids": ids}))


def _name(where: Where) -> str:
    return f"{where.sql} {where.binds}"

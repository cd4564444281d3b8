"""The memory engine: a version's vectors in this process, compared with all that pass any filter.

Held as bytes in faiss: half the size of half floats and twice as fast. PostgreSQL stays the truth.
It compares the best anew, and more of them until none that was left out can be better; says which
of them pass and can be shown; and is asked about every second whether vectors have come or gone.
"""

import asyncio
import importlib
import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import versions
from core.census import Census
from core.counting import Counting
from core.db import statements
from core.db.conditions import Where
from core.db.engine import translate_errors
from core.db.partitions import partition_name
from core.deciding import decided
from core.errors import BioCosmosError, InvalidSetting
from core.held import Held, Passing, Segment
from core.hits import Hit, score
from core.query_vectors import QueryVector
from core.roll import Ids, Keys, as_ids, as_keys
from core.rounded import Asked, asked, rounded
from core.versions import Version
from core.ways import written

LOG = logging.getLogger(__name__)
SECONDS = 1.0
"""Between looks at what changed."""
MEMORY_ROWS = 5_000
"""A smaller version is compared sooner in the database than its ids travel here."""
SEGMENT = 50_000
"""Vectors a segment; segments are searched side by side."""
READ = 5_000
"""Vectors read at once."""
DEEPER = 2
"""Times as many asked of each segment as are compared anew."""
REMEMBERED = 64
"""Filters whose images are remembered until something changes."""

_NOBODY = np.empty(0, np.uint8)


class MemoryEngine:
    """Versions held in at most `megabytes`. Belongs to one event loop, which it never blocks."""

    def __init__(self, megabytes: int, counting: Counting | None = None) -> None:
        try:
            self._faiss: Any = importlib.import_module("faiss")
        except ImportError as error:
            raise InvalidSetting(
                "BIOCOSMOS_MEMORY_ENGINE_MB needs faiss: pip install faiss-cpu, or set it to 0"
            ) from error
        self._most = megabytes * 2**20
        self._counting = counting
        """Decides filters without the database, where it has counted what is held."""
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
            if version.id in self._held and (census := self._census(version)):
                await asyncio.to_thread(self._held[version.id].look_up, census)

    async def search(
        self, conn: AsyncConnection, version: Version, query: QueryVector, k: int, where: Where
    ) -> tuple[list[Hit], int]:
        """The `k` nearest that pass and can be shown, and how many pass."""
        held = self._held[version.id]
        segments = held.segments
        passing = [Passing(len(s.ids), _NOBODY) for s in segments]
        if where.sql != "true":
            passing = await self._passing(conn, version, held, where)
        matching = sum(each.count for each in passing)
        asking = asked(query.values)
        error = asking.error + max((each.lost for each in segments), default=0.0)
        wanted = DEEPER * (k + statements.SPARE)
        while True:
            ids, scores, everything = await self._nearest(segments, passing, asking, wanted)
            few = k + statements.SPARE
            if len(ids) > few:  # those that are surely not among the best can wait
                few = max(few, int((scores >= scores[k - 1] - error).sum()))
            while True:
                hits = await self._compared_anew(conn, version, ids[:few], query, k, where)
                if few >= len(ids) and everything:
                    return hits, matching
                # What was left out has no more.
                if len(hits) == k and hits[-1].score >= scores[:few][-1] + error:
                    return hits, matching
                if few >= len(ids):
                    break
                few *= 2
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
        size = len(ids) * (version.dim + 48)
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
        return Segment(segment.ids[stays], index, segment.lost)

    def _with(self, kept: tuple[Segment, ...], content: bytes, dim: int) -> tuple[Segment, ...]:
        """`kept` and the vectors in `content`, in the last segment while that is small."""
        layout = np.dtype([("id", "V16"), ("dim", ">i2"), ("unused", ">i2"), ("v", ">f2", (dim,))])
        rows = np.frombuffer(content, layout)
        if not len(rows):
            return kept
        ids = rows["id"].copy()
        values, lost = rounded(np.ascontiguousarray(rows["v"], np.float32))
        if kept and len(kept[-1].ids) < SEGMENT:
            last, kept = kept[-1], kept[:-1]
            index = self._faiss.clone_index(last.index)
            ids, lost = np.concatenate([last.ids, ids]), max(last.lost, lost)
        else:
            whole = self._faiss.ScalarQuantizer.QT_8bit_direct_signed
            index = self._faiss.IndexScalarQuantizer(dim, whole, self._faiss.METRIC_INNER_PRODUCT)
        index.add(values)
        return (*kept, Segment(ids, index, lost))

    async def _passing(
        self, conn: AsyncConnection, version: Version, held: Held, where: Where
    ) -> list[Passing]:
        """Of every segment, the images that pass."""
        key = _name(where)
        if key not in held.passing:
            found = await self._decided(version, held, where)
            if found is None:
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

    async def _decided(self, version: Version, held: Held, where: Where) -> list[Passing] | None:
        census = self._census(version)
        if census is None:
            return None

        def decide() -> list[Passing] | None:
            mask = decided(census, where.filters)
            return None if mask is None else held.chosen(census, mask)

        return await asyncio.to_thread(decide)

    def _census(self, version: Version) -> Census | None:
        """What has been counted of exactly what is held."""
        stamp = self._held[version.id].stamp
        return self._counting.at(version, stamp) if self._counting else None

    async def _nearest(
        self, segments: Sequence[Segment], passing: Sequence[Passing], asking: Asked, k: int
    ) -> tuple[Ids, NDArray[np.float32], bool]:
        """The best of those that pass, best first; their cosines as bytes have it; if that is all.

        As far down as no segment has more than the `k` it was asked for: `k` at least.
        """
        loop = asyncio.get_running_loop()
        parts = [
            loop.run_in_executor(self._threads, self._nearest_of, each, asking, k, some)
            for each, some in zip(segments, passing, strict=True)
            if some.count
        ]
        if not parts:
            return np.empty(0, "V16"), np.empty(0, np.float32), True
        found = await asyncio.gather(*parts)
        ids, scores = (np.concatenate(each) for each in zip(*found, strict=True))
        full = [own[-1] for _, own in found if len(own) == k]
        best = np.argsort(-scores, kind="stable")
        best = best[: int((scores >= max(full)).sum())] if full else best
        return ids[best], scores[best], len(best) == sum(each.count for each in passing)

    def _nearest_of(
        self, segment: Segment, asking: Asked, k: int, some: Passing
    ) -> tuple[Ids, NDArray[np.float32]]:
        params = None
        if some.count < len(segment.ids):
            chosen = self._faiss.IDSelectorBitmap(some.bits)
            params = self._faiss.SearchParameters(sel=chosen)
        self._faiss.omp_set_num_threads(1)  # of this thread: segments are what runs side by side
        dots, found = segment.index.search(asking.values, min(k, some.count), params=params)
        there = found[0] >= 0
        return segment.ids[found[0][there]], dots[0][there] * np.float32(asking.unit)

    async def _compared_anew(
        self, conn: AsyncConnection, version: Version, ids: Ids, query: QueryVector, k: int,
        where: Where,
    ) -> list[Hit]:  # fmt: skip
        """The `k` best of those of `ids` that pass and can be shown."""
        asking = statements.among(version.id, k, where.sql if where.beside else "true")
        given = ",".join(each.tobytes().hex() for each in ids)
        binds = {"ids": f"{{{given}}}", "query": written(query)}
        rows = await conn.execute(text(asking), binds | where.binds)
        return [Hit(row.image_id, score(row.distance)) for row in rows]


def _name(where: Where) -> str:
    return f"{where.sql} {where.binds}"

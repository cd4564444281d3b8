"""Rankings to take pages from: the nearest in one version, or in several by their ranks."""

from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.search.gather import Fetch, Found, Marks, Members, Same
from backend.search.parts import Asked
from backend.search.picking import SAME_COSINE, Pair, Pick
from backend.search.schemas import SearchParams
from backend.timing import Timing
from core import fusion, vectors
from core.db import groups
from core.db.conditions import Where
from core.db.groups import Mark
from core.filters import Filters
from core.vectors import After, Nearest

FUSED = 500
"""Ranks of each version that are fused at least: further down 1 / (60 + rank) hardly counts."""


class Rankings:
    """What one request asks of the database."""

    def __init__(
        self, services: Services, conn: AsyncConnection, conditions: Filters, timing: Timing
    ) -> None:
        self._memory = services.memory
        self._conn = conn
        self._conditions = conditions
        self._timing = timing

    def of(self, asked: Sequence[Asked], after: After | None) -> Fetch:
        """The ranking of one version, going on after what was shown, or of several."""

        async def fused(k: int) -> Found:
            # The same ranks for every page, as far as pages go.
            depth = max(FUSED, 2 * k)
            each = {one.version.embed_version: await self._nearest(one, depth) for one in asked}
            ranked = fusion.reciprocal(
                {name: [hit.image_id for hit in near.hits] for name, near in each.items()}
            )
            picks = [Pick(image_id, score, ranks) for image_id, score, ranks in ranked[:k]]
            complete = all(len(near.hits) < depth for near in each.values()) and k >= len(ranked)
            return Found(picks, _together(list(each.values())), complete)

        async def single(k: int) -> Found:
            nearest = await self._nearest(asked[0], k, after)
            picks = [Pick(hit.image_id, hit.score) for hit in nearest.hits]
            return Found(picks, nearest, len(picks) < k)

        return single if len(asked) == 1 else fused

    def members(self, asked: Asked, params: SearchParams) -> Members:
        """Groups of all that passes, formed by the database."""
        where = Where(self._conditions)
        written = vectors.written(asked.query)

        async def find(
            most: int, of_each: int, only: Sequence[str | None] | None
        ) -> tuple[list[Pick], Marks]:
            assert params.group_by
            vectors.check(asked.version, asked.query, most)
            with self._timing.stage("search"):
                rows = await groups.best_of_groups(
                    self._conn,
                    asked.version.id,
                    written,
                    where,
                    params.group_by,
                    groups=most,
                    members=of_each,
                    only=only,
                )
            picks = [
                Pick(row.image_id, vectors.score(row.distance), key=row.key, size=row.size)
                for row in rows
            ]
            return picks, {row.image_id: Mark(row.key, row.sha256, row.phash) for row in rows}

        return find

    def same(self, asked: Asked) -> Same:
        """Pairs that the version, too, takes for the same picture."""

        async def find(pairs: Sequence[Pair]) -> Collection[Pair]:
            return await groups.alike(self._conn, asked.version.id, pairs, SAME_COSINE)

        return find

    async def _nearest(self, asked: Asked, k: int, after: After | None = None) -> Nearest:
        with self._timing.stage("search"):
            return await vectors.nearest(
                self._conn,
                asked.version,
                asked.query,
                k,
                self._conditions,
                modality=asked.modality,
                memory=self._memory,
                after=after,
            )


def _together(found: Sequence[Nearest]) -> Nearest:
    """What several searches cost, and the least that one of them promises."""
    least = min(found, key=lambda each: -1 if each.recall is None else each.recall)
    return Nearest(
        [],
        least.path,
        max(each.rows for each in found),
        sum(each.compared for each in found),
        least.recall,
    )

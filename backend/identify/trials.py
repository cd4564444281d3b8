"""Names the museum's own photos to learn how far naming can be trusted there."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.identify import evidence, queries
from backend.identify.evidence import Space
from backend.identify.naming import Progress
from core import vectors
from core.db.tables import RANKS
from core.filters import Choice, Taxon
from core.identification import support, votes
from core.identification.ladder import METHODS, Method
from core.identification.support import HIDDEN, Support, Trial
from core.identification.votes import Neighbour
from core.vectors import QueryVector

PHOTOS = 300
DEPTH = 150
TOGETHER = 10
"""Photos tried in one transaction."""


async def run(services: Services, space: Space, progress: Progress) -> dict[Method, Support]:
    """How far each method can be trusted in this version of this museum."""
    async with services.reading() as conn:
        rows = await queries.trial_photos(conn, space.version, PHOTOS)
    progress.total = len(rows)
    trials: list[Trial] = []
    for start in range(0, len(rows), TOGETHER):
        async with services.reading() as conn:
            for row in rows[start : start + TOGETHER]:
                trials += await _tried(conn, space, row)
                progress.done += 1
    return await asyncio.to_thread(_fitted, space, trials)


def _fitted(space: Space, trials: Sequence[Trial]) -> dict[Method, Support]:
    return {method: support.fit(space.taxa, trials, method) for method in METHODS}


async def _tried(conn: AsyncConnection, space: Space, row: Row[Any]) -> list[Trial]:
    """One photo, named with its own kind in the museum and without."""
    names = tuple(row._mapping[rank] or None for rank in RANKS)
    truth = space.taxa.where.get(names)
    if truth is None:  # came after the taxa were read
        return []
    query = await vectors.stored_vector(conn, space.version, row.image_id)
    seen = await evidence.look(conn, space, query, Choice(), DEPTH)
    around = [each for each in seen if each.specimen != row.specimen]
    trials = []
    for hidden, weight in HIDDEN:
        rank = None if hidden is None else RANKS.index(hidden)
        if rank is not None and names[rank] is None:
            continue
        world = space
        if rank is not None:
            world = evidence.without(space, rank, int(space.taxa.codes[rank, truth]))
        near = await _near(conn, world, query, around, hidden, names)
        weighed = evidence.weigh(world, query, world.inside, near)
        trials.append(Trial(truth, weighed, weight, hidden is None))
    return trials


async def _near(
    conn: AsyncConnection,
    world: Space,
    query: QueryVector,
    around: Sequence[Neighbour],
    hidden: str | None,
    names: Sequence[str | None],
) -> list[Neighbour]:
    """The voters among `around`, or, where too few are left of them, from a search of its own."""
    index = RANKS.index(hidden) if hidden else None
    left = [n for n in around if index is None or n.names[index] != names[index]]
    near = votes.distinct(left, votes.NEIGHBOURS)
    if len(near) == votes.NEIGHBOURS or index is None or len(around) < DEPTH // 2:
        return near
    apart = Choice((), (Taxon(str(names[index]), hidden),))
    found = await evidence.look(conn, world, query, apart, DEPTH)
    return votes.distinct(found, votes.NEIGHBOURS)

"""Gathers what speaks for the names of one photo: prompts, and its nearest specimens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.identify import queries
from backend.identify.naming import NameVectors
from core import vectors
from core.filters import Choice, Filters, Taxon
from core.identification import prompts, votes
from core.identification.ladder import Evidence
from core.identification.taxa import Taxa
from core.identification.votes import Neighbour
from core.memory import MemoryEngine
from core.vectors import QueryVector
from core.versions import Version

FIRST_LOOK = 80
LAST_LOOK = 1000
"""Images looked at for distinct specimens, at first and at most."""


@dataclass(frozen=True)
class Space:
    """Where photos are named: a version, the taxa in question and their prompts."""

    version: Version
    taxa: Taxa
    names: NameVectors
    within: Choice[Taxon]
    inside: NDArray[np.bool_]
    """bool [lineages]: the taxa in question."""
    memory: MemoryEngine | None = None


@dataclass(frozen=True)
class Subject:
    """A photo to be named: its vector and what of the museum is the photo itself."""

    vector: QueryVector
    own: frozenset[UUID] = frozenset()
    """Specimens it shows, if it comes from the museum; they are no evidence."""
    phash: int | None = None


@dataclass(frozen=True)
class Found:
    """The evidence for one photo and the specimens that voted."""

    evidence: Evidence
    neighbours: list[Neighbour]
    own: frozenset[UUID]
    """Specimens left out, as they are on the photo."""


async def gather(conn: AsyncConnection, space: Space, subject: Subject) -> Found:
    """All evidence for the names of `subject`."""
    own = set(subject.own)

    def keep(neighbour: Neighbour) -> bool:
        if neighbour.is_picture(subject.phash):
            own.add(neighbour.specimen)
        return neighbour.specimen not in own

    near = await nearest(conn, space, subject.vector, space.within, keep)
    return Found(weigh(space, subject.vector, space.inside, near), near, frozenset(own))


async def nearest(
    conn: AsyncConnection,
    space: Space,
    query: QueryVector,
    within: Choice[Taxon],
    keep: Callable[[Neighbour], bool],
) -> list[Neighbour]:
    """The nearest distinct specimens that `keep` lets pass, nearest first."""
    depth = FIRST_LOOK
    while True:
        found = await look(conn, space, query, within, depth)
        list(map(keep, found))  # first learn from all what is the photo itself
        near = votes.distinct([each for each in found if keep(each)], votes.NEIGHBOURS)
        if len(near) == votes.NEIGHBOURS or len(found) < depth // 2 or depth >= LAST_LOOK:
            return near
        depth *= 4


async def look(
    conn: AsyncConnection, space: Space, query: QueryVector, within: Choice[Taxon], depth: int
) -> list[Neighbour]:
    """The `depth` nearest images with the specimens on them."""
    hits = await vectors.nearest(
        conn,
        space.version,
        query,
        depth,
        Filters(taxon=within),
        modality="image",
        memory=space.memory,
    )
    return await queries.neighbours(conn, hits.hits)


def weigh(
    space: Space,
    query: QueryVector,
    inside: NDArray[np.bool_],
    near: Sequence[Neighbour],
) -> Evidence:
    """Prompts and votes as evidence by lineage."""
    asked = space.names.prompted & inside
    text, cosines = np.zeros(len(space.taxa)), np.full(len(space.taxa), -1.0)
    cosines[asked] = (space.names.matrix[asked] @ query.values).astype(np.float64)
    text[asked] = prompts.shares(cosines[asked], space.names.scale)
    return Evidence(text, cosines, votes.count(space.taxa, near))


def without(space: Space, rank: int, code: int) -> Space:
    """`space` as if the museum did not know the taxon `code` of `rank`."""
    return replace(space, inside=space.inside & (space.taxa.codes[rank] != code))

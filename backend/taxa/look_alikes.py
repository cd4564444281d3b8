"""Taxa that look like one: whose images lie, taken together, near its own."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.search import queries as search_queries
from core import vectors
from core.db.means import mean
from core.filters import Choice, Filters, Taxon
from core.versions import Version

RANKS = ("order", "family", "genus", "species")
"""Where looking alike says something."""
NEAREST = 300
"""Images looked at; the taxa they show are the candidates."""


@dataclass(frozen=True)
class Alike:
    """A taxon, the cosine of its mean with that asked for, and its image nearest to that."""

    name: str
    similarity: float
    image: UUID


async def find(
    services: Services,
    conn: AsyncConnection,
    version: Version,
    of: Taxon,
    view: str | None,
    most: int,
) -> list[Alike]:
    """At most `most` other taxa of the rank, the most similar first; by images of `view` only."""
    seen = Choice((view,)) if view else Choice[str]()
    own = await mean(conn, version, Filters(taxon=Choice((of,)), view=seen))
    if own is None or of.rank not in RANKS:
        return []
    others = Filters(taxon=Choice((), (of,)), view=seen)
    nearest = await vectors.nearest(
        conn, version, own, NEAREST, others, modality="image", memory=services.memory
    )
    found = await search_queries.found(conn, [hit.image_id for hit in nearest.hits])
    candidates: dict[str, UUID] = {}
    for hit in nearest.hits:
        entry = found.get(hit.image_id)
        name = entry.records[0][f"record_{of.rank}"] if entry and entry.records else None
        if name:
            candidates.setdefault(name, hit.image_id)
    alike = []
    for name, image in list(candidates.items())[: 2 * most]:
        other = await mean(conn, version, Filters(taxon=Choice((Taxon(name, of.rank),)), view=seen))
        if other is not None:
            alike.append(Alike(name, vectors.cosine(own, other), image))
    return sorted(alike, key=lambda each: -each.similarity)[:most]

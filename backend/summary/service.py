"""Counts, example pictures and the main groups."""

import asyncio
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.images import service as pictures
from backend.images.schemas import Image
from backend.summary import queries
from backend.summary.schemas import Example, Group, Summary
from backend.taxa.queries import aliases
from core import taxon_tree, versions
from core.census import Census
from core.taxon_tree import Branch

EXAMPLES = 6
GROUPS = 5
"""As many groups as are asked for at least, where there are as many."""
MOST_GROUPS = 8
LOOKED_AT = 24
"""Images of a taxon, over all of it, of which the first that may be shown stands for it."""


async def summary(services: Services, conn: AsyncConnection) -> Summary:
    """What can be found, counted when something has changed; the default version as it is now."""
    known = await services.summary.get(conn, lambda: _count(services, conn))
    return known.model_copy(update={"default_version": await queries.default_version(conn)})


async def _count(services: Services, conn: AsyncConnection) -> Summary:
    """Counts, and what the default version finds to begin with."""
    counts = await queries.counts(conn)
    default = next((each for each in await versions.ready(conn) if each.is_default), None)
    census = await services.counting.census(conn, default) if default else None
    return Summary(
        **counts,
        default_version=None,
        examples=await _examples(conn, census) if census else [],
        groups=await _groups(conn, census) if census else [],
    )


async def _examples(conn: AsyncConnection, census: Census) -> list[Example]:
    """Common species that may be shown, the first of every genus before a second of any."""
    kind = census.kind("species")
    names = [kind.values[code] for code in np.argsort(-kind.totals, kind="stable").tolist()]
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.split()[0], name)
    found: list[Example] = []
    # More species than needed, as the licence may keep all pictures of one from being shown.
    for name in list(dict.fromkeys([*first.values(), *names]))[: 4 * EXAMPLES]:
        if len(found) == EXAMPLES:
            break
        picture = await _picture(conn, census, "species", name)
        if picture:
            found.append(Example(label=name, image=picture))
    return found


async def _groups(conn: AsyncConnection, census: Census) -> list[Group]:
    """The main groups of what the default version finds."""
    found = await asyncio.to_thread(taxon_tree.groups, census, GROUPS, MOST_GROUPS)
    return [await _group(conn, census, each) for each in found]


async def _group(conn: AsyncConnection, census: Census, branch: Branch) -> Group:
    names = await aliases(conn, branch.rank, branch.name)
    return Group(
        value=f"{branch.rank}:{branch.name}",
        rank=branch.rank,
        name=branch.name,
        common_name=next((row["name"] for row in names if row["kind"] == "common"), None),
        count=branch.count,
        image=await _picture(conn, census, branch.rank, branch.name),
    )


async def _picture(conn: AsyncConnection, census: Census, rank: str, name: str) -> Image | None:
    """One that stands for a taxon; None where none may be shown."""
    rows = np.flatnonzero(census.kind(rank).holds(name, len(census)))
    some = rows[:: max(1, len(rows) // LOOKED_AT)][:LOOKED_AT]
    listed = await queries.pictures_of(conn, [UUID(bytes=census.ids[n].tobytes()) for n in some])
    return next((pictures.describe(row) for row in listed if pictures.may_show(row)), None)

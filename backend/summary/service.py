"""Counts and example pictures."""

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.images import service as pictures
from backend.summary import queries
from backend.summary.schemas import Example, Summary

EXAMPLES = 6


async def summary(services: Services, conn: AsyncConnection) -> Summary:
    """What can be found, counted when something has changed; the default version as it is now."""
    known = await services.summary.get(conn, lambda: _count(conn))
    return known.model_copy(update={"default_version": await queries.default_version(conn)})


async def _count(conn: AsyncConnection) -> Summary:
    """Counts, and a picture of each of the most common species."""
    # More species than needed, as the licence may keep all pictures of one from being shown.
    rows = await queries.pictures_of_common_species(conn, species=4 * EXAMPLES, each=4)
    examples: dict[str, Example] = {}
    for row in rows:
        if row["species"] not in examples and pictures.may_show(row):
            examples[row["species"]] = Example(label=row["species"], image=pictures.describe(row))
    counts = await queries.counts(conn)
    shown = list(examples.values())[:EXAMPLES]
    return Summary(**counts, default_version=None, examples=shown)

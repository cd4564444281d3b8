"""Counts and example pictures."""

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.images import service as pictures
from backend.summary import queries
from backend.summary.schemas import Example, Summary

EXAMPLES = 6


async def summary(conn: AsyncConnection) -> Summary:
    """What can be found, and a picture of each of the most common species."""
    # More species than needed, as the licence may keep all pictures of one from being shown.
    rows = await queries.pictures_of_common_species(conn, species=4 * EXAMPLES, each=4)
    examples: dict[str, Example] = {}
    for row in rows:
        if row["species"] not in examples and pictures.may_show(row):
            examples[row["species"]] = Example(label=row["species"], image=pictures.describe(row))
    counts = await queries.counts(conn)
    return Summary(**counts, examples=list(examples.values())[:EXAMPLES])

"""What the museum lacks for naming a photo, in sentences: an index shows only what it holds."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.identify import queries
from backend.identify.evidence import Space
from backend.identify.schemas import IdentifyOptions, Rung
from core.db.tables import RANKS

FEW = 3
"""Pictures of a species below which it is said how few there are."""


async def sentences(
    conn: AsyncConnection,
    space: Space,
    asked: IdentifyOptions,
    rungs: Sequence[Rung],
    kilometres: float,
) -> list[str]:
    """About the deepest genus or family on the ladder, its species, and the place given."""
    taxa = space.taxa
    said = []
    for rank in ("genus", "family"):
        index = RANKS.index(rank)
        rung = rungs[index]
        if rung.taxon is None:
            continue
        inside = taxa.codes[index] == taxa.names[index].index(rung.taxon)
        species = [
            each.names[-1]
            for each, mine in zip(taxa.lineages, inside, strict=True)
            if mine and each.names[-1]
        ]
        pictured = await queries.pictured_species(conn, space.version, species)
        missing = [name for name in species if name not in pictured]
        if missing:
            said.append(
                f"{len(missing)} of the {len(species)} species of {rung.taxon} that the museum"
                f" names have no picture in this version, {missing[0]} among them."
            )
        if asked.latitude is not None and asked.longitude is not None:
            place = (asked.latitude, asked.longitude)
            near = await queries.occurrences(
                conn, species, place=place, month=None, kilometres=kilometres
            )
            if not any(count for count, _ in near.values()):
                said.append(
                    f"The museum has no record of {rung.taxon} within {kilometres:.0f} km of the"
                    " place given."
                )
        last = rungs[-1].taxon
        if last is not None and (few := pictured.get(last, FEW)) < FEW:
            what = "is only one picture" if few == 1 else f"are only {few} pictures"
            said.append(f"There {what} of {last} in this version.")
        break
    return said

"""What the museum lacks for naming a photo, in sentences: an index shows only what it holds."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.identify import queries
from backend.identify.evidence import Space
from backend.identify.schemas import IdentifyOptions
from core.db.tables import RANKS
from core.identification.ladder import Step

GENUS, FAMILY = RANKS.index("genus"), RANKS.index("family")
FEW = 3
"""Pictures of a species below which it is said how few there are."""


async def sentences(
    conn: AsyncConnection,
    space: Space,
    asked: IdentifyOptions,
    steps: Sequence[Step],
    kilometres: float,
) -> list[str]:
    """About the genus on the ladder, or else the family: its species, and the place given."""
    group = next((s for s in (steps[GENUS], steps[FAMILY]) if s.code is not None), None)
    if group is None or group.code is None:
        return []
    taxon = space.taxa.names[group.rank][group.code]
    codes = space.taxa.codes[group.rank] == group.code
    inside = [space.taxa.lineages[index] for index in codes.nonzero()[0]]
    species = [name for each in inside if (name := each.names[-1])]
    pictured = await queries.pictured_species(conn, space.version, species)
    said = _unpictured(taxon, species, pictured)
    if asked.latitude is not None and asked.longitude is not None:
        place = (asked.latitude, asked.longitude)
        near = await queries.occurrences(
            conn, species, place=place, month=None, kilometres=kilometres
        )
        if not any(count for count, _ in near.values()):
            said.append(
                f"The museum has no record of {taxon} within {kilometres:.0f} km of the"
                " place given."
            )
    last = steps[-1].code
    return said + _few(None if last is None else space.taxa.names[-1][last], pictured)


def _unpictured(taxon: str, species: Sequence[str], pictured: Mapping[str, int]) -> list[str]:
    missing = [name for name in species if name not in pictured]
    if not missing:
        return []
    return [
        f"{len(missing)} of the {len(species)} species of {taxon} that the museum names have no"
        f" picture in this version, {missing[0]} among them."
    ]


def _few(species: str | None, pictured: Mapping[str, int]) -> list[str]:
    count = pictured.get(species or "", FEW)
    if count >= FEW:
        return []
    what = "is only one picture" if count == 1 else f"are only {count} pictures"
    return [f"There {what} of {species} in this version."]

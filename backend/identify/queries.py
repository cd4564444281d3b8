"""SQL that naming a photo needs: the museum's taxa, whose pictures are near, where taxa occur."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.partitions import partition_name
from core.db.statements import STAMP
from core.db.tables import RANKS
from core.identification.taxa import Lineage, Names
from core.identification.votes import Neighbour
from core.vectors import Hit
from core.versions import Version

_RANKS = [f'"{rank}"' for rank in RANKS]
# A name that a checklist takes for a synonym counts as the name it accepts.
_ACCEPTED = (
    " LEFT JOIN taxon t ON (t.checklist_key, t.taxon_key) = (r.checklist_key, r.taxon_key)"
    " LEFT JOIN taxon a ON (a.checklist_key, a.taxon_key) ="
    " (t.checklist_key, t.accepted_taxon_key) AND a.species IS NOT NULL"
)
_NAMES = ", ".join(
    f"CASE WHEN a.taxon_key IS NULL THEN r.{rank} ELSE a.{rank} END AS {rank}" for rank in _RANKS
)
_SPECIMEN = "coalesce(r.specimen_id, r.id)"
_SHOWN = "FROM record_image ri JOIN record r ON r.id = ri.record_id"


def _names(row: Row[Any] | RowMapping) -> Names:
    values = row if isinstance(row, Mapping) else row._mapping
    return tuple(values[rank] or None for rank in RANKS)


async def stamp(conn: AsyncConnection) -> str:
    """Changes when records have come, changed or gone."""
    found = await conn.scalar(text(STAMP), {"name": "record"})
    return str(found)


async def lineages(conn: AsyncConnection) -> list[Lineage]:
    """Every distinct classification of the museum's records with the usual common name."""
    statement = text(
        f"SELECT {', '.join(_RANKS)}, mode() WITHIN GROUP (ORDER BY common) AS common FROM ("
        f"SELECT {_NAMES}, coalesce(nullif(r.vernacular_name, ''), a.common_names[1],"
        " t.common_names[1]) AS common"
        f" FROM record r{_ACCEPTED} WHERE r.withdrawn_at IS NULL) AS named"
        f" GROUP BY {', '.join(_RANKS)} ORDER BY {', '.join(_RANKS)}"
    )
    rows = (await conn.execute(statement)).mappings()
    return [Lineage(_names(row), row["common"]) for row in rows]


async def neighbours(conn: AsyncConnection, hits: Sequence[Hit]) -> list[Neighbour]:
    """Who is on the pictures found, in their order; without those of withdrawn or no records."""
    statement = text(
        f"SELECT DISTINCT ON (ri.image_id) ri.image_id, {_SPECIMEN} AS specimen, i.phash, {_NAMES}"
        f" {_SHOWN} JOIN image i ON i.id = ri.image_id{_ACCEPTED}"
        " WHERE ri.image_id = ANY(:ids) AND r.withdrawn_at IS NULL"
        " ORDER BY ri.image_id, r.specimen_id IS NOT NULL, r.id"
    )
    rows = await conn.execute(statement, {"ids": [hit.image_id for hit in hits]})
    known = {row.image_id: row for row in rows}
    return [
        Neighbour(hit.image_id, hit.score, row.specimen, _names(row), row.phash)
        for hit in hits
        if (row := known.get(hit.image_id)) is not None
    ]


async def specimens(conn: AsyncConnection, image_id: UUID) -> list[Row[Any]]:
    """Specimens on an image and its difference hash: rows (specimen, phash); empty: no record."""
    statement = text(
        f"SELECT DISTINCT {_SPECIMEN} AS specimen, i.phash {_SHOWN}"
        " JOIN image i ON i.id = ri.image_id"
        " WHERE ri.image_id = :id AND r.withdrawn_at IS NULL"
    )
    return list(await conn.execute(statement, {"id": image_id}))


async def images_of(conn: AsyncConnection, version: Version, record_id: UUID) -> list[UUID]:
    """Images of a record that have a vector in `version`, in their order of display."""
    statement = text(
        f"SELECT ri.image_id FROM record_image ri JOIN record r ON r.id = ri.record_id"
        f" JOIN {partition_name(version.id)} e ON e.image_id = ri.image_id"
        " WHERE r.id = :id AND r.withdrawn_at IS NULL ORDER BY ri.position, ri.image_id"
    )
    return list((await conn.scalars(statement, {"id": record_id})).all())


async def embedded(conn: AsyncConnection, version: Version) -> int:
    """Vectors of a version, roughly."""
    found = await conn.scalar(
        text("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(:name)"),
        {"name": partition_name(version.id)},
    )
    return max(0, int(found or 0))


async def trial_photos(conn: AsyncConnection, version: Version, most: int) -> list[Row[Any]]:
    """A fixed draw of pictures of named specimens, one each: rows (image_id, specimen, ranks…)."""
    drawn = (
        f"SELECT DISTINCT ON ({_SPECIMEN}) e.image_id, {_SPECIMEN} AS specimen, {_NAMES},"
        " md5(e.image_id::text) AS drawn"
        f" FROM {partition_name(version.id)} e"
        " JOIN image i ON i.id = e.image_id AND i.state = 'ok'"
        " JOIN record_image ri ON ri.image_id = e.image_id JOIN record r ON r.id = ri.record_id"
        f"{_ACCEPTED} WHERE r.withdrawn_at IS NULL AND r.species IS NOT NULL"
        " AND coalesce(i.view, '') <> 'label'"
        f" ORDER BY {_SPECIMEN}, md5(e.image_id::text)"
    )
    statement = text(f"SELECT * FROM ({drawn}) AS one_each ORDER BY drawn LIMIT :most")
    return list(await conn.execute(statement, {"most": most}))


async def pictured_species(
    conn: AsyncConnection, version: Version, species: Sequence[str | None]
) -> dict[str, int]:
    """Pictures with a vector in `version` by species, of those of `species` that have any."""
    statement = text(
        "SELECT r.species, count(DISTINCT e.image_id) AS images FROM record r"
        " JOIN record_image ri ON ri.record_id = r.id"
        f" JOIN {partition_name(version.id)} e ON e.image_id = ri.image_id"
        " WHERE r.withdrawn_at IS NULL AND r.species = ANY(:species) GROUP BY r.species"
    )
    rows = await conn.execute(statement, {"species": [name for name in species if name]})
    return {row.species: int(row.images) for row in rows}


async def occurrences(
    conn: AsyncConnection,
    species: Sequence[str],
    *,
    place: tuple[float, float] | None,
    month: int | None,
    kilometres: float,
) -> dict[str, tuple[int, int]]:
    """Records of each species near `place` (latitude, longitude) and in the season of `month`.

    Distances on a sphere (haversine); a season is the month and its two neighbours, and holds only
    dates that are surely of one month.
    """
    if not species or (place is None and month is None):
        return {}
    latitude, longitude = place or (None, None)
    statement = text(
        "SELECT species, count(*) FILTER (WHERE km <= :km) AS near,"
        " count(*) FILTER (WHERE month = ANY(:months)) AS season FROM ("
        " SELECT r.species, 12742 * asin(sqrt(least(1,"
        " power(sin(radians(r.decimal_latitude - CAST(:lat AS float8)) / 2), 2)"
        " + cos(radians(CAST(:lat AS float8))) * cos(radians(r.decimal_latitude))"
        " * power(sin(radians(r.decimal_longitude - CAST(:lon AS float8)) / 2), 2)))) AS km,"
        " CASE WHEN date_trunc('month', r.event_start) = date_trunc('month', r.event_end)"
        " THEN extract(month FROM r.event_start)::int END AS month"
        " FROM record r WHERE r.withdrawn_at IS NULL AND r.species = ANY(:species)"
        ") AS found GROUP BY species"
    )
    months = [] if month is None else [(month + step - 1) % 12 + 1 for step in (-1, 0, 1)]
    values = {"km": kilometres, "months": months, "lat": latitude, "lon": longitude}
    rows = await conn.execute(statement, values | {"species": list(species)})
    counts: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    counts.update({row.species: (int(row.near), int(row.season)) for row in rows})
    return counts

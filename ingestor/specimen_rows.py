"""Stores what is shown of a specimen: its record, its images, and what is linked for them."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import facts
from core.db.partitions import partition_name
from core.db.tables import embed_version
from ingestor.specimens import Candidate, shown

_Row = Row[Any]
Links = Mapping[UUID, Sequence[_Row]]
"""Rows of `record_image` with what is known of the image, by record."""

_HAD = {"ok": 0, "gone": 2, "blocked": 2, "invalid": 2}
"""Order of images by state; what may still be had lies between."""
COMPARED = (
    "occurrence_id", "institution_code", "collection_code", "catalog_number", "basis_of_record",
    "family", "species",
)  # fmt: skip
"""Columns of a record that tell which specimen it is of."""
_POINT = text(
    "UPDATE record SET specimen_id = given.shown FROM json_to_recordset(CAST(:rows AS json))"
    " AS given(id uuid, shown uuid) WHERE record.id = given.id"
    " AND specimen_id IS DISTINCT FROM given.shown RETURNING record.id"
)
_FOLD = text(
    "UPDATE image SET same_as = given.shown FROM json_to_recordset(CAST(:rows AS json))"
    " AS given(id uuid, shown uuid) WHERE image.id = given.id"
    " AND same_as IS DISTINCT FROM given.shown RETURNING image.id"
)
_UNLINK = text(
    "DELETE FROM record_image USING json_to_recordset(CAST(:rows AS json))"
    " AS given(record_id uuid, image_id uuid) WHERE merged"
    " AND record_image.record_id = given.record_id AND record_image.image_id = given.image_id"
)
_LINK = text(
    "INSERT INTO record_image (record_id, image_id, position, merged)"
    " SELECT record_id, image_id, position, true FROM json_to_recordset(CAST(:rows AS json))"
    " AS given(record_id uuid, image_id uuid, position int)"
    " ON CONFLICT (record_id, image_id) DO UPDATE SET position = excluded.position"
)


async def apply(
    connection: AsyncConnection,
    found: Mapping[UUID, _Row],
    links: Links,
) -> int:
    """Store which records and images are shown, and what is linked for it."""
    candidates = [_candidate(row, links[row.id]) for row in found.values() if row.current]
    shown_for = shown(candidates)
    specimens: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for each in sorted(candidates, key=lambda each: each.preference):
        specimens[shown_for[each.id]].append(each.id)
    folded: dict[UUID, UUID | None] = {
        link.image_id: None for rows in links.values() for link in rows if not link.merged
    }
    wanted: dict[tuple[UUID, UUID], int] = {}
    for members in specimens.values():
        if len(members) > 1:
            folded |= _same(members, links)
            wanted |= _added(members, links, folded)
    old = {(m.record_id, m.image_id) for rows in links.values() for m in rows if m.merged}
    concerned = {image_id for _, image_id in old ^ wanted.keys()}
    refolded = await _store(connection, _FOLD, folded)
    await _forget_vectors(connection, [own for own in refolded if folded[own] is not None])
    concerned |= refolded
    point: dict[UUID, UUID | None] = {own: shown_for.get(own) for own in found}
    moved = await _store(connection, _POINT, {k: v if v != k else None for k, v in point.items()})
    concerned |= {link.image_id for own in moved for link in links[own]}
    await _relink(connection, old - wanted.keys(), wanted)
    await facts.refresh(connection, sorted(concerned))
    return len(moved)


def _candidate(row: _Row, links: Sequence[_Row]) -> Candidate:
    words = {name: getattr(row, name) for name in COMPARED}
    pictures = frozenset(link.sha256 for link in links if link.sha256 and not link.merged)
    return Candidate(row.id, row.source, row.dataset_id, **words, pictures=pictures)


def _same(members: Sequence[UUID], links: Links) -> dict[UUID, UUID | None]:
    """Of a specimen's images that are one: what is shown instead of each of the others.

    They have the same bytes, or are the same link in whatever size a portal offers it. One that we
    have is shown before one that we lack, and that before one that cannot be had; one that shows
    other records too stays.
    """
    published = [link for own in members for link in links[own] if not link.merged]
    first: dict[str, UUID] = {}
    folded: dict[UUID, UUID | None] = {}
    for link in sorted(published, key=lambda link: _HAD.get(link.state, 1)):
        marks = [mark for mark in (link.sha256, _address(link.identifier)) if mark]
        instead = next((first[mark] for mark in marks if mark in first), link.image_id)
        if link.owners > 1:
            instead = link.image_id
        first = dict.fromkeys(marks, instead) | first
        if instead != link.image_id:
            folded[link.image_id] = instead
    return folded


def _address(identifier: str) -> str | None:
    """Return a web address as it compares; paths mean something else in every source."""
    scheme, colon, rest = identifier.partition("://")
    return rest if colon and scheme.lower() in ("http", "https") else None


def _added(
    members: Sequence[UUID],
    links: Links,
    folded: Mapping[UUID, UUID | None],
) -> dict[tuple[UUID, UUID], int]:
    """Links (record, image) from each record to the images of the others, with their positions."""
    published = {own: [m for m in links[own] if not m.merged] for own in members}
    images = list(dict.fromkeys(link.image_id for own in members for link in published[own]))
    shown_images = [each for each in images if folded.get(each) is None]
    added: dict[tuple[UUID, UUID], int] = {}
    for own in members:
        has = {link.image_id for link in published[own]}
        after = 1 + max((link.position for link in published[own]), default=-1)
        others = [each for each in shown_images if each not in has]
        added |= {(own, each): position for position, each in enumerate(others, after)}
    return added


async def _forget_vectors(connection: AsyncConnection, images: Sequence[UUID]) -> None:
    """Remove from every version what is not shown any more; embedding makes it again if need be."""
    if not images:
        return
    given = {"images": list(images)}
    searched = select(embed_version.c.id).where(embed_version.c.state != "retired")
    for version_id in (await connection.scalars(searched)).all():
        for table in (partition_name(version_id), "projection"):
            await connection.execute(
                text(
                    f"DELETE FROM {table} WHERE version_id = {int(version_id)}"
                    " AND image_id = ANY(:images)"
                ),
                given,
            )


async def _store(
    connection: AsyncConnection, statement: TextClause, shown_for: Mapping[UUID, UUID | None]
) -> set[UUID]:
    """Run _POINT or _FOLD; returns what changed."""
    rows = [{"id": own, "shown": other} for own, other in sorted(shown_for.items())]
    payload = json.dumps(rows, default=str)
    return set(await connection.scalars(statement, {"rows": payload}))


async def _relink(
    connection: AsyncConnection,
    gone: Iterable[tuple[UUID, UUID]],
    wanted: Mapping[tuple[UUID, UUID], int],
) -> None:
    old = [{"record_id": own, "image_id": other} for own, other in sorted(gone)]
    rows = [
        {"record_id": own, "image_id": other, "position": position}
        for (own, other), position in sorted(wanted.items())
    ]
    await connection.execute(_UNLINK, {"rows": json.dumps(old, default=str)})
    await connection.execute(_LINK, {"rows": json.dumps(rows, default=str)})

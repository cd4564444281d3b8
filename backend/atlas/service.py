"""The atlas of a version, from its chart."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import filters
from backend.atlas import queries, schemas
from backend.atlas.schemas import Colouring, Colours, Legend, MaskParams, Passing, Point, Position
from backend.deps import Services
from backend.facets import queries as facet_queries
from backend.facets.labels import label
from backend.images import service as pictures
from backend.records import service as records
from backend.search import queries as search_queries
from backend.versions import service as version_service
from core import facets
from core.atlas.chart import Chart
from core.atlas.picture import png
from core.census import Kind
from core.db import atlas
from core.versions import Version

COLOURS = 8
"""As many as people tell apart, besides the one of all others."""
DECADES = 30
"""Shades of one scale can be more."""
DENSITY = (480, 360)


async def drawn(
    services: Services, conn: AsyncConnection, name: str | None
) -> tuple[Version, Chart]:
    """The version meant and its chart; NotFound where it has none."""
    version = await version_service.searchable(conn, name)
    return version, await services.charts.get(conn, version, services.counting)


async def describe(services: Services, conn: AsyncConnection, name: str) -> schemas.Atlas:
    """How the map of a version was made."""
    version, chart = await drawn(services, conn, name)
    made = chart.atlas
    return schemas.Atlas(
        embed_version=version_service.ref(version),
        method=made.method,
        params=made.params,
        fitted=made.fitted,
        placed=made.placed,
        waiting=await atlas.waiting(conn, version.id),
        size=chart.size,
        revision=revision(chart),
        bounds=made.bounds,
        fitted_at=made.fitted_at,
        updated_at=made.updated_at,
    )


def revision(chart: Chart) -> str:
    """Names the points of a chart."""
    return f"{chart.atlas.version_id}-{chart.atlas.updated_at.timestamp():.3f}-{chart.size}"


def points(chart: Chart) -> bytes:
    """x of every number, then y of every number, as little-endian uint16."""
    return chart.steps.astype("<u2").tobytes()


def density(chart: Chart) -> bytes:
    """A PNG of how many images lie where."""
    return png(chart.density(*DENSITY))


async def colours(conn: AsyncConnection, chart: Chart, by: Colouring) -> Colours:
    """What each point is coloured by."""
    titles = await facet_queries.titles(conn) if by == "dataset" else {}
    return await asyncio.to_thread(_colours, chart, by, titles)


def _colours(chart: Chart, by: Colouring, titles: dict[str, str]) -> Colours:
    kind = chart.census.kind(by)
    values = _commonest(kind, chart, DECADES if by == "decade" else COLOURS)
    if by == "decade":
        values = np.array(sorted(values, key=lambda code: kind.values[int(code)]), np.int64)
    codes = chart.colours(kind, values, len(values))
    counts = np.bincount(codes[chart.shown], minlength=len(values) + 2).tolist()
    legend = [
        Legend(
            value=facets.filter_of(by, kind.values[code])[1],
            label=label(by, kind.values[code], titles),
            count=count,
        )
        for code, count in zip(values.tolist(), counts, strict=False)
    ]
    return Colours(
        by=by,
        key=facets.filter_of(by, "0")[0],
        revision=revision(chart),
        values=legend,
        others=counts[len(values)],
        missing=counts[len(values) + 1],
        codes=packed(codes.tobytes()),
    )


def _commonest(kind: Kind, chart: Chart, most: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    counts = kind.counts(np.ones(len(chart.census), np.bool_))
    order = np.argsort(-counts, kind="stable")[:most]
    return order[counts[order] > 0].astype(np.int64)


async def passing(
    services: Services, conn: AsyncConnection, version: Version, chart: Chart, asked: MaskParams
) -> Passing:
    """Which points pass filters."""
    census, mask = await services.counting.passing(conn, version, filters.decode(asked))
    if census is not chart.census:  # images came in between
        chart = await services.charts.get(conn, version, services.counting)
    found = chart.passing(mask)
    bits = np.packbits(found, bitorder="little")
    return Passing(
        revision=revision(chart), count=int(np.count_nonzero(found)), mask=packed(bits.tobytes())
    )


async def numbered(conn: AsyncConnection, version: Version, numbers: Sequence[int]) -> list[Point]:
    """What the points of these numbers show."""
    rows = {row.number: row for row in await queries.numbered(conn, version.id, numbers)}
    wanted = [rows[number] for number in dict.fromkeys(numbers) if number in rows]
    shown = await search_queries.found(conn, [row.image_id for row in wanted])
    return [_point(row, shown[row.image_id]) for row in wanted if row.image_id in shown]


def _point(row: Any, found: search_queries.Found) -> Point:
    return Point(
        number=row.number,
        x=row.x,
        y=row.y,
        image=pictures.describe(found.image),
        record=records.summary(found.records[0]) if found.records else None,
    )


async def positions(
    conn: AsyncConnection, version: Version, image_ids: Sequence[UUID]
) -> list[Position]:
    """Where these images lie."""
    rows = {row.image_id: row for row in await queries.of_images(conn, version.id, image_ids)}
    return [
        Position(image_id=row.image_id, number=row.number, x=row.x, y=row.y)
        for row in (rows[each] for each in dict.fromkeys(image_ids) if each in rows)
    ]


def packed(data: bytes) -> str:
    """Bytes as JSON carries them: base64."""
    return base64.b64encode(data).decode()

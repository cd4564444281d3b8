"""Facets under the filters of a request."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import TypeVar
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import filters
from backend.deps import Services
from backend.facets import queries
from backend.facets.labels import label
from backend.facets.schemas import (
    Counted,
    Facet,
    FacetParams,
    Facets,
    FacetValue,
    Map,
    MapCell,
    MapParams,
    Timeline,
    YearCount,
)
from backend.versions import service as version_service
from core import facets, filter_text, spread, words
from core.census import Census, Mask
from core.errors import BadRequest
from core.filters import Choice, Filters
from core.versions import Version

T = TypeVar("T")


async def asked(
    services: Services, conn: AsyncConnection, params: Counted
) -> tuple[Version, Filters, facets.Passing]:
    """The version and filters meant, and how to find what passes filters in that version."""
    conditions = filters.decode(params)
    version = await version_service.searchable(conn, params.embed_version)

    async def passing(others: Filters) -> tuple[Census, Mask]:
        return await services.counting.passing(conn, version, others)

    return version, conditions, passing


async def count(services: Services, conn: AsyncConnection, params: FacetParams) -> Facets:
    """The facets asked for."""
    version, conditions, passing = await asked(services, conn, params)
    names: list[str] = list(dict.fromkeys(params.facet)) or list(facets.USUAL)
    titles = await queries.titles(conn) if "dataset" in names else {}
    typed = words.words(params.prefix)

    def fits(name: str, value: str) -> bool:
        return not typed or words.begins(label(name, value, titles), typed)

    counted = [
        await facets.count(name, conditions, passing, params.limit, partial(fits, name))
        for name in names
    ]
    _, among = await passing(conditions)
    return Facets(
        embed_version=version_service.ref(version),
        total=int(np.count_nonzero(among)),
        facets=[_shown(each, titles) for each in counted],
    )


async def timeline(services: Services, conn: AsyncConnection, params: Counted) -> Timeline:
    """Images by year and month; what is chosen of either is left out while it is counted."""
    version, conditions, passing = await asked(services, conn, params)
    census, among = await passing(conditions)
    _, any_year = await passing(replace(conditions, date=_excludes(conditions.date)))
    _, any_month = await passing(replace(conditions, month=_excludes(conditions.month)))
    years = await asyncio.to_thread(spread.years, census, any_year)
    months = await asyncio.to_thread(spread.months, census, any_month)
    return Timeline(
        embed_version=version_service.ref(version),
        total=int(np.count_nonzero(among)),
        years=[YearCount(year=year, count=n) for year, n in years.counts.items()],
        spanning_years=years.spanning,
        undated=years.undated,
        months=months.counts,
        spanning_months=months.spanning,
    )


def _excludes(choice: Choice[T]) -> Choice[T]:
    return Choice((), choice.exclude)


async def places(services: Services, conn: AsyncConnection, params: MapParams) -> Map:
    """Images by place."""
    version, conditions, passing = await asked(services, conn, params)
    window = filter_text.read({"bbox": [params.window]}).bbox.include
    if not window:
        raise BadRequest("The window of a map is west,south,east,north in degrees")
    census, among = await passing(conditions)
    cells = await asyncio.to_thread(spread.cells, census, among, window[0], params.cells)
    return Map(
        embed_version=version_service.ref(version),
        total=int(np.count_nonzero(among)),
        with_coordinates=int(np.count_nonzero(spread.located(census, among))),
        cells=[
            MapCell(
                **vars(each.box),
                longitude=each.longitude,
                latitude=each.latitude,
                count=each.count,
                image_id=UUID(bytes=each.image),
            )
            for each in cells
        ],
    )


def _shown(facet: facets.Facet, titles: dict[str, str]) -> Facet:
    return Facet.model_validate(
        {
            "name": facet.name,
            "key": facets.filter_of(facet.name, "0")[0],
            "values": [
                FacetValue(
                    value=facets.filter_of(facet.name, each.value)[1],
                    label=label(facet.name, each.value, titles),
                    count=each.count,
                    state=each.state,
                )
                for each in facet.values
            ],
            "missing": facet.missing,
            "missing_state": facet.missing_state,
            "more": facet.more,
        }
    )

"""Facets under the filters of a request."""

from functools import partial

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import filters
from backend.deps import Services
from backend.facets import queries
from backend.facets.labels import label
from backend.facets.schemas import Counted, Facet, FacetParams, Facets, FacetValue
from backend.versions import service as version_service
from core import facets, words
from core.census import Census, Mask
from core.filters import Filters
from core.versions import Version


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

"""A page of the images that pass filters."""

from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.browse.schemas import Browsed, BrowseParams, BrowseResponse
from backend.deps import Services
from backend.facets.service import asked
from backend.images import service as pictures
from backend.records import service as records
from backend.search.queries import Found, found
from backend.versions import service as version_service


async def page(services: Services, conn: AsyncConnection, params: BrowseParams) -> BrowseResponse:
    """The images after `cursor`. By id, so that what is added between pages shifts nothing."""
    version, conditions, passing = await asked(services, conn, params)
    census, among = await passing(conditions)
    if params.image:
        among = among & census.among(b"".join(each.bytes for each in params.image))
    after = np.void(params.cursor.bytes) if params.cursor else None
    at = 0 if after is None else int(np.searchsorted(census.ids, after, side="right"))
    rows = np.flatnonzero(among[at:])[: params.limit + 1] + at
    ids = [UUID(bytes=census.ids[row].tobytes()) for row in rows]
    shown, more = ids[: params.limit], len(ids) > params.limit
    by_id = await found(conn, shown)
    return BrowseResponse(
        embed_version=version_service.ref(version),
        total=int(np.count_nonzero(among)),
        hits=[_browsed(by_id[image]) for image in shown if image in by_id],
        next_cursor=shown[-1] if more else None,
    )


def _browsed(rows: Found) -> Browsed:
    return Browsed(
        image=pictures.describe(rows.image),
        record=records.summary(rows.records[0]) if rows.records else None,
        also_in=[row["record_id"] for row in rows.records[1:]],
    )

"""A query in one embed version: its vector, the nearest images, and what they show."""

import asyncio
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from backend import filters
from backend.deps import Services
from backend.images import service as pictures
from backend.records import service as records
from backend.search import queries
from backend.search.schemas import (
    Hit,
    Milliseconds,
    QueryEcho,
    SearchRequest,
    SearchResponse,
)
from backend.timing import Timing
from backend.uploads import service as uploads
from backend.versions import service as version_service
from core import images, vectors, versions
from core.errors import BadRequest, VersionNotReady, WrongSpace
from core.filters import Filters
from core.planner import Modality
from core.vectors import QueryVector
from core.versions import Version


@dataclass(frozen=True)
class Ranked:
    """One image found: its cosine and its rows."""

    score: float
    rows: queries.Found


@dataclass(frozen=True)
class Outcome:
    """What a search found, before it takes the shape of a response."""

    version: Version
    ranked: list[Ranked]
    nearest: vectors.Nearest
    filters: Filters


async def search(
    services: Services, asked: SearchRequest, file: bytes | None, timing: Timing
) -> Outcome:
    """Find the images nearest to `asked`, and to the picture in `file` where one is given."""
    if not (asked.q or asked.image or asked.like or asked.vector or file):
        raise BadRequest("Say what to look for: words (q), a picture (image) or like=<image id>")
    conditions = filters.decode(asked)
    async with services.reading() as conn:
        version = await versions.get(conn, asked.embed_version)
        if version.state != "ready":
            raise VersionNotReady(_why_not(version))
        stored = await _stored(conn, version, asked)
        if asked.image:
            file = (await uploads.get(conn, asked.image))["content"]
    # No connection is held while the model works.
    query = await _query(services, version, asked, file, stored, timing)
    async with services.reading() as conn:
        return await _nearest(services, conn, version, query, asked, conditions, timing)


def _why_not(version: Version) -> str:
    if version.state == "retired":
        return f"Embed version {version.embed_version!r} is retired; choose another"
    return (
        f"Embed version {version.embed_version!r} is still being built;"
        " it can be searched when bin/ingest_embed has finished"
    )


async def _stored(
    conn: AsyncConnection, version: Version, asked: SearchRequest
) -> list[QueryVector]:
    """The parts of the query that are vectors already."""
    stored = []
    if asked.like:
        stored.append(await vectors.stored_vector(conn, version, asked.like))
    if asked.vector is not None:
        if asked.vector_version is None:
            raise BadRequest("A vector needs vector_version: the embed version it was made with")
        space = await versions.get(conn, asked.vector_version)
        stored.append(_given(space, asked.vector))
    elif asked.vector_version:
        raise BadRequest("vector_version is given without a vector")
    return stored


def _given(space: Version, values: list[float]) -> QueryVector:
    if len(values) != space.dim:
        raise WrongSpace(
            f"The vector has {len(values)} values; {space.embed_version!r} has {space.dim}"
        )
    return vectors.unit(space.id, values)


async def _query(
    services: Services,
    version: Version,
    asked: SearchRequest,
    file: bytes | None,
    stored: list[QueryVector],
    timing: Timing,
) -> QueryVector:
    """One vector of all parts: words weigh 1 - image_weight, pictures share the rest."""
    seen = list(stored)
    if file:
        with timing.stage("decode"):
            image = await asyncio.to_thread(
                images.decode,
                file,
                max_pixels=services.settings.max_image_pixels,
                max_bytes=services.settings.max_upload_bytes,
            )
        with timing.stage("encode"):
            seen.append(await services.encoders.encode_image(version, image))
    share = asked.image_weight if asked.q else 1.0
    parts = [(vector, share / len(seen)) for vector in seen]
    if asked.q:
        with timing.stage("encode"):
            words = (await services.encoders.encode_texts(version, [asked.q]))[0]
        parts.append((words, 1 - share if seen else 1.0))
    return parts[0][0] if len(parts) == 1 else vectors.combine(parts)


async def _nearest(
    services: Services,
    conn: AsyncConnection,
    version: Version,
    query: QueryVector,
    asked: SearchRequest,
    conditions: Filters,
    timing: Timing,
) -> Outcome:
    """The nearest that may be shown: images of withdrawn records are passed over."""
    k = limit = asked.limit
    # Words, and vectors of unknown making, lie away from the pictures.
    pictures_only = asked.vector is None and (not asked.q or asked.image_weight == 1)
    modality: Modality = "image" if pictures_only else "text"
    while True:
        with timing.stage("search"):
            nearest = await vectors.nearest(
                conn,
                version,
                query,
                k,
                conditions,
                modality=modality,
                memory=services.memory,
            )
        with timing.stage("rows"):
            shown = await queries.found(conn, [hit.image_id for hit in nearest.hits])
        ranked = [Ranked(h.score, shown[h.image_id]) for h in nearest.hits if h.image_id in shown]
        if len(ranked) >= limit or len(nearest.hits) < k:
            return Outcome(version, ranked[:limit], nearest, conditions)
        k *= 4


def response(asked: SearchRequest, outcome: Outcome, timing: Timing) -> SearchResponse:
    """An outcome as the API shows it."""
    return SearchResponse(
        query=QueryEcho(
            **asked.model_dump(include=set(QueryEcho.model_fields)),
            filters=filters.encode(outcome.filters),
        ),
        embed_version=version_service.ref(outcome.version),
        total=outcome.nearest.rows,
        hits=[_hit(rank, ranked) for rank, ranked in enumerate(outcome.ranked, start=1)],
        path=outcome.nearest.path,
        compared=outcome.nearest.compared,
        expected_recall=outcome.nearest.recall,
        timing_ms=Milliseconds(
            **{name: timing.ms(name) for name in ("decode", "encode", "search", "rows")},
            total=timing.total_ms(),
        ),
    )


def _hit(rank: int, ranked: Ranked) -> Hit:
    shown = ranked.rows.records
    return Hit(
        rank=rank,
        score=ranked.score,
        image=pictures.describe(ranked.rows.image),
        record=records.summary(shown[0]) if shown else None,
        also_in=[row["record_id"] for row in shown[1:]],
    )

"""A query in one embed version: its vector, the nearest images, and what they show."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from backend import filters
from backend.deps import Services
from backend.images import service as pictures
from backend.records import service as records
from backend.search import parts, queries
from backend.search.parts import Parts
from backend.search.schemas import (
    Hit,
    Milliseconds,
    QueryEcho,
    SearchRequest,
    SearchResponse,
)
from backend.timing import Timing
from backend.versions import service as version_service
from core import vectors, versions
from core.errors import BadRequest, VersionNotReady
from core.filters import Filters
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
    if not parts.is_asked(asked, file):
        raise BadRequest(
            "Say what to look for: words (q), a picture (image), like=<image id>"
            " or like_record=<record id>"
        )
    conditions = filters.decode(asked)
    async with services.reading() as conn:
        version = await versions.get(conn, asked.embed_version)
        if version.state != "ready":
            raise VersionNotReady(_why_not(version))
        known = await parts.stored(conn, version, asked)
        files = await parts.files(conn, asked, file)
    # No connection is held while the model works.
    more = await parts.decoded(services, files.more, timing)
    less = await parts.decoded(services, files.less, timing)
    made = known
    if asked.q or asked.less or more or less:
        with timing.stage("encode"):
            made = await parts.encoded(services, version, asked, known, more, less)
    async with services.reading() as conn:
        return await _nearest(services, conn, version, made, asked, conditions, timing)


def _why_not(version: Version) -> str:
    if version.state == "retired":
        return f"Embed version {version.embed_version!r} is retired; choose another"
    return (
        f"Embed version {version.embed_version!r} is still being built;"
        " it can be searched when bin/ingest_embed has finished"
    )


async def _nearest(
    services: Services,
    conn: AsyncConnection,
    version: Version,
    made: Parts,
    asked: SearchRequest,
    conditions: Filters,
    timing: Timing,
) -> Outcome:
    """The nearest that may be shown: images of withdrawn records are passed over."""
    k = limit = asked.limit
    query, modality = made.query(asked), parts.modality(asked, made)
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

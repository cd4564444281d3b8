"""One query put to several versions, and how much their answers agree."""

import hashlib
import json
from collections.abc import Sequence
from itertools import combinations
from typing import Any
from uuid import UUID

from backend.compare.schemas import (
    DEPTH,
    Agreement,
    Column,
    CompareParams,
    Comparison,
    Pair,
    RankChange,
)
from backend.deps import Services
from backend.search import service as search
from backend.search.schemas import Hit, SearchParams, SearchRequest
from backend.timing import Timing
from core import rankings, versions
from core.errors import BadRequest, ModelError, NotFound, UnknownVersion, VersionNotReady

_NOT_ASKED = {
    "version", "embed_version", "fuse", "limit", "cursor", "group_by", "per_group", "fold",
    "min_score",
}  # fmt: skip
"""What says how to answer, not what is looked for."""


def question(asked: SearchParams) -> dict[str, Any]:
    """What is looked for: the search value without versions and paging, defaults left out."""
    return asked.model_dump(mode="json", exclude=_NOT_ASKED, exclude_defaults=True)


def query_key(asked: SearchParams) -> str:
    """The same for the same question, whatever version answers."""
    text = json.dumps(question(asked), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


async def compare(services: Services, asked: CompareParams) -> Comparison:
    """The query of `asked` in each of its versions, one after the other so that times are fair."""
    for name in ("embed_version", "fuse", "cursor"):
        if getattr(asked, name, None):
            raise BadRequest(f"{name} has no place in a comparison; name the versions as version=")
    if len(set(asked.version)) < len(asked.version):
        raise BadRequest("A version is named twice; name two to four different ones")
    columns = [await answer(services, asked, name) for name in asked.version]
    compared = Comparison(
        query_key=query_key(asked),
        depth=DEPTH,
        columns=columns,
        pairs=[_pair(a, b) for a, b in combinations(columns, 2)],
        changes=_changes(columns, asked.limit),
    )
    for column in columns:
        if column.response:
            del column.response.hits[asked.limit :]
            column.response.query.limit = asked.limit
            column.response.next_cursor = None
    return compared


async def answer(services: Services, asked: SearchParams, version: str) -> Column:
    """What one version answers, to the depth of comparisons, or why it cannot."""
    values = asked.model_dump(exclude={"version", "limit", "embed_version"})
    request = SearchRequest(**values, embed_version=version, limit=max(asked.limit, DEPTH))
    try:
        if asked.q or asked.image or asked.less or asked.less_like:
            await _loaded(services, version)
        timing = Timing()
        outcome = await search.search(services, request, None, timing)
    except UnknownVersion:
        raise
    except (NotFound, VersionNotReady, ModelError) as error:
        said = error.title if isinstance(error, ModelError) else error.detail
        return Column(version=version, response=None, problem=said)
    return Column(version=version, response=search.response(request, outcome, timing), problem=None)


async def _loaded(services: Services, name: str) -> None:
    """Have the model in memory, so that loading it once is not taken for its speed."""
    async with services.reading() as conn:
        version = await versions.get(conn, name)
    if version.state == "ready":
        await services.encoders.get(version)


def images(column: Column) -> list[UUID]:
    """The images of a column, best first."""
    return [hit.image.id for hit in column.response.hits] if column.response else []


def _pair(a: Column, b: Column) -> Pair:
    first, second = images(a)[:DEPTH], images(b)[:DEPTH]
    if a.response is None or b.response is None:
        first = second = []
    return Pair(
        a=a.version,
        b=b.version,
        overlap_10=rankings.overlap(first, second, 10),
        overlap_50=rankings.overlap(first, second, DEPTH),
        rank_biased_overlap=rankings.rank_biased_overlap(first, second),
        agreement=Agreement(
            species=_agreement(a, b, "species"),
            genus=_agreement(a, b, "genus"),
            family=_agreement(a, b, "family"),
        ),
    )


def _agreement(a: Column, b: Column, rank: str) -> float | None:
    if a.response is None or b.response is None:
        return None
    return rankings.agreement(_taxa(a.response.hits, rank), _taxa(b.response.hits, rank))


def _taxa(hits: Sequence[Hit], rank: str) -> list[str]:
    """Names at `rank` of the first ten, without those that have none."""
    records = [hit.record for hit in hits[:10] if hit.record]
    return [name for record in records if (name := getattr(record, rank))]


def _changes(columns: Sequence[Column], limit: int) -> list[RankChange]:
    ranks = {
        column.version: {each: rank for rank, each in enumerate(images(column), start=1)}
        for column in columns
    }
    shown = dict.fromkeys(each for column in columns for each in images(column)[:limit])
    return [
        RankChange(image_id=each, ranks={name: ranks[name].get(each) for name in ranks})
        for each in shown
    ]

"""Why an image was found: what parts of the query, and words, are like it; what records share."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.search import asking, parts, queries
from backend.search.asking import Made
from backend.search.schemas import (
    NearWord,
    PartScore,
    SearchParams,
    SearchRequest,
    SharedValue,
    Why,
    WhyParams,
)
from backend.timing import Timing
from backend.versions import service as version_service
from core import vectors
from core.errors import BadRequest, NotFound
from core.vectors import QueryVector
from core.versions import Version
from core.vocabulary import WORDS
from core.words import words

MOST_WORDS = 8
COMPARED = ("species", "genus", "family", "institution_code", "collection_code", "country")
NAMED = (*COMPARED, "vernacular_name", "locality", "recorded_by")


async def why(services: Services, params: WhyParams, timing: Timing) -> Why:
    """Explain one image under a search; of several versions the first is spoken of."""
    asked = SearchRequest(**params.model_dump(include=set(SearchParams.model_fields)))
    if not parts.is_asked(asked, None):
        raise BadRequest("Say what was looked for: the search that found the image")
    made = (await asking.made(services, asked, None, timing))[0]
    async with services.reading() as conn:
        known = await queries.found(conn, [params.image_id])
        if params.image_id not in known:
            raise NotFound("There is no such image here")
        image = await vectors.stored_vector(conn, made.version, params.image_id)
        middle = await vectors.mean_vector(conn, made.version)
        other = await _asked_record(conn, asked)
    with timing.stage("encode"):
        near = await _near_words(services, made.version, image, middle)
    own = known[params.image_id].records
    return Why(
        image_id=params.image_id,
        embed_version=version_service.ref(made.version),
        score=vectors.cosine(made.asked(asked).query, image),
        parts=_part_scores(asked, made, image),
        words=near,
        shared=_shared(own[0], other) if own and other else [],
        named=_named(own[0], asked.q or "") if own else [],
    )


async def _near_words(
    services: Services, version: Version, image: QueryVector, middle: QueryVector
) -> list[NearWord]:
    """Words that the image is more like than the museum is on average."""
    found = await services.encoders.encode_texts(version, WORDS)
    table = np.stack([word.values for word in found])
    scores, average = table @ image.values, table @ middle.values
    best = np.argsort(average - scores)[:MOST_WORDS]
    return [
        NearWord(word=WORDS[n], score=float(scores[n]), above=float(scores[n] - average[n]))
        for n in best
        if scores[n] > average[n]
    ]


def _part_scores(asked: SearchRequest, made: Made, image: QueryVector) -> list[PartScore]:
    """In the order in which `parts` puts them together."""
    scores = []
    if made.parts.words:
        scores.append(("words", asked.q or "", made.parts.words))
    seen = [str(each) for each in (asked.like, asked.like_record) if each]
    seen += [asked.image] if asked.image else []
    scores += [("picture", *each) for each in zip(seen, made.parts.pictures, strict=True)]
    away = [key for key in asked.less_like if len(key) != 64] + asked.less
    away += [key for key in asked.less_like if len(key) == 64]
    scores += [("less", *each) for each in zip(away, made.parts.less, strict=True)]
    return [
        PartScore(kind=kind, label=label, score=vectors.cosine(vector, image))
        for kind, label, vector in scores
    ]


async def _asked_record(conn: AsyncConnection, asked: SearchRequest) -> RowMapping | None:
    """The record of the museum that was asked for, by itself or by one of its images."""
    if asked.like_record:
        return await queries.record_row(conn, asked.like_record)
    shown = await queries.found(conn, [asked.like]) if asked.like else {}
    records = [row for each in shown.values() for row in each.records]
    return records[0] if records else None


def _shared(own: RowMapping, other: RowMapping) -> list[SharedValue]:
    return [
        SharedValue(name=name, value=own[f"record_{name}"])
        for name in COMPARED
        if own[f"record_{name}"] and own[f"record_{name}"] == other[f"record_{name}"]
    ]


def _named(own: RowMapping, asked: str) -> list[SharedValue]:
    """Values all of whose words, or a name's last, are among the words of the query."""
    said = set(words(asked))

    def holds(name: str, value: str) -> bool:
        needed: Sequence[str] = words(value)
        return bool(needed) and (set(needed) <= said or (name == "species" and needed[-1] in said))

    values = ((name, own[f"record_{name}"]) for name in NAMED)
    return [
        SharedValue(name=name, value=value)
        for name, value in values
        if value and holds(name, value)
    ]

"""A query in one or several embed versions: the nearest images, and what they show."""

from dataclasses import dataclass, replace

from backend import filters, paging
from backend.deps import Services
from backend.images import service as pictures
from backend.paging import Cursor
from backend.records import service as records
from backend.search import asking, gather, parts, queries
from backend.search.picking import Pick
from backend.search.rankings import Rankings
from backend.search.schemas import (
    MOST_SHOWN,
    Group,
    Hit,
    Milliseconds,
    QueryEcho,
    SearchRequest,
    SearchResponse,
)
from backend.timing import Timing
from backend.versions import service as version_service
from core import vectors
from core.darwincore import countries
from core.db.groups import GroupBy
from core.errors import BadRequest
from core.filters import Filters
from core.versions import Version


@dataclass(frozen=True)
class Ranked:
    """One image found: its score, what stands under it, and its rows."""

    score: float
    rows: queries.Found
    pick: Pick


@dataclass(frozen=True)
class Outcome:
    """What a search found, before it takes the shape of a response."""

    version: Version
    """The first, where several answered."""
    ranked: list[Ranked]
    nearest: vectors.Nearest
    filters: Filters
    versions: list[Version]
    shown: int
    """Hits on the pages before."""
    next: Cursor | None


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
    _check(asked, conditions)
    cursor = paging.read(asked.cursor, _question(asked, file))
    made = await asking.made(services, asked, file, timing, cursor.version)
    each = [one.asked(asked) for one in made]
    if len(each) == 1:
        cursor = replace(cursor, version=each[0].version.id)
    async with services.reading() as conn:
        rankings = Rankings(services, conn, conditions, timing)
        members = rankings.members(each[0], asked) if len(each) == 1 else None
        ranking, same = rankings.of(each, cursor.after), rankings.same(each[0])
        page = await gather.page(conn, asked, cursor, ranking, members, same)
        with timing.stage("rows"):
            rows = await queries.found(conn, [pick.image_id for pick in page.picks])
    ranked = [Ranked(pick.score, rows[pick.image_id], pick) for pick in page.picks]
    used = [one.version for one in each]
    return Outcome(used[0], ranked, page.nearest, conditions, used, cursor.shown, page.next)


def _check(asked: SearchRequest, conditions: Filters) -> None:
    """Raise BadRequest for what contradicts itself."""
    if asked.limit * asked.per_group > MOST_SHOWN:
        raise BadRequest(f"limit times per_group is at most {MOST_SHOWN}")
    if not asked.fuse:
        return
    if asked.embed_version:
        raise BadRequest("Give either embed_version or fuse")
    if len(set(asked.fuse)) < max(2, len(asked.fuse)):
        raise BadRequest("fuse needs two to four different embed versions")
    if asked.min_score is not None:
        raise BadRequest("Scores of several versions are no cosines: leave out min_score or fuse")
    if not all(part.version for part in (*conditions.atlas.include, *conditions.atlas.exclude)):
        raise BadRequest(
            "An atlas is of one embed version: name it as NAME@x,y x,y x,y, or leave out fuse"
        )


def _question(asked: SearchRequest, file: bytes | None) -> bytes:
    said = asked.model_dump(mode="json", exclude={"cursor", "limit"}, exclude_defaults=True)
    return paging.question(said, file or b"")


def response(asked: SearchRequest, outcome: Outcome, timing: Timing) -> SearchResponse:
    """An outcome as the API shows it."""
    return SearchResponse(
        query=QueryEcho(
            **asked.model_dump(include=set(QueryEcho.model_fields)),
            filters=filters.encode(outcome.filters),
        ),
        embed_version=version_service.ref(outcome.version),
        embed_versions=(
            [version_service.ref(each) for each in outcome.versions] if asked.fuse else None
        ),
        total=outcome.nearest.rows,
        hits=[
            _hit(rank, ranked, asked.group_by)
            for rank, ranked in enumerate(outcome.ranked, start=outcome.shown + 1)
        ],
        next_cursor=outcome.next.write() if outcome.next else None,
        path=outcome.nearest.path,
        compared=outcome.nearest.compared,
        expected_recall=outcome.nearest.recall,
        timing_ms=Milliseconds(
            **{name: timing.ms(name) for name in ("decode", "encode", "search", "rows")},
            total=timing.total_ms(),
        ),
    )


def _hit(rank: int, ranked: Ranked, group_by: GroupBy | None) -> Hit:
    shown, pick = ranked.rows.records, ranked.pick
    return Hit(
        rank=rank,
        score=ranked.score,
        ranks=pick.ranks,
        group=_group(pick, group_by) if group_by else None,
        folded=pick.folded,
        image=pictures.describe(ranked.rows.image),
        record=records.summary(shown[0]) if shown else None,
        also_in=[row["record_id"] for row in shown[1:]],
    )


def _group(pick: Pick, by: GroupBy) -> Group:
    label = pick.key or f"no {by}"
    if pick.key and by == "country":
        label = countries.NAMES.get(pick.key, pick.key)
    if pick.key and by == "decade":
        label = f"{pick.key}s"
    return Group(key=pick.key, label=label, size=pick.size)

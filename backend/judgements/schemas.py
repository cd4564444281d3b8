"""Judgements as they come in and go out."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from backend.compare.schemas import MOST_VERSIONS, Compared
from backend.schemas import Shown
from backend.search.schemas import SearchParams
from backend.versions.schemas import AskedVersion

Judge = Annotated[str, Field(max_length=64, pattern="^[A-Za-z0-9_-]*$")]
QueryKey = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class Judgement(Shown):
    """Whether an image answers a query."""

    query: SearchParams
    """The search value; its version and paging do not matter."""
    image_id: UUID
    relevant: bool | None
    """Null takes an earlier judgement back."""
    embed_version: AskedVersion | None = None
    """The version among whose results it was judged."""
    ranks: Annotated[
        dict[AskedVersion, Annotated[int, Field(ge=1, le=100_000)] | None],
        Field(max_length=MOST_VERSIONS),
    ] = {}
    """Where the image stood in each version compared; null: not among those looked at."""
    judge: Judge = ""
    """A random word that a browser keeps, so that its own judgements can be changed."""


class Judged(Shown):
    """A judgement that is stored."""

    image_id: UUID
    relevant: bool


class Judgements(Shown):
    """Judgements of one query."""

    query_key: QueryKey
    judgements: list[Judged]


class Wins(Shown):
    """How often each of two versions did better."""

    a: int
    b: int
    ties: int
    p_value: float | None
    """Of a two-sided sign test; null where neither won."""
    share_a: float | None
    """Share of the decided that a won."""
    low: float | None
    high: float | None
    """95 % interval of that share (Wilson)."""


class PairTally(Shown):
    """Two versions by the judgements of results that both were asked for."""

    a: str
    b: str
    judged: int
    results: Wins
    """Each judged result for itself: a good one speaks for who ranks it higher, a bad one against.
    Results of one query are not independent of each other; queries are the safer count."""
    queries: Wins
    """Each query for itself, by most of its results."""


class TallyResponse(Shown):
    """Pairs of versions by all judgements, or by those of one query."""

    pairs: list[PairTally]


class TallyParams(Shown):
    """Which versions, and which query."""

    version: Compared
    query_key: QueryKey | None = None
    """Absent: all queries."""

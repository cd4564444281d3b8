"""Query sets, and what running one gives."""

import datetime
from typing import Annotated, Any

from pydantic import Field

from backend.compare.schemas import Compared, Pair
from backend.schemas import Shown
from backend.search.schemas import SearchParams

MOST_QUERIES = 200
SetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}$")]


class SavedQuery(Shown):
    """One query of a set."""

    label: Annotated[str, Field(max_length=200)] = ""
    """What to call it; empty: its words."""
    query: SearchParams
    """The search value, without versions."""


class KeptQuery(Shown):
    """One query as it is kept."""

    label: str
    query: dict[str, Any]
    """The search value, defaults left out: keys and values as in the address of a search."""


class QuerySetContent(Shown):
    """What a set holds."""

    description: Annotated[str, Field(max_length=2000)] = ""
    queries: Annotated[list[SavedQuery], Field(min_length=1, max_length=MOST_QUERIES)]


class QuerySet(Shown):
    """A saved set."""

    name: SetName
    description: str
    queries: list[KeptQuery]
    updated_at: datetime.datetime


class QuerySetRef(Shown):
    """A saved set in short."""

    name: SetName
    description: str
    size: int
    """Queries in it."""
    updated_at: datetime.datetime


class QuerySets(Shown):
    """All saved sets."""

    sets: list[QuerySetRef]


class RunParams(Shown):
    """Which versions, and which part of the set."""

    version: Compared
    offset: Annotated[int, Field(ge=0)] = 0
    """Queries to pass over."""
    limit: Annotated[int, Field(ge=1, le=MOST_QUERIES)] = 20
    """Queries to run now; ask for the rest with a larger offset."""


class VersionMeasures(Shown):
    """How one version answered one query."""

    version: str
    milliseconds: float | None
    judged: int
    """Of the first fifty results, how many somebody has judged."""
    ndcg_10: float | None
    """Of the judged results; null where none is known to be good."""
    precision_10: float | None
    """Share of good ones among the judged of the first ten."""
    problem: str | None


class RunRow(Shown):
    """One query of the set in every version."""

    position: int
    label: str
    query: dict[str, Any]
    """As it is kept."""
    versions: list[VersionMeasures]
    pairs: list[Pair]


class QuerySetRun(Shown):
    """A table of queries by measures."""

    name: SetName
    total: int
    rows: list[RunRow]
    next_offset: int | None
    """Where the next part begins; null: this was the last."""

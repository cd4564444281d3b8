"""What comparing embed versions asks and answers."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from backend.schemas import Shown
from backend.search.schemas import SearchParams, SearchResponse
from backend.versions.schemas import AskedVersion

MOST_VERSIONS = 4
DEPTH = 50
"""Ranks that are compared, however few are shown."""

Compared = Annotated[list[AskedVersion], Field(min_length=2, max_length=MOST_VERSIONS)]


class CompareParams(SearchParams):
    """A search without embed version, and the versions that are to answer it."""

    version: Compared
    """Two to four embed versions, in the order of the columns."""


class Column(Shown):
    """The answer of one version."""

    version: str
    response: SearchResponse | None
    problem: str | None
    """Why this version could not answer; the other columns are not affected."""


class Agreement(Shown):
    """Share of the first ten results that show the same taxon in both, [0, 1]; null: unknown."""

    species: float | None
    genus: float | None
    family: float | None


class Pair(Shown):
    """Two versions compared."""

    a: str
    b: str
    overlap_10: float | None
    """Share of the first ten images in common."""
    overlap_50: float | None
    rank_biased_overlap: float | None
    """Of the first fifty with p = 0.9: the top weighs most; 1 is the same order."""
    agreement: Agreement


class RankChange(Shown):
    """Where an image stands in each version."""

    image_id: UUID
    ranks: dict[str, int | None]
    """From 1; null: not among the first fifty."""


class Comparison(Shown):
    """The same query in several versions."""

    query_key: str
    """Names the query, whatever version answers: judgements go by it."""
    depth: int
    """Ranks compared."""
    columns: list[Column]
    pairs: list[Pair]
    changes: list[RankChange]
    """Every image that is shown in any column."""

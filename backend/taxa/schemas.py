"""Taxa as the API shows them."""

from typing import Annotated

from pydantic import Field

from backend.facets.schemas import Counted, State
from backend.schemas import Shown
from backend.versions.schemas import VersionRef


class TreeParams(Counted):
    """Which branch of the tree."""

    under: Annotated[str, Field(max_length=200)] = ""
    """`family:Nymphalidae`; absent: the top."""


class TaxonBranch(Shown):
    """A taxon of the tree."""

    rank: str
    name: str
    value: str
    """As the filter `taxon` takes it, and `under`."""
    count: int
    has_children: bool
    state: State | None
    """Whether the filters include or exclude it."""


class TaxonTree(Shown):
    """The taxa right below one, most common first."""

    embed_version: VersionRef
    under: str | None
    total: int
    """Images of the taxon that pass the filters; included taxa are left out of these."""
    unplaced: int
    """Images of it that say nothing of what is below."""
    children: list[TaxonBranch]

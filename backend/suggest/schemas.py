"""What may be meant by what is being typed."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from backend.schemas import Shown
from backend.versions.schemas import AskedVersion


class SuggestParams(Shown):
    """What is typed so far."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    q: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""
    """Each word begins a word of what is suggested; accents and capitals do not matter."""
    limit: Annotated[int, Field(ge=1, le=50)] = 8
    """Of each kind at most."""
    embed_version: AskedVersion | None = None
    """In which version images are counted; absent: the default."""


class NameSuggestion(Shown):
    """A taxon to filter by."""

    filter: str
    """As the filter `taxon` takes it: `genus:Morpho`."""
    name: str
    """The accepted name."""
    rank: str | None
    authorship: str | None
    matched: str
    """What was typed the beginning of."""
    kind: Literal["accepted", "synonym", "common"]
    """What `matched` is of the taxon."""
    count: int


class FilterRef(Shown):
    """A filter and its value."""

    key: str
    value: str


class Suggestion(Shown):
    """A place or collection to filter by."""

    filter: FilterRef
    label: str
    count: int


class Suggestions(Shown):
    """Names, places and collections that become filters; words that become the query."""

    names: list[NameSuggestion]
    places: list[Suggestion]
    collections: list[Suggestion]
    words: list[str]
    """The query with its last word completed by what the museum contains."""

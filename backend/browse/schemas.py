"""Images that pass filters, in no order of worth."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from backend.facets.schemas import Counted
from backend.images.schemas import Image
from backend.records.schemas import RecordSummary
from backend.schemas import Shown
from backend.versions.schemas import VersionRef


class BrowseParams(Counted):
    """Which images, and which page of them."""

    image: Annotated[list[UUID], Field(max_length=200)] = []
    """Only these, as the `folded` ones of a hit."""
    limit: Annotated[int, Field(ge=1, le=200)] = 30
    cursor: UUID | None = None
    """`next_cursor` of the page before."""


class Browsed(Shown):
    """One image that passes."""

    image: Image
    record: RecordSummary | None
    """The first record, by id, that the image shows."""
    also_in: list[UUID]
    """Further records that the image shows."""


class BrowseResponse(Shown):
    """A page of images, in the order of their ids: mixed, and always the same."""

    embed_version: VersionRef
    total: int
    """Images that pass all filters."""
    hits: list[Browsed]
    next_cursor: UUID | None
    """Gives the next page; null: there is none."""

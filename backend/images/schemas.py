"""A picture as the API shows it."""

from uuid import UUID

from backend.schemas import Shown


class Licence(Shown):
    """A licence code with its version as published, and what to call it."""

    code: str
    label: str
    url: str | None


class Image(Shown):
    """One still image with its rights."""

    id: UUID
    thumbnail_url: str | None
    """Absent where the licence does not allow a copy, or nothing was fetched yet."""
    image_url: str | None
    source_url: str | None
    """Where the publisher shows it."""
    width: int | None
    height: int | None
    view: str | None
    title: str | None
    licence: Licence
    rights_holder: str | None
    creator: str | None
    credit: str
    """The line to print beside the picture."""

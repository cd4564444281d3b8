"""One row of a multimedia table (GBIF Multimedia, Audiovisual Core, Simple Image) to an image."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.darwincore.record import ParsedRecord


@dataclass(frozen=True)
class ParsedMedia:
    """A still image as its publisher describes it."""

    identifier: str
    """Link, or path within the source."""
    media_type: str | None
    """As published, e.g. image/jpeg."""
    kind: str
    """Dublin Core type; always "StillImage", everything else is rejected."""
    title: str | None
    view: str | None
    """dorsal, ventral, lateral, …, label; lower case."""
    licence_raw: str | None
    licence: str | None
    rights_holder: str | None
    creator: str | None
    references_url: str | None


def parse_media(row: Mapping[str, str], record: ParsedRecord | None = None) -> ParsedMedia:
    """Interpret one row of media; the record's licence stands in where the row names none.

    Raises RejectedRow with the reason for sound, video, pages and rows without a link.
    """
    raise NotImplementedError

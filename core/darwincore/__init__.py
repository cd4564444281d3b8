"""Darwin Core rows to typed records and media, losing nothing (docs/data.md)."""

from core.darwincore.dates import parse_event_date
from core.darwincore.issues import ISSUES
from core.darwincore.media import ParsedMedia, parse_media
from core.darwincore.record import ParsedRecord, parse_record
from core.darwincore.terms import term

__all__ = [
    "ISSUES",
    "ParsedMedia",
    "ParsedRecord",
    "parse_event_date",
    "parse_media",
    "parse_record",
    "term",
]

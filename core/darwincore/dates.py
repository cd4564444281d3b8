"""Dates of collection to intervals; a year stays a year and nothing is guessed."""

import datetime

DateResult = tuple[str | None, datetime.date | None, datetime.date | None, tuple[str, ...]]


def parse_event_date(
    text: str | None,
    year: str | None = None,
    month: str | None = None,
    day: str | None = None,
) -> DateResult:
    """Return (verbatim, first day, last day, issues) of a date of collection.

    `text` is eventDate in any common spelling (ISO 8601 and its intervals, "12 May 1903",
    "V.1903"); the columns year, month and day stand in where it is blank or cannot be read.
    "1929" is the whole year. What cannot be read without guessing has no days but an issue.
    """
    raise NotImplementedError

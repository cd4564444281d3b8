"""Dates of collection to intervals; a year stays a year and nothing is guessed."""

import calendar
import datetime
import re
import unicodedata

DateResult = tuple[str | None, datetime.date | None, datetime.date | None, tuple[str, ...]]
_Interval = tuple[datetime.date, datetime.date]
_Parts = tuple[int, int | None, int | None]  # year, month, day

EARLIEST_YEAR = 1500
"""Nothing that collections keep was collected before, so an earlier year is a slip."""


class _Unreadable(Exception):
    issue = "RECORDED_DATE_INVALID"


class _Ambiguous(_Unreadable):
    issue = "RECORDED_DATE_AMBIGUOUS"


class _Unlikely(_Unreadable):
    issue = "RECORDED_DATE_UNLIKELY"


# English, German, French, Spanish, Portuguese, Italian, Dutch, Swedish; accents removed
_MONTH_NAMES = (
    "jan january januar janvier janv enero ene janeiro gennaio gen januari i",
    "feb february februar fevrier fevr febrero fevereiro fev febbraio februari ii",
    "mar march marz maerz mars marzo marco maart mrt iii",
    "apr april avril avr abril abr aprile iv",
    "may mai mayo maio maggio mag mei maj v",
    "jun june juni juin junio junho giugno giu vi",
    "jul july juli juillet juil julio julho luglio lug vii",
    "aug august aout agosto ago augustus augusti viii",
    "sep sept september septembre septiembre setembro set settembre ix",
    "oct october oktober okt octobre octubre outubro out ottobre ott x",
    "nov november novembre noviembre novembro xi",
    "dec december dezember dez decembre diciembre dic dezembro dicembre xii",
)
_MONTHS = {name: i for i, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}

_TIME = r"(?:[t ]+\d{1,2}(?::?\d{2}){0,2}(?:\.\d+)?(?: ?[ap]m)?(?: ?z| ?[+-]\d{2}:?\d{2})?)?"
_SEPARATOR = r"[-/., ]"
_YEAR_FIRST = re.compile(
    rf"(?P<y>\d{{4}})(?:{_SEPARATOR}+(?P<m>\d{{1,2}}|[a-z]+)(?:{_SEPARATOR}+(?P<d>\d{{1,2}}))?)?{_TIME}"
)
_ORDINAL = re.compile(rf"(\d{{4}})-(\d{{3}}){_TIME}")
_COMPACT = re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})")
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
_MONTH_NAMED = (
    re.compile(rf"{_DAY}{_SEPARATOR}*(?P<m>[a-z]+){_SEPARATOR}*(?P<y>\d{{4}}|\d\d){_TIME}"),
    re.compile(rf"(?P<m>[a-z]+){_SEPARATOR}*{_DAY}{_SEPARATOR}+(?P<y>\d{{4}}|\d\d){_TIME}"),
    re.compile(rf"(?P<m>[a-z]+){_SEPARATOR}*(?P<y>\d{{4}})(?P<d>)"),
    # a JavaScript Date as text: "Sun May 11 2025 16:01:05 GMT+0200 (GMT+2)"
    re.compile(rf"[a-z]{{3}} (?P<m>[a-z]{{3}}) {_DAY} (?P<y>\d{{4}}) \d\d:\d\d:\d\d gmt.*"),
)
_NUMERIC = re.compile(
    rf"(\d{{1,2}}){_SEPARATOR}+(\d{{1,2}}){_SEPARATOR}+(?P<y>\d{{4}}|\d\d){_TIME}"
)
_YEARS = re.compile(r"(\d{4}) ?(?:-|/|to) ?(\d{4})")


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
    issues: list[str] = []
    text = (text or "").strip() or None
    verbatim, columns = _from_columns(year, month, day, issues)
    if text is None:
        return verbatim, *(columns or (None, None)), tuple(issues)
    try:
        stated: _Interval | None = _from_text(_folded(text))
    except _Unreadable as error:
        issues.append(error.issue)
        stated = None
    if stated and columns and not (stated[0] <= columns[1] and columns[0] <= stated[1]):
        issues.append("RECORDED_DATE_MISMATCH")
    return text, *(stated or columns or (None, None)), tuple(dict.fromkeys(issues))


def _from_columns(
    year: str | None, month: str | None, day: str | None, issues: list[str]
) -> tuple[str | None, _Interval | None]:
    """Return (ISO text of what the columns say, its days); drops a month or day unreadable."""
    if not (year or "").strip():
        return None, None
    numbers: list[int] = []
    try:
        for column in (year, month, day):
            number = _number(column)
            if number == 0:  # 0 stands for unknown
                break
            _span(_padded([*numbers, number]))
            numbers.append(number)
    except _Unreadable as error:
        issues.append(error.issue)
    if not numbers:
        return year, None
    return "-".join(f"{number:02}" for number in numbers), _span(_padded(numbers))


def _padded(numbers: list[int]) -> _Parts:
    rest: list[int | None] = [*numbers[1:], None, None]
    return numbers[0], rest[0], rest[1]


def _number(column: str | None) -> int:
    value = _folded(column or "0").rstrip(".")
    if re.fullmatch(r"\d{1,4}(?:\.0+)?", value):
        return int(float(value))
    return _month(value)


def _from_text(text: str) -> _Interval:
    if years := _YEARS.fullmatch(text):
        return _ordered(_span((int(years[1]), None, None)), _span((int(years[2]), None, None)))
    if text.count("/") == 1 and re.match(r"\d{4}", text):
        return _interval(*text.split("/"))
    if ordinal := _ORDINAL.fullmatch(text):
        return _day_of_year(int(ordinal[1]), int(ordinal[2]))
    for pattern in (_YEAR_FIRST, _COMPACT, *_MONTH_NAMED):
        if found := pattern.fullmatch(text):
            return _span(_parts(found))
    if found := _NUMERIC.fullmatch(text):
        return _span(_day_or_month_first(int(found[1]), int(found[2]), found["y"]))
    raise _Unreadable


def _interval(first: str, last: str) -> _Interval:
    """An ISO 8601 interval, whose end may leave out what it shares with the start."""
    start = _YEAR_FIRST.fullmatch(first)
    if start is None:
        raise _Unreadable
    if re.fullmatch(r"\d{1,2}", last) and start["d"] is None:
        raise _Ambiguous  # 1900/01: January 1900, or 1900 to 1901
    if re.fullmatch(r"\d{1,2}", last):
        last = f"{start['y']}-{start['m']}-{last}"
    elif re.fullmatch(r"\d{1,2}-\d{1,2}", last):
        last = f"{start['y']}-{last}"
    end = _YEAR_FIRST.fullmatch(last)
    if end is None:
        raise _Unreadable
    return _ordered(_span(_parts(start)), _span(_parts(end)))


def _ordered(first: _Interval, last: _Interval) -> _Interval:
    if first[0] > last[1]:
        raise _Unreadable
    return first[0], last[1]


def _parts(found: re.Match[str]) -> _Parts:
    if len(found["y"]) == 2:
        raise _Ambiguous
    month = _month(found["m"]) if found["m"] else None
    return int(found["y"]), month, int(found["d"]) if found["d"] else None


def _day_or_month_first(a: int, b: int, year: str) -> _Parts:
    if len(year) == 2 or (a <= 12 and b <= 12 and a != b):
        raise _Ambiguous
    month, day = (b, a) if a > 12 else (a, b)
    return int(year), month, day


def _month(word: str) -> int:
    if word.isdecimal():
        return int(word)
    if word not in _MONTHS:
        raise _Unreadable
    return _MONTHS[word]


def _day_of_year(year: int, day: int) -> _Interval:
    first, last = _span((year, None, None))
    date = first + datetime.timedelta(days=day - 1)
    if not first <= date <= last:
        raise _Unreadable
    return _likely(date, date)


def _span(parts: _Parts) -> _Interval:
    year, month, day = parts
    if day and not month:
        raise _Unreadable
    try:
        first = datetime.date(year, month or 1, day or 1)
        last_day = day or calendar.monthrange(year, month or 12)[1]
        last = datetime.date(year, month or 12, last_day)
    except ValueError:
        raise _Unreadable from None
    return _likely(first, last)


def _likely(first: datetime.date, last: datetime.date) -> _Interval:
    tomorrow = datetime.date.today() + datetime.timedelta(days=1)  # east of here it may be
    if first.year < EARLIEST_YEAR or first > tomorrow:
        raise _Unlikely
    return first, last


def _folded(text: str) -> str:
    """Lower case without accents, spaces single: what the patterns are written in."""
    plain = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(c for c in plain if not unicodedata.combining(c)).replace("–", "-")
    return " ".join(plain.split())

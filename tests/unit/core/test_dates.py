import calendar
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.darwincore import ISSUES, parse_event_date
from tests.paths import needs_shared
from tests.unit.core.real_rows import occurrence_rows


def days(*parts: int) -> datetime.date:
    return datetime.date(*parts)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("1929", "1929-01-01", "1929-12-31"),
        ("1892-11", "1892-11-01", "1892-11-30"),
        ("1937-6-23", "1937-06-23", "1937-06-23"),
        ("2014-01-01/2014-12-31", "2014-01-01", "2014-12-31"),
        ("1818-08-01/1998-08-31", "1818-08-01", "1998-08-31"),
        ("1900/1909", "1900-01-01", "1909-12-31"),
        ("1901-1905", "1901-01-01", "1905-12-31"),
        ("2007-11-13/15", "2007-11-13", "2007-11-15"),
        ("2007-11-13/12-02", "2007-11-13", "2007-12-02"),
        ("1999-06-18T00:00", "1999-06-18", "1999-06-18"),
        ("2025-01-01T11:55:34.220Z", "2025-01-01", "2025-01-01"),
        ("2025-01-04 13:57:58-08:00", "2025-01-04", "2025-01-04"),
        ("2025-01-02T11:30:00+01:00/2025-01-02T16:00:00+01:00", "2025-01-02", "2025-01-02"),
        ("2025/03/04 2:53 PM", "2025-03-04", "2025-03-04"),
        ("2014-156", "2014-06-05", "2014-06-05"),
        ("19030512", "1903-05-12", "1903-05-12"),
        ("12 May 1903", "1903-05-12", "1903-05-12"),
        ("May 12th, 1903", "1903-05-12", "1903-05-12"),
        ("12 août 1903", "1903-08-12", "1903-08-12"),
        ("3. März 1903", "1903-03-03", "1903-03-03"),
        ("12.V.1903", "1903-05-12", "1903-05-12"),
        ("V.1903", "1903-05-01", "1903-05-31"),
        ("1970-Aug-26", "1970-08-26", "1970-08-26"),
        ("05Feb1976", "1976-02-05", "1976-02-05"),
        ("Sept. 1, 1964", "1964-09-01", "1964-09-01"),
        ("June 7-1930", "1930-06-07", "1930-06-07"),
        ("9 July,2006", "2006-07-09", "2006-07-09"),
        ("1/20/2025", "2025-01-20", "2025-01-20"),
        ("20.1.2025", "2025-01-20", "2025-01-20"),
        ("5/5/1971", "1971-05-05", "1971-05-05"),
        ("1971-00-00", "1971-01-01", "1971-12-31"),
        (
            "Sun May 11 2025 16:01:05 GMT+0200 (GMT+2)",
            "2025-05-11",
            "2025-05-11",
        ),
    ],
)
def test_readable_dates(text: str, start: str, end: str) -> None:
    expected = datetime.date.fromisoformat(start), datetime.date.fromisoformat(end)
    assert parse_event_date(text) == (text, *expected, ())


@pytest.mark.parametrize(
    ("text", "issue"),
    [
        ("31 Feb 1901", "RECORDED_DATE_INVALID"),
        ("2023-02-29", "RECORDED_DATE_INVALID"),
        ("1971-00-15", "RECORDED_DATE_INVALID"),
        ("0000-00-00", "RECORDED_DATE_INVALID"),
        ("-- -- ----", "RECORDED_DATE_INVALID"),
        ("July 14,17, 1877", "RECORDED_DATE_INVALID"),
        ("spring 1903", "RECORDED_DATE_INVALID"),
        ("c. 1903", "RECORDED_DATE_INVALID"),
        ("1998-08-31/1818-08-01", "RECORDED_DATE_INVALID"),
        ("3/6/1971", "RECORDED_DATE_AMBIGUOUS"),
        ("8-26-68", "RECORDED_DATE_AMBIGUOUS"),
        ("24 July 04", "RECORDED_DATE_AMBIGUOUS"),
        ("1900/01", "RECORDED_DATE_AMBIGUOUS"),
        ("1111-08", "RECORDED_DATE_UNLIKELY"),
        ("9999-01-01", "RECORDED_DATE_UNLIKELY"),
    ],
)
def test_what_would_be_a_guess_has_an_issue_and_no_days(text: str, issue: str) -> None:
    assert parse_event_date(text) == (text, None, None, (issue,))
    assert issue in ISSUES


@pytest.mark.parametrize(
    ("columns", "shown", "start", "end", "issues"),
    [
        (("1903", "5", "12"), "1903-05-12", (1903, 5, 12), (1903, 5, 12), ()),
        (("1903", "V", None), "1903-05", (1903, 5, 1), (1903, 5, 31), ()),
        (("1903.0", "0", "0"), "1903", (1903, 1, 1), (1903, 12, 31), ()),
        (("1903", None, "12"), "1903", (1903, 1, 1), (1903, 12, 31), ()),
        (
            ("1903", "13", "1"),
            "1903",
            (1903, 1, 1),
            (1903, 12, 31),
            ("RECORDED_DATE_INVALID",),
        ),
        (
            ("1903", "2", "30"),
            "1903-02",
            (1903, 2, 1),
            (1903, 2, 28),
            ("RECORDED_DATE_INVALID",),
        ),
    ],
)
def test_columns_stand_in_for_a_blank_date(columns, shown, start, end, issues) -> None:
    assert parse_event_date("", *columns) == (shown, days(*start), days(*end), issues)


def test_an_ambiguous_date_is_the_year_when_a_column_says_so() -> None:
    assert parse_event_date("3/6/1971", "1971") == (
        "3/6/1971",
        days(1971, 1, 1),
        days(1971, 12, 31),
        ("RECORDED_DATE_AMBIGUOUS",),
    )


def test_a_contradiction_is_told() -> None:
    assert parse_event_date("1903-05-01", "1904")[3] == ("RECORDED_DATE_MISMATCH",)
    assert parse_event_date("1903-05-01", "1903", "5")[3] == ()


def test_nothing_given_is_nothing() -> None:
    assert parse_event_date(None) == (None, None, None, ())
    assert parse_event_date(" ", "", "5", "3") == (None, None, None, ())


@given(st.integers(1500, 2020), st.integers(1, 12))
def test_a_month_is_never_made_a_day(year: int, month: int) -> None:
    last = calendar.monthrange(year, month)[1]
    for text in (f"{year}-{month:02}", f"{calendar.month_name[month]} {year}"):
        assert parse_event_date(text)[1:3] == (days(year, month, 1), days(year, month, last))
    assert parse_event_date(str(year))[1:3] == (days(year, 1, 1), days(year, 12, 31))


@given(st.dates(datetime.date(1500, 1, 1), datetime.date(2020, 12, 31)))
def test_a_day_in_any_unambiguous_spelling_is_that_day(date: datetime.date) -> None:
    named = f"{date.day} {calendar.month_abbr[date.month]}. {date.year:04}"
    for text in (date.isoformat(), date.strftime("%Y%m%d"), f"{date:%Y/%m/%d} 10:30 AM", named):
        assert parse_event_date(text)[1:] == (date, date, ())


@given(st.text(), st.text() | st.none(), st.text() | st.none(), st.text() | st.none())
def test_any_text_is_kept_and_gives_an_ordered_interval_or_an_issue(text, year, month, day):
    shown, start, end, issues = parse_event_date(text, year, month, day)
    assert text.strip() == "" or shown == text.strip()
    assert (start is None) == (end is None)
    assert start is None or start <= end
    assert set(issues) <= set(ISSUES)
    assert start is not None or issues or not (text.strip() or (year or "").strip())


@given(
    st.from_regex(r"[0-9]{1,4}[-/. ][0-9A-Za-z]{1,4}[-/. ][0-9]{1,4}", fullmatch=True)
    | st.from_regex(r"[0-9]{4}(-[0-9]{1,2}){0,2}/[0-9]{1,4}(-[0-9]{1,2}){0,2}", fullmatch=True)
)
def test_dates_that_nearly_are_dates(text: str) -> None:
    _, start, end, issues = parse_event_date(text)
    assert (start is None) == bool(issues)
    if start is not None and start == end:  # one day only where the text has the day's number
        assert any(int(number) == start.day for number in _numbers(text))


def _numbers(text: str) -> list[str]:
    return [part for part in "".join(c if c.isdigit() else " " for c in text).split() if part]


@needs_shared
def test_real_dates_are_read_but_for_three_percent() -> None:
    dated = unread = 0
    for _, row in occurrence_rows():
        text = row.get("eventDate") or row.get("dwc:eventDate") or ""
        if text:
            dated += 1
            unread += parse_event_date(text)[1] is None
    assert dated > 500
    assert unread / dated < 0.03, (unread, dated)

from collections import Counter

from core.darwincore import ISSUES, parse_media, parse_record
from core.errors import RejectedRow
from tests.paths import needs_shared
from tests.unit.core.real_rows import multimedia_rows, occurrence_rows

pytestmark = needs_shared


def test_every_real_record_is_parsed_and_nothing_of_it_is_lost() -> None:
    parsed = Counter[str]()
    issues = Counter[str]()
    for where, row in occurrence_rows():
        kept = {key: value for key, value in row.items() if value.strip()}
        if not kept:
            continue
        record = parse_record(row)
        assert record.verbatim == kept, where
        parsed[where.split("/")[0]] += 1
        issues.update(record.issues)
    assert parsed.total() > 3500
    assert set(issues) <= set(ISSUES)
    assert len(issues) >= 8, "the broken tables among them must show"


def test_real_specimens_are_named_placed_and_dated_as_often_as_their_publishers_did() -> None:
    filled = Counter[str]()
    given = Counter[str]()
    for _, row in occurrence_rows():
        if not row.get("gbifID") or not row.get("scientificName"):
            continue
        record = parse_record(row)
        for column, term in (
            ("species", "species"),
            ("event_start", "eventDate"),
            ("decimal_latitude", "decimalLatitude"),
            ("country_code", "countryCode"),
        ):
            if row.get(term):
                given[column] += 1
                filled[column] += getattr(record, column) is not None
    assert all(given[column] > 300 for column in given), given
    shares = {column: filled[column] / given[column] for column in given}
    assert shares["species"] == 1.0
    assert shares["country_code"] == 1.0
    assert shares["event_start"] > 0.97
    assert shares["decimal_latitude"] > 0.9  # the rest are (0, 0)


def test_real_media_are_images_but_for_pages_and_recordings() -> None:
    kept = 0
    refused = Counter[str]()
    for row in multimedia_rows():
        try:
            kept += bool(parse_media(row).identifier)
        except RejectedRow as rejected:
            refused[rejected.detail[:40]] += 1
    assert kept > 500
    assert refused.total() < 0.05 * kept, refused

"""Filters written into an address and read back."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.filters import FilterParams, decode, encode
from core.darwincore.countries import NAMES
from core.db.tables import RANKS
from core.errors import BadRequest
from core.filters import MISSABLE, Box, Choice, Days, Filters, Part, Region, Taxon, days

words = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=40).map(
    str.strip
)
names = words.filter(bool)
plain_names = names.filter(lambda name: ":" not in name)


def chosen(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Choice[Any]]:
    some = st.lists(values, max_size=3, unique=True).map(tuple)
    return st.builds(Choice, include=some, exclude=some)


longitudes = st.floats(-180, 180)
boxes = st.builds(
    lambda west, east, sides: Box(west, min(sides), east, max(sides)),
    longitudes,
    longitudes,
    st.tuples(st.floats(-90, 90), st.floats(-90, 90)),
)
ranges = st.one_of(
    st.builds(lambda ends: Days(min(ends), max(ends)), st.tuples(st.dates(), st.dates())),
    st.builds(Days, st.dates(), st.none()),
    st.builds(Days, st.none(), st.dates()),
)
latitudes = st.floats(-90, 90)


def cornered(longitudes: st.SearchStrategy[float], kind: Any) -> st.SearchStrategy[Any]:
    corners = st.lists(st.tuples(longitudes, latitudes), min_size=3, max_size=6, unique=True)
    return corners.map(lambda made: kind(tuple(made)))


letters = st.from_regex("[a-z]{1,12}", fullmatch=True)
filters = st.builds(
    Filters,
    taxon=chosen(st.builds(Taxon, plain_names, st.sampled_from([None, *RANKS]))),
    dataset=chosen(st.uuids()),
    institution=chosen(names),
    collection=chosen(names),
    country=chosen(st.sampled_from([*NAMES, "Gold Coast"])),
    bbox=chosen(boxes),
    polygon=chosen(cornered(st.floats(-180, 180), Region)),
    atlas=chosen(
        st.builds(
            lambda part, version: Part(part.corners, version),
            cornered(st.floats(-1e6, 1e6), Part),
            st.none() | st.from_regex(r"[a-z0-9][a-z0-9@._ -]{0,8}[a-z0-9]", fullmatch=True),
        )
    ),
    catalog=chosen(names),
    record=chosen(st.uuids()),
    missing=chosen(st.sampled_from(MISSABLE)),
    date=chosen(ranges),
    month=chosen(st.integers(1, 12)),
    basis=chosen(st.sampled_from(["PreservedSpecimen", "FossilSpecimen"])),
    type_status=chosen(letters),
    sex=chosen(st.sampled_from(["male", "female", "worker"])),
    life_stage=chosen(letters),
    view=chosen(letters),
    licence=chosen(st.sampled_from(["CC0-1.0", "CC-BY-NC-4.0"])),
    text=chosen(names),
    coordinates=st.sampled_from([None, True, False]),
)


def read(**params: Any) -> Filters:
    return decode(FilterParams(**params))


@given(filters)
def test_what_is_written_is_what_is_read(made: Filters) -> None:
    written = encode(made)
    coordinates = written.pop("coordinates", [None])[0]
    assert read(**written, coordinates=coordinates) == made
    assert bool(made) == bool(written or coordinates)


def test_an_address_says_what_it_seems_to() -> None:
    asked = read(
        taxon=["Nymphalidae", "-Pieridae", "genus:Morus"],
        country="Brazil",
        bbox="-10,-5.5,20,5",
        year="1900,1950",
        date="-(1929-02,1929-02)",
        month=["6,7", "-12"],
        sex="♀",
        basis="PRESERVED_SPECIMEN",
        text=[r"\-70 freezer", "-drawer"],
        polygon=["-10,-5 10,-5.5 190,5", "-(-1,-1 -2,-1 -2,2 -1,-1)"],
        missing=["country", "-Sex"],
        catalog=["YPM 1", "-YPM 2"],
        coordinates="true",
    )
    assert asked == Filters(
        taxon=Choice((Taxon("Nymphalidae"), Taxon("Morus", "genus")), (Taxon("Pieridae"),)),
        country=Choice(("BR",)),
        bbox=Choice((Box(-10, -5.5, 20, 5),)),
        date=Choice(
            (Days(date(1900, 1, 1), date(1950, 12, 31)),),
            (Days(date(1929, 2, 1), date(1929, 2, 28)),),
        ),
        month=Choice((6, 7), (12,)),
        sex=Choice(("female",)),
        basis=Choice(("PreservedSpecimen",)),
        text=Choice(("-70 freezer",), ("drawer",)),
        polygon=Choice(
            (Region(((-10, -5), (10, -5.5), (190, 5))),), (Region(((-1, -1), (-2, -1), (-2, 2))),)
        ),
        missing=Choice(("country",), ("sex",)),
        catalog=Choice(("YPM 1",), ("YPM 2",)),
        coordinates=True,
    )
    assert read(year="1929") == read(date="1929-01-01,1929-12-31")
    assert read(month=6) == read(month=["6"])
    assert not read()
    assert not read(taxon=["", " "], country="-")


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"taxon": "tribe:Papilionini"}, "'tribe' is not a rank; use one of kingdom"),
        ({"taxon": "genus:"}, "names no taxon"),
        ({"dataset": "birds"}, "'birds' is not the id of a dataset"),
        ({"bbox": "1,2,3"}, "is not a box; write west,south,east,north"),
        ({"bbox": "0,50,10,40"}, "south not above north"),
        ({"bbox": "0,nan,10,40"}, "A box is west,south,east,north"),
        ({"bbox": "0,0,190,4"}, "longitudes within 180"),
        ({"polygon": "0,0 1,1"}, "A polygon has 3 to 500 corners"),
        ({"polygon": "0,0 1,1 0,0"}, "A polygon has 3 to 500 corners"),
        ({"polygon": "0,0 1,1 2"}, "is not a polygon; write x,y x,y x,y"),
        ({"polygon": "0,0 1,91 2,2"}, "latitudes of a polygon are within 90"),
        ({"polygon": "-200,0 170,0 0,40"}, "spans at most 360 degrees"),
        ({"atlas": "0,0 inf,1 2,2"}, "are finite numbers"),
        ({"missing": "colour"}, "'colour' cannot be missing"),
        ({"missing": "countri"}, "did you mean country"),
        ({"record": "7"}, "'7' is not the id of a record"),
        ({"date": "June 1929"}, "'June 1929' is not a date; write 1929"),
        ({"date": "29,30"}, "'29' is not a date"),
        ({"date": "1929-02-30"}, "is not a date"),
        ({"date": ","}, "at least one end"),
        ({"year": "1950,1900"}, "is after 1900-12-31"),
        ({"month": "6,13"}, "'13' is not a month"),
        ({"basis": "stuffed"}, "'stuffed' is not a basis of record"),
        ({"type_status": "type of x"}, "write one word, such as holotype"),
        ({"coordinates": "maybe"}, "coordinates is true or false, not 'maybe'"),
    ],
)
def test_what_cannot_be_understood_is_said(params: dict[str, str], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        read(**params)


def test_too_many_or_too_long_values_are_refused() -> None:
    for wrong in (
        {"country": ["x"] * 51},
        {"taxon": ["x"] * 501},
        {"taxon": "x" * 201},
        {"text": "a\0"},
    ):
        with pytest.raises(ValueError, match="validation error"):
            read(**wrong)


def test_a_month_ends_on_its_last_day() -> None:
    assert days("1900-02", "1904-02") == Days(date(1900, 2, 1), date(1904, 2, 29))
    assert read(dataset=[str(own := uuid4())]).dataset == Choice((own,))

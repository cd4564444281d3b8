import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.darwincore import ISSUES
from core.darwincore.countries import NAMES, country_code
from core.darwincore.places import coordinates, country, uncertainty_m


def at(latitude: str, longitude: str) -> tuple[object, list[str]]:
    issues: list[str] = []
    cells = {"decimalLatitude": latitude, "decimalLongitude": longitude}
    return coordinates({k: v for k, v in cells.items() if v}, issues), issues


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        ("-1.583333333", "-77.75", (-1.583333333, -77.75)),
        ("39.7223400000", "10,25", (39.72234, 10.25)),
        ("33.5 S", "W 70.25", (-33.5, -70.25)),
        ("10° 15' 0\" N", "83°45′W", (10.25, -83.75)),
        ("0", "10", (0.0, 10.0)),
        ("-90", "180", (-90.0, 180.0)),
    ],
)
def test_readable_coordinates(latitude: str, longitude: str, place: tuple[float, float]) -> None:
    assert at(latitude, longitude) == (pytest.approx(place), [])


@pytest.mark.parametrize(
    ("latitude", "longitude", "issue"),
    [
        ("abc", "10", "COORDINATE_INVALID"),
        ("10", "", "COORDINATE_INVALID"),
        ("10 E", "10", "COORDINATE_INVALID"),
        ("10.5 30", "10", "COORDINATE_INVALID"),
        ("02 26 -- S", "10", "COORDINATE_INVALID"),
        ("91", "10", "COORDINATE_OUT_OF_RANGE"),
        ("10", "-180.5", "COORDINATE_OUT_OF_RANGE"),
        ("0.0", "0", "ZERO_COORDINATE"),
    ],
)
def test_unusable_coordinates_are_not_placed(latitude: str, longitude: str, issue: str) -> None:
    assert at(latitude, longitude) == ((None, None), [issue])
    assert issue in ISSUES


@given(
    st.floats(-90, 90).map(lambda x: round(x, 6)), st.floats(-180, 180).map(lambda x: round(x, 6))
)
def test_decimal_degrees_come_back_exactly(latitude: float, longitude: float) -> None:
    if (latitude, longitude) != (0, 0):
        assert at(f"{latitude:.6f}", f"{longitude:.6f}") == ((latitude, longitude), [])


def test_verbatim_coordinates_stand_in_for_missing_decimal_ones() -> None:
    cells = {"verbatimLatitude": "10 15 N", "verbatimLongitude": "83 45 W"}
    assert coordinates(cells, []) == (10.25, -83.75)


@pytest.mark.parametrize(
    ("text", "metres"),
    [("42.5", 42.5), ("100 m", 100.0), ("2 km", 2000.0), ("27754.0", 27754.0)],
)
def test_uncertainty_in_metres(text: str, metres: float) -> None:
    issues: list[str] = []
    assert uncertainty_m({"coordinateUncertaintyInMeters": text}, issues) == metres
    assert issues == []


@pytest.mark.parametrize("text", ["0", "-5", "large", "9000000", "1" * 400])
def test_unusable_uncertainty(text: str) -> None:
    issues: list[str] = []
    assert uncertainty_m({"coordinateUncertaintyInMeters": text}, issues) is None
    assert issues == ["COORDINATE_UNCERTAINTY_METERS_INVALID"]


@pytest.mark.parametrize(
    ("name", "code", "expected", "wrong"),
    [
        ("Denmark", "DK", ("Denmark", "DK"), []),
        ("", "dk", ("Denmark", "DK"), []),
        ("", "CRI", ("Costa Rica", "CR"), []),
        ("USA", "", ("United States", "US"), []),
        ("england", "", ("United Kingdom", "GB"), []),
        ("Côte d’Ivoire", "", ("Côte d'Ivoire", "CI"), []),
        ("", "NA", ("Namibia", "NA"), []),
        ("Borneo", "", ("Borneo", None), ["COUNTRY_INVALID"]),
        ("Denmark", "QQ", ("Denmark", "DK"), ["COUNTRY_INVALID"]),
        ("Sweden", "DK", ("Denmark", "DK"), ["COUNTRY_MISMATCH"]),
        ("", "", (None, None), []),
    ],
)
def test_countries(name: str, code: str, expected: tuple[object, object], wrong: list[str]) -> None:
    issues: list[str] = []
    cells = {k: v for k, v in (("country", name), ("countryCode", code)) if v}
    assert country(cells, issues) == expected
    assert issues == wrong


def test_the_table_of_countries_is_whole() -> None:
    assert len(NAMES) == 250
    for code, name in NAMES.items():
        assert len(code) == 2
        assert name
        assert country_code(name) == country_code(code) == code

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.darwincore import term


@pytest.mark.parametrize(
    ("given_name", "simple"),
    [
        ("http://rs.tdwg.org/dwc/terms/sex", "sex"),
        ("dwc:sex", "sex"),
        ("Sex ", "sex"),
        ("\ufeffoccurrenceID", "occurrenceID"),
        ('"gbifid"', "gbifID"),
        ("decimal_latitude", "decimalLatitude"),
        ("lat", "decimalLatitude"),
        ("long", "decimalLongitude"),
        ("dcterms:license", "license"),
        ("licence", "license"),
        ("http://purl.org/dc/terms/identifier", "identifier"),
        ("http://ns.adobe.com/xap/1.0/rights/WebStatement", "WebStatement"),
        ("ac:accessURI", "accessURI"),
        ("View", "subjectOrientation"),
        ("Catalog Number", "catalogNumber"),
        ("class", "class"),
        ("dwc:taxonrank", "taxonRank"),
        ("http://unknown.org/nick", "nick"),
        ("speciesdesig", "speciesdesig"),
    ],
)
def test_any_spelling_of_a_term(given_name: str, simple: str) -> None:
    assert term(given_name) == simple


@given(st.text())
def test_a_simple_name_stays_what_it_is(name: str) -> None:
    assert term(term(name)) == term(name)

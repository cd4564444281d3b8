import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.darwincore import ISSUES, parse_record
from core.db import tables
from core.errors import RejectedRow

SPECIMEN = {
    "http://rs.tdwg.org/dwc/terms/occurrenceID": "https://museum.example/s/1",
    "dwc:basisOfRecord": "PRESERVED_SPECIMEN",
    "institutionCode": "YPM",
    "Collection Code": "ENT",
    "catalog_number": "012345",
    "scientificName": "Heliconius erato notabilis Salvin & Godman, 1868",
    "kingdom": "ANIMALIA",
    "class": "Insecta",
    "family": "nymphalidae",
    "sex": "♀",
    "lifeStage": "Adult",
    "eventDate": "V.1903",
    "country": "Ecuador",
    "locality": "Baños",
    "decimalLatitude": "-1.58",
    "decimalLongitude": "-77.75",
    "license": "CC BY-NC 4.0",
    "rightsHolder": "Peabody Museum",
    "higherClassification": "Animalia|Arthropoda",
    "blank": "  ",
}


def test_a_specimen_in_mixed_spellings() -> None:
    record = parse_record(SPECIMEN)
    assert record.occurrence_id == record.references_url == "https://museum.example/s/1"
    assert record.basis_of_record == "PreservedSpecimen"
    assert (record.institution_code, record.collection_code, record.catalog_number) == (
        "YPM",
        "ENT",
        "012345",
    )
    assert record.scientific_name == "Heliconius erato notabilis Salvin & Godman, 1868"
    assert record.canonical_name == "Heliconius erato notabilis"
    assert record.authorship == "Salvin & Godman, 1868"
    assert record.taxon_rank == "subspecies"
    assert (record.kingdom, record.class_, record.family) == ("Animalia", "Insecta", "Nymphalidae")
    assert (record.genus, record.species) == ("Heliconius", "Heliconius erato")
    assert (record.sex, record.life_stage) == ("female", "adult")
    assert record.event_date == "V.1903"
    assert record.event_start == datetime.date(1903, 5, 1)
    assert record.event_end == datetime.date(1903, 5, 31)
    assert (record.country, record.country_code) == ("Ecuador", "EC")
    assert (record.decimal_latitude, record.decimal_longitude) == (-1.58, -77.75)
    assert (record.licence_raw, record.licence) == ("CC BY-NC 4.0", "CC-BY-NC-4.0")
    assert record.issues == ()
    assert record.verbatim == {k: v for k, v in SPECIMEN.items() if k != "blank"}


def test_columns_are_exactly_the_content_columns_of_the_table() -> None:
    kept_by_the_ingestor = {
        *("id", "dataset_id", "source", "source_record_id"),
        *("first_seen", "last_seen", "withdrawn_at", "interpreter"),
        *("occurrence_key", "catalog_key", "specimen_id"),  # for merging, from the others
    }
    assert set(parse_record(SPECIMEN).as_columns()) == (
        {column.name for column in tables.record.columns} - kept_by_the_ingestor
    )


def test_the_taxon_row_fits_its_table_and_carries_the_lineage() -> None:
    taxon = parse_record(SPECIMEN).taxon_columns()
    assert taxon is not None
    assert set(taxon) == {column.name for column in tables.taxon.columns}
    assert taxon["lineage"] == "Animalia|Insecta|Nymphalidae|Heliconius|Heliconius erato"
    assert (taxon["checklist_key"], taxon["taxon_key"]) == ("", "Heliconius erato notabilis")


def test_gbif_taxon_keys_belong_to_their_checklist() -> None:
    row = {"taxonKey": "3329049", "scientificName": "Amanita muscaria (L.) Hook."}
    record = parse_record(row)
    assert (record.taxon_key, record.checklist_key) == (
        "3329049",
        "d7dddbf4-2cf0-4f39-9b2a-bb099caae36c",
    )
    named = parse_record({**row, "taxonKey": "GKTX", "checklistKey": "col-xr"})
    assert (named.taxon_key, named.checklist_key) == ("GKTX", "col-xr")


@pytest.mark.parametrize(
    ("row", "species", "issues"),
    [
        ({"genus": "puma", "specificEpithet": "concolor"}, "Puma concolor", ()),
        ({"scientificName": "Puma cf. concolor"}, None, ("TAXON_UNCERTAIN",)),
        (
            {"scientificName": "Puma concolor", "identificationQualifier": "cf."},
            None,
            ("TAXON_UNCERTAIN",),
        ),
        ({"scientificName": "Puma", "specificEpithet": "cf. concolor", "genus": "Puma"}, None, ()),
        ({"scientificName": "Felis concolor", "species": "Puma concolor"}, "Puma concolor", ()),
        ({"species": "erato", "Subspecies": "notabilis"}, None, ("TAXON_NAME_MISSING",)),
        ({"family": "Felidae"}, None, ()),
    ],
)
def test_species_of_a_row(row: dict[str, str], species: str | None, issues: tuple[str]) -> None:
    record = parse_record(row)
    assert record.species == species
    assert record.issues == issues


def test_the_lowest_rank_names_a_row_without_a_name() -> None:
    record = parse_record({"kingdom": "Animalia", "family": "Felidae"})
    assert (record.scientific_name, record.taxon_rank) == ("Felidae", "family")


def test_what_cannot_be_used_is_told_and_kept() -> None:
    row = {
        "scientificName": "Puma concolor",
        "basisOfRecord": "hearsay",
        "eventDate": "3/6/1971",
        "decimalLatitude": "95",
        "decimalLongitude": "10",
        "coordinateUncertaintyInMeters": "large",
        "country": "Atlantis",
        "license": "http://museum.example/terms.pdf",
    }
    record = parse_record(row)
    assert record.issues == (
        "BASIS_OF_RECORD_INVALID",
        "RECORDED_DATE_AMBIGUOUS",
        "COUNTRY_INVALID",
        "COORDINATE_OUT_OF_RANGE",
        "COORDINATE_UNCERTAINTY_METERS_INVALID",
        "LICENCE_UNKNOWN",
    )
    assert record.basis_of_record is record.event_start is record.decimal_latitude is None
    assert record.country == "Atlantis"
    assert record.verbatim == row


def test_the_first_licence_that_is_known_counts() -> None:
    record = parse_record({"WebStatement": "http://hdl.example/terms", "rights": "CC0"})
    assert (record.licence_raw, record.licence) == ("CC0", "CC0-1.0")
    assert parse_record({"sex": "m"}).licence == "UNKNOWN"


def test_words_for_blank_are_blank_and_kept_verbatim() -> None:
    row = {"sex": "NA", "countryCode": "NA", "locality": "null", "county": "-", "license": "N/A"}
    record = parse_record(row)
    assert record.sex is record.locality is record.county is record.licence_raw is None
    assert record.country == "Namibia"
    assert record.verbatim == row


def test_the_hash_is_of_the_cells_whatever_their_order() -> None:
    row = {"a": "1", "b": "2"}
    assert parse_record(row).content_hash == parse_record({"b": "2", "a": "1"}).content_hash
    assert parse_record(row).content_hash != parse_record({"a": "1", "b": "3"}).content_hash
    assert parse_record(row).content_hash != parse_record({"a": "1", "c": "2"}).content_hash


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "empty"),
        ({"sex": " ", "x": ""}, "empty"),
        ({"sex": "m\0a\0l\0e\0"}, "NUL"),
        ({"sex": "\udcff"}, "encoding"),
    ],
)
def test_only_empty_and_undecodable_rows_are_rejected(row: dict[str, str], reason: str) -> None:
    with pytest.raises(RejectedRow, match=reason):
        parse_record(row)


TERMS = """
scientificName eventDate year month day decimalLatitude decimalLongitude country countryCode
license basisOfRecord genus specificEpithet species taxonRank sex references taxonKey
coordinateUncertaintyInMeters identificationQualifier verbatimLatitude
"""


@given(
    st.dictionaries(
        st.text() | st.sampled_from(TERMS.split()),
        st.text(st.characters(codec="utf-8")),
        max_size=12,
    )
)
def test_any_row_is_parsed_whole_or_rejected_with_a_reason(row: dict[str, str]) -> None:
    try:
        record = parse_record(row)
    except RejectedRow:
        assert not any(v.strip() for v in row.values()) or any(
            "\0" in k + v for k, v in row.items()
        )
        return
    assert record.verbatim == {k: v for k, v in row.items() if v.strip()}
    assert set(record.issues) <= set(ISSUES)
    assert (record.decimal_latitude is None) == (record.decimal_longitude is None)
    assert (record.event_start is None) == (record.event_end is None)
    assert (record.taxon_columns() is None) == (record.scientific_name is None)

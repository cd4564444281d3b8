"""Occurrences of GBIF to rows: real answers with nothing lost, media paired within the record."""

import hashlib
import json
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import darwincore
from core.errors import RejectedRow
from ingestor.sources.gbif_record import identifier_of, occurrence_row
from tests.paths import needs_shared
from tests.unit.ingestor.recorded import gbif_occurrences

DC = "http://purl.org/dc/terms/"
MULTIMEDIA = "http://rs.gbif.org/terms/1.0/Multimedia"


def row(occurrence, rendition="small", checklist=""):
    return occurrence_row(occurrence, "https://gbif.example", rendition, checklist)


@needs_shared
def test_every_value_of_the_real_answers_is_kept_as_it_came():
    seen = 0
    for occurrence in gbif_occurrences():
        made = row(occurrence)
        for name, value in occurrence.items():
            seen += 1
            if isinstance(value, list | dict):
                assert json.loads(made.kept[name]) == value
            elif isinstance(value, str):
                assert made.fields[name] == value
            else:
                assert json.loads(made.fields[name]) == value
        assert made.source_record_id == occurrence["gbifID"]
        assert made.dataset_key == occurrence["datasetKey"]
    assert seen > 20_000


CC = re.compile(r"creativecommons\.org/(?:licenses/([a-z-]+)/([\d.]+)|publicdomain/zero/([\d.]+))")


@needs_shared
def test_what_is_interpreted_agrees_with_an_independent_reading():
    compared = 0
    for occurrence in gbif_occurrences():
        parsed = darwincore.parse_record(row(occurrence).fields)
        for column, name in (
            ("catalog_number", "catalogNumber"),
            ("institution_code", "institutionCode"),
            ("recorded_by", "recordedBy"),
            ("scientific_name", "scientificName"),
            ("species", "species"),
            ("family", "family"),
            ("event_date", "eventDate"),
        ):
            given = occurrence.get(name)
            if given is not None and (name != "species" or " " in given):
                assert getattr(parsed, column) == " ".join(given.split()), name
                compared += 1
        assert parsed.taxon_key == str(occurrence["taxonKey"])
        assert parsed.decimal_latitude == occurrence.get("decimalLatitude")
        assert parsed.decimal_longitude == occurrence.get("decimalLongitude")
        if "day" in occurrence and "/" not in occurrence["eventDate"]:
            date = (occurrence["year"], occurrence["month"], occurrence["day"])
            start = parsed.event_start
            assert (start.year, start.month, start.day) == date
            assert start == parsed.event_end
        if found := CC.search(occurrence.get("license", "")):
            kind, version, zero = found.groups()
            expected = f"CC0-{zero}" if zero else f"CC-{kind.upper()}-{version}"
            assert parsed.licence == expected
    assert compared > 2000


@needs_shared
def test_every_real_medium_is_with_its_own_record():
    linked = pages = 0
    for occurrence in gbif_occurrences():
        made = row(occurrence)
        published = occurrence["media"]
        assert len(made.media) == len(published)
        record = darwincore.parse_record(made.fields)
        for medium, own in zip(made.media, published, strict=True):
            assert {name: medium.fields[name] for name in own} == own
            if "identifier" not in own:
                pages += 1
                with pytest.raises(RejectedRow, match="page"):
                    darwincore.parse_media(medium.fields, record)
                continue
            parsed = darwincore.parse_media(medium.fields, record)
            assert parsed.identifier == own["identifier"]
            assert parsed.licence_raw == own.get("license", parsed.licence_raw)
            extension = [
                e
                for rows in occurrence["extensions"].values()
                for e in rows
                if own["identifier"] in (e.get(f"{DC}identifier"), e.get(f"{DC}accessURI"))
            ]
            for each in extension[:1]:
                creator = own.get("creator") or each.get(f"{DC}creator")
                assert parsed.creator == (creator and " ".join(creator.split()))
            linked += 1
    assert (linked, pages) == (642, 6)


link = st.integers(0, 10**9).map(lambda n: f"https://m.example/{n}.jpg")


@given(st.lists(link, min_size=0, max_size=7, unique=True), st.randoms(use_true_random=False))
def test_media_are_completed_by_address_whatever_the_order(links, rng):
    media = [{"type": "StillImage", "identifier": each} for each in links]
    rows = [
        {f"{DC}identifier": each.replace("https:", "http:"), f"{DC}creator": f"by {each}"}
        for each in links
    ]
    rng.shuffle(rows)
    rng.shuffle(media)
    made = row({"key": 1, "datasetKey": "d", "media": media, "extensions": {MULTIMEDIA: rows}})
    assert [m.fields["identifier"] for m in made.media] == [m["identifier"] for m in media]
    for medium in made.media:
        assert medium.fields[f"{DC}creator"] == f"by {medium.fields['identifier']}"


def test_two_media_of_one_page_are_not_mixed():
    page = "https://museum.example/object/7"
    media = [{"identifier": f"https://m.example/{n}.jpg", "references": page} for n in (1, 2)]
    rows = [
        {f"{DC}identifier": m["identifier"], f"{DC}references": page, f"{DC}title": f"no {n}"}
        for n, m in enumerate(media, 1)
    ]
    occurrence = {
        "key": 1,
        "datasetKey": "d",
        "media": media,
        "extensions": {MULTIMEDIA: rows[::-1]},
    }
    assert [m.fields[f"{DC}title"] for m in row(occurrence).media] == ["no 1", "no 2"]


def test_what_gbif_left_out_of_its_own_list_is_taken_from_the_publisher():
    rows = [{f"{DC}identifier": "https://m.example/1.jpg"}]
    made = row({"key": 1, "datasetKey": "d", "media": [], "extensions": {MULTIMEDIA: rows}})
    assert [identifier_of(m.fields) for m in made.media] == ["https://m.example/1.jpg"]


def test_renditions():
    iiif = "https://iiif.example/2/a%2Fb/full/full/0/default.jpg"
    plain = "https://m.example/1.jpg"
    media = [{"identifier": iiif}, {"identifier": plain}]
    occurrence = {"key": 42, "datasetKey": "d", "media": media}

    def urls(rendition):
        return [m.fetch_url for m in row(occurrence, rendition).media]

    assert urls("small") == ["https://iiif.example/2/a%2Fb/full/!1024,1024/0/default.jpg", None]
    assert urls("original") == [None, None]
    cache = "https://gbif.example/v1/image/cache/1200x/occurrence/42/media/"
    assert urls("cache") == [cache + hashlib.md5(i.encode()).hexdigest() for i in (iiif, plain)]


CLASSIFIED = {
    "key": 1,
    "datasetKey": "d",
    "taxonKey": 3118771,
    "scientificName": "Encelia californica Nutt.",
    "family": "Asteraceae",
    "classifications": {
        "col": {
            "usage": {"key": "39N5S", "name": "Encelia californica Nutt.", "rank": "SPECIES"},
            "classification": [
                {"key": "TP", "name": "Tracheophyta", "rank": "PHYLUM"},
                {"key": "622TP", "name": "Asteraceae (COL)", "rank": "FAMILY"},
            ],
        },
        "backbone": {"usage": {"key": "3118771", "name": "Encelia californica Nutt."}},
    },
}


@pytest.mark.parametrize(
    ("checklist", "key", "family"),
    [("", ("backbone", "3118771"), "Asteraceae"), ("col", ("col", "39N5S"), "Asteraceae (COL)")],
)
def test_the_taxon_is_that_of_the_checklist_asked_for(checklist, key, family):
    made = row(CLASSIFIED, checklist=checklist)
    parsed = darwincore.parse_record(made.fields)
    assert (parsed.checklist_key, parsed.taxon_key) == key
    assert parsed.family == family
    assert parsed.verbatim["taxonKey"] == "3118771"
    assert parsed.verbatim["family"] == "Asteraceae"


@needs_shared
def test_real_string_keys_are_read_where_they_are_asked_for():
    col = "7ddf754f-d193-4cc9-b351-99906754a03b"
    classified = [o for o in gbif_occurrences() if col in o.get("classifications", {})]
    assert len(classified) == 106
    for occurrence in classified:
        parsed = darwincore.parse_record(row(occurrence, checklist=col).fields)
        assert parsed.checklist_key == col
        assert parsed.taxon_key == occurrence["classifications"][col]["usage"]["key"]


def test_shuffling_the_keys_changes_nothing():
    keys = list(CLASSIFIED)
    random.Random(3).shuffle(keys)
    shuffled = {key: CLASSIFIED[key] for key in keys}
    parsed = [darwincore.parse_record(row(o).fields) for o in (CLASSIFIED, shuffled)]
    assert parsed[0] == parsed[1]


def test_a_peabody_name_becomes_a_link_and_stays():
    name = "ypm:e1ce7f3b-fef8-44a3-bacf-60d65c5a478c"
    media = [{"type": "StillImage", "identifier": name}]
    medium = row({"key": 1, "datasetKey": "d", "media": media}).media[0]
    service = f"https://images.collections.yale.edu/iiif/2/{name}"
    parsed = darwincore.parse_media(medium.fields)
    assert parsed.identifier == f"{service}/full/full/0/default.jpg"
    assert medium.fetch_url == f"{service}/full/!1024,1024/0/default.jpg"
    assert name in medium.fields.values()

"""iDigBio's records and media to rows: joined by uuid, as published, nothing invented."""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import darwincore
from core.errors import InvalidSetting, RejectedRow
from ingestor.sources.idigbio import parse_rq
from ingestor.sources.idigbio_record import join, medium_row, specimen_row
from tests.paths import needs_shared
from tests.unit.ingestor.recorded import idigbio_records

API = "https://media.example"

MORPHBANK = {
    "uuid": "003b2287-1f6c-4897-bd59-2e58f6022739",
    "type": "mediarecords",
    "indexTerms": {
        "accessuri": "http://www.morphbank.net?id=103926&imgType=jpeg",
        "type": "stillimage",
        "mediatype": "images",
        "format": "image/jpeg",
        "xpixels": 1920,
        "rights": "BY-NC-SA",
        "webstatement": "http://creativecommons.org/licenses/by-nc-sa/4.0/",
        "records": ["4bd36c58-e935-4c2b-82f5-21a83b359557"],
    },
    "data": {
        "ac:accessURI": "http://www.morphbank.net?id=103926&imgType=jpeg",
        "dc:type": "StillImage",
        "dc:rights": "by-nc-sa",
        "xmpRights:WebStatement": '<a rel="license" href="http://creativecommons.org/licenses/'
        'by-nc-sa/3.0/us/">terms</a>',
        "xmpRights:Owner": "M.L. Buffington",
        "ac:subjectOrientation": "Dorsal",
    },
}


def medium(data, uuid_="m", **terms):
    return {"uuid": uuid_, "data": data, "indexTerms": terms}


def parsed(item, rendition="small"):
    row = medium_row(item, API, rendition)
    return darwincore.parse_media(row.fields), row.fetch_url


def test_the_licence_version_stays_as_published():
    found, fetch_url = parsed(MORPHBANK)
    assert found.licence == "CC-BY-NC-SA-3.0-US"
    assert found.rights_holder == "M.L. Buffington"
    assert found.view == "dorsal"
    assert found.media_type == "image/jpeg"
    assert found.identifier == "http://www.morphbank.net?id=103926&imgType=jpeg"
    assert fetch_url == f"{API}/v2/media/{MORPHBANK['uuid']}?size=webview"
    assert parsed(MORPHBANK, "original")[1] is None


@pytest.mark.parametrize(
    ("data", "terms"),
    [
        ({"ac:accessURI": "https://a.example/1", "dcterms:type": "Sound"}, {}),
        ({"ac:accessURI": "https://a.example/1", "dcterms:type": "MovingImage"}, {}),
        ({"ac:accessURI": "https://a.example/1"}, {"type": "sound"}),
        ({"ac:accessURI": "https://a.example/1"}, {"format": "audio/mpeg"}),
        ({"ac:accessURI": "https://a.example/1", "dcterms:format": "video/mp4"}, {}),
    ],
)
def test_sound_and_video_are_refused(data, terms):
    with pytest.raises(RejectedRow, match="not .*still image"):
        parsed(medium(data, **terms))


def test_the_publishers_word_counts_before_the_index():
    data = {"ac:accessURI": "https://a.example/1.jpg", "dc:type": "StillImage"}
    found, _ = parsed(medium(data, type="sound", accessuri="https://other.example/2.jpg"))
    assert found.identifier == "https://a.example/1.jpg"


YPM = "ypm:e1ce7f3b-fef8-44a3-bacf-60d65c5a478c"
YALE = f"https://images.collections.yale.edu/iiif/2/{YPM}"


@pytest.mark.parametrize(
    ("published", "identifier"),
    [
        (f"{YALE}/full/full/0/default.jpg", f"{YALE}/full/full/0/default.jpg"),
        (f"{YALE}/full/!1920,1920/0/default.jpg", f"{YALE}/full/!1920,1920/0/default.jpg"),
        (YPM, f"{YALE}/full/full/0/default.jpg"),
    ],
)
def test_peabody_images_are_fetched_from_yale_in_a_smaller_size(published, identifier):
    item = medium({"ac:accessURI": published, "dc:rights": "CC0"})
    found, fetch_url = parsed(item)
    assert fetch_url == f"{YALE}/full/!1024,1024/0/default.jpg"
    assert found.identifier == identifier
    assert found.licence == "CC0-1.0"
    assert published in medium_row(item, API, "small").fields.values()


def record(uuid_="r", media=(), **data):
    terms = {"uuid": uuid_, "recordset": "set", "mediarecords": list(media)}
    return {"uuid": uuid_, "data": {"dwc:catalogNumber": uuid_} | data, "indexTerms": terms}


@pytest.mark.parametrize(
    ("verbatim", "invented", "interval"),
    [
        ("1929", "1929-08-27", ("1929-01-01", "1929-12-31")),
        ("1892-11", "1892-11-08", ("1892-11-01", "1892-11-30")),
        ("2014-01-01/2014-12-31", "2014-01-01T20:14:00", ("2014-01-01", "2014-12-31")),
        (None, "1900-01-01", (None, None)),
    ],
)
def test_dates_of_the_index_are_never_believed(verbatim, invented, interval):
    item = record(**({"dwc:eventDate": verbatim} if verbatim else {}))
    item["indexTerms"]["datecollected"] = invented
    row = specimen_row(item, [], API, "small")
    found = darwincore.parse_record(row.fields)
    assert (
        str(found.event_start) if found.event_start else None,
        str(found.event_end) if found.event_end else None,
    ) == interval
    assert found.event_date == verbatim
    assert json.loads(row.kept["idigbio:indexTerms"])["datecollected"] == invented


def test_an_iiif_image_that_only_the_record_names_is_taken_once():
    link = f"{YALE}/full/full/0/default.jpg"
    item = record(**{"dwc:associatedMedia": f"https://museum.example/page; {link}"})
    alone = specimen_row(item, [], API, "small")
    assert [m.fields["identifier"] for m in alone.media] == [link]
    same = medium({"ac:accessURI": f"{YALE}/full/!1920,1920/0/default.jpg"})
    assert len(specimen_row(item, [same], API, "small").media) == 1


@needs_shared
def test_every_value_of_the_real_records_is_kept_as_it_came():
    items = idigbio_records()
    assert len(items) == 31
    for item in items:
        row = specimen_row(item, [], API, "small")
        assert row.source_record_id == item["uuid"]
        assert row.dataset_key == item["indexTerms"]["recordset"]
        for name, value in item["data"].items():
            if isinstance(value, list | dict):
                assert json.loads(row.kept[name]) == value
            else:
                assert row.fields[name] == value
        index = json.loads(row.kept["idigbio:indexTerms"])
        assert index == {k: v for k, v in item["indexTerms"].items() if k != "indexData"}


@needs_shared
def test_what_is_interpreted_agrees_with_an_independent_reading():
    for item in idigbio_records():
        data = item["data"]
        found = darwincore.parse_record(specimen_row(item, [], API, "small").fields)
        for column, name in (
            ("catalog_number", "dwc:catalogNumber"),
            ("institution_code", "dwc:institutionCode"),
            ("occurrence_id", "dwc:occurrenceID"),
            ("recorded_by", "dwc:recordedBy"),
            ("scientific_name", "dwc:scientificName"),
            ("event_date", "dwc:eventDate"),
            ("county", "dwc:county"),
        ):
            if name in data:
                assert getattr(found, column) == " ".join(data[name].split())
        if "dwc:decimalLatitude" in data:
            assert found.decimal_latitude == float(data["dwc:decimalLatitude"])
            assert found.decimal_longitude == float(data["dwc:decimalLongitude"])
        assert found.basis_of_record == "PreservedSpecimen"
        stated = data.get("dcterms:license") or data.get("dc:rights") or ""
        if "/by-nc/4.0" in stated:
            assert found.licence == "CC-BY-NC-4.0"
        if "/by-nc/3.0" in stated:
            assert found.licence == "CC-BY-NC-3.0"
        if stated.startswith("CC0"):
            assert found.licence == "CC0-1.0"


@st.composite
def pages(draw):
    """Records with 0 to 7 media, some shared, some known from one side only."""
    count = draw(st.integers(1, 12))
    owners = [str(uuid.UUID(int=n + 1)) for n in range(count)]
    pool = [str(uuid.UUID(int=1000 + n)) for n in range(draw(st.integers(0, 30)))]
    truth = {
        o: draw(st.lists(st.sampled_from(pool), max_size=7, unique=True)) if pool else []
        for o in owners
    }
    side = {
        (o, m): draw(st.sampled_from(["both", "record", "medium"]))
        for o, ms in truth.items()
        for m in ms
    }
    return truth, side, draw(st.permutations(owners)), draw(st.permutations(pool))


@given(pages())
def test_no_medium_ever_goes_to_the_wrong_record(page):
    truth, side, owners, pool = page
    records = {o: record(o, [m for m in truth[o] if side[o, m] != "medium"]) for o in owners}
    media = {
        m: medium(
            {"ac:accessURI": f"https://m.example/{m}.jpg"},
            m,
            records=[o for o in truth if m in truth[o] and side[o, m] != "record"],
        )
        for m in pool
    }
    joined = join(records, media)
    assert {o: sorted(ms) for o, ms in joined.items()} == {o: sorted(truth[o]) for o in owners}
    for owner in owners:
        row = specimen_row(records[owner], [media[m] for m in joined[owner]], API, "small")
        assert row.fields["dwc:catalogNumber"] == owner
        links = {m.fields["ac:accessURI"] for m in row.media}
        assert links == {f"https://m.example/{m}.jpg" for m in truth[owner]}


def test_the_query_is_that_of_the_portal():
    given = '{"order":"lepidoptera","data.dwc:institutionCode":"YPM"}'
    assert parse_rq(given) == {
        "order": "lepidoptera",
        "data.dwc:institutionCode": "YPM",
        "hasImage": True,
    }
    assert parse_rq('{"hasImage":false,"genus":"puma"}')["hasImage"] is False


@pytest.mark.parametrize(
    ("text", "said"), [("{", "not JSON"), ("[]", "JSON object"), ('{"uuid":"x"}', "uuid")]
)
def test_a_query_that_cannot_be_asked_is_refused(text, said):
    with pytest.raises(InvalidSetting, match=said):
        parse_rq(text)

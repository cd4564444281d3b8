import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.darwincore import parse_media, parse_record
from core.errors import RejectedRow

LINK = "https://museum.example/media/1.jpg"


def test_a_row_of_the_gbif_multimedia_extension() -> None:
    media = parse_media(
        {
            "http://purl.org/dc/terms/type": "StillImage",
            "http://purl.org/dc/terms/format": "image/jpeg",
            "http://purl.org/dc/terms/identifier": LINK,
            "http://purl.org/dc/terms/references": "https://museum.example/page/1",
            "http://purl.org/dc/terms/title": "Dorsal view of YPM 1",
            "http://purl.org/dc/terms/license": "http://creativecommons.org/licenses/by/4.0/",
            "http://purl.org/dc/terms/creator": "J. Doe",
            "http://purl.org/dc/terms/rightsHolder": "Peabody Museum",
        }
    )
    assert (media.identifier, media.media_type, media.kind) == (LINK, "image/jpeg", "StillImage")
    assert (media.title, media.view) == ("Dorsal view of YPM 1", "dorsal")
    assert (media.licence, media.creator) == ("CC-BY-4.0", "J. Doe")
    assert media.rights_holder == "Peabody Museum"
    assert media.references_url == "https://museum.example/page/1"


def test_a_row_of_audiovisual_core() -> None:
    media = parse_media(
        {
            "dcterms:identifier": "urn:uuid:003b2287-1f6c-4897-bd59-2e58f6022739",
            "ac:accessURI": "http://www.morphbank.example?id=103926&imgType=jpeg",
            "dc:type": "StillImage",
            "dc:rights": "by-nc-sa",
            "xmpRights:WebStatement": (
                '<a rel="license" href="http://creativecommons.org/licenses/by-nc-sa/3.0/us/">x</a>'
            ),
            "xmpRights:Owner": "M. Buff",
            "ac:subjectPart": "Hamuli",
            "ac:subjectOrientation": "Dorsal",
        }
    )
    assert media.identifier == "http://www.morphbank.example?id=103926&imgType=jpeg"
    assert media.licence == "CC-BY-NC-SA-3.0-US"
    assert (media.rights_holder, media.view) == ("M. Buff", "dorsal")


def test_the_record_stands_in_where_the_row_names_no_licence() -> None:
    record = parse_record({"license": "CC BY 4.0", "rightsHolder": "Peabody Museum"})
    media = parse_media({"identifier": LINK}, record)
    assert (media.licence, media.rights_holder) == ("CC-BY-4.0", "Peabody Museum")
    strict = parse_media({"identifier": LINK, "license": "All rights reserved"}, record)
    assert strict.licence == "ALL-RIGHTS-RESERVED"
    assert parse_media({"identifier": LINK}).licence == "UNKNOWN"


@pytest.mark.parametrize(
    ("row", "view"),
    [
        ({"view": "ventral"}, "ventral"),
        ({"subjectOrientation": "D"}, "dorsal"),
        ({"subjectOrientation": "http://rs.tdwg.org/acorient/values/r0007"}, "ventral"),
        ({"subjectOrientation": "left lateral"}, "left"),
        ({"subjectOrientation": "unspecifiedOrientation"}, None),
        ({"subjectOrientation": "oblique"}, "oblique"),
        ({"subjectPart": "specimen label", "subjectOrientation": "dorsal"}, "label"),
        ({"title": "Labels of YPM 1"}, "label"),
        ({"title": "Dorsal and ventral sides"}, None),
        ({"title": "A dorsally striped frog"}, None),
        ({}, None),
    ],
)
def test_views(row: dict[str, str], view: str | None) -> None:
    assert parse_media({"identifier": LINK, **row}).view == view


@pytest.mark.parametrize(
    "identifier",
    [
        LINK,
        "http://unimus.example/hent_bilde.php?id=1&type=jpeg",
        "https://api.museum.example/v2/media/0a1b2c",
        "https://museum.example/my photo.jpg",
        "media/sheet 1.JPG",
        "1.tif",
        "zip:///data/archive.zip!/media/1.jpg",
    ],
)
def test_links_and_paths_are_taken(identifier: str) -> None:
    assert parse_media({"identifier": identifier}).identifier == identifier


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"type": "Sound", "identifier": LINK}, "of type 'Sound'"),
        ({"type": "MovingImage", "identifier": LINK}, "MovingImage"),
        ({"type": "http://purl.org/dc/dcmitype/Sound", "identifier": LINK}, "Sound"),
        ({"format": "audio/mpeg", "identifier": LINK}, "audio/mpeg"),
        ({"format": "text/html", "identifier": LINK}, "text/html"),
        ({"format": "image/svg+xml", "identifier": LINK}, "svg"),
        ({"identifier": "https://museum.example/a.mp4"}, "video"),
        ({"identifier": "https://museum.example/a.html?x=1.jpg"}, "web page"),
        ({"references": "https://museum.example/page"}, "only to a page"),
        ({"identifier": "urn:uuid:1"}, "no link to a file"),
        ({"identifier": "https://a.example/1.jpg https://a.example/2.jpg"}, "no link to a file"),
        ({"title": "x"}, "no identifier"),
        ({}, "empty"),
    ],
)
def test_what_is_no_still_image_is_rejected_with_the_reason(row, reason) -> None:
    with pytest.raises(RejectedRow, match=reason):
        parse_media(row)


TERMS = ("identifier", "accessURI", "type", "format", "license", "subjectOrientation", "references")


@given(
    st.dictionaries(
        st.sampled_from(TERMS), st.text() | st.text().map("https://".__add__), max_size=6
    )
)
def test_any_row_is_an_image_or_rejected(row: dict[str, str]) -> None:
    with contextlib.suppress(RejectedRow):
        media = parse_media(row)
        assert media.identifier in {" ".join(value.split()) for value in row.values()}

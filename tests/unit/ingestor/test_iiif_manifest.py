"""IIIF manifests of both versions, and image addresses."""

import pytest

from core import darwincore
from ingestor.sources.iiif_image import service_of, smaller
from ingestor.sources.iiif_manifest import in_words, manifest_row, parts_of, service_row

BASE = "https://iiif.example/2/a%2Fb"


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        (f"{BASE}/full/full/0/default.jpg", f"{BASE}/full/!1024,1024/0/default.jpg"),
        (f"{BASE}/full/max/0/default.png", f"{BASE}/full/!1024,1024/0/default.jpg"),
        (f"{BASE}/full/!1920,1920/0/default.jpg", f"{BASE}/full/!1024,1024/0/default.jpg"),
        (f"{BASE}/full/pct:50/90/default.jpg", f"{BASE}/full/!1024,1024/90/default.jpg"),
        (f"{BASE}/full/4000,/0/native.jpg", f"{BASE}/full/!1024,1024/0/default.jpg"),
        (f"{BASE}/full/!448,448/0/default.jpg", f"{BASE}/full/!448,448/0/default.jpg"),
        (f"{BASE}/full/600,/0/default.jpg", f"{BASE}/full/600,/0/default.jpg"),
        (f"{BASE}/10,10,50,50/full/0/default.jpg", None),  # a part of the picture
        ("https://m.example/full/1.jpg", None),
        ("ypm:not-a-uuid", None),
        ("", None),
    ],
)
def test_smaller_renditions(published, expected):
    assert smaller(published) == expected
    assert (service_of(published) is None) == (expected is None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ({"en": ["a", "b"]}, "a | b"),
        ({"de": ["x"], "none": ["y"]}, "y"),
        ({"fr": ["x"]}, "x"),
        (
            [{"@value": "deutsch", "@language": "de"}, {"@value": "english", "@language": "en"}],
            "english",
        ),
        (
            [{"@value": "deutsch", "@language": "de"}, {"@value": "dansk", "@language": "da"}],
            "deutsch",
        ),
        (["a", {"@value": "b"}], "a | b"),
        ({"@id": "https://licence.example"}, "https://licence.example"),
        (7, "7"),
        (None, ""),
        ({}, ""),
        ([], ""),
    ],
)
def test_texts_of_every_form(value, expected):
    assert in_words(value) == expected


def canvas_3(body, **more):
    note = {"type": "Annotation", "motivation": "painting", "body": body}
    return {"type": "Canvas", "items": [{"type": "AnnotationPage", "items": [note]}]} | more


def manifest_3(*canvases, **more):
    return {"id": "https://m.example/1", "type": "Manifest", "items": list(canvases)} | more


def images(manifest):
    row = manifest_row(manifest, "set")
    return [(m.fields.get("identifier"), m.fetch_url) for m in row.media]


def picture(service=None):
    found = {"id": f"{BASE}/full/max/0/default.jpg", "type": "Image", "format": "image/jpeg"}
    return found | ({"service": [service]} if service else {})


@pytest.mark.parametrize(
    ("service", "side"),
    [
        ({"id": BASE, "type": "ImageService3", "profile": "level2"}, 1024),
        ({"@id": BASE, "@type": "ImageService2"}, 1024),
        ({"id": BASE, "type": "ImageService3", "maxWidth": 600, "maxHeight": 800}, 600),
        (None, 1024),
    ],
)
def test_the_service_of_a_picture_gives_a_smaller_one_within_its_limits(service, side):
    small = f"{BASE}/full/!{side},{side}/0/default.jpg"
    assert images(manifest_3(canvas_3(picture(service)))) == [(picture()["id"], small)]


def test_a_service_of_level_0_is_asked_only_for_the_sizes_it_has():
    sizes = [{"width": w, "height": w // 2} for w in (4000, 700, 100)]
    service = {"id": BASE, "type": "ImageService3", "profile": "level0"}
    with_sizes = images(manifest_3(canvas_3(picture(service | {"sizes": sizes}))))
    assert with_sizes[0][1] == f"{BASE}/full/700,350/0/default.jpg"
    assert images(manifest_3(canvas_3(picture(service))))[0][1] is None


def test_of_alternatives_the_first_is_taken():
    choice = {"type": "Choice", "items": [picture(), {"id": "https://m.example/x-ray.jpg"}]}
    assert len(images(manifest_3(canvas_3(choice)))) == 1
    oa = {
        "@type": "oa:Choice",
        "default": {"@id": "https://m.example/1.jpg", "@type": "dctypes:Image"},
    }
    canvas = {"@type": "sc:Canvas", "images": [{"resource": oa}]}
    two = {
        "@id": "https://m.example/1",
        "@type": "sc:Manifest",
        "sequences": [{"canvases": [canvas]}],
    }
    assert images(two) == [("https://m.example/1.jpg", None)]


def test_notes_about_a_canvas_are_no_pictures():
    note = {"type": "Annotation", "motivation": "commenting", "body": {"type": "TextualBody"}}
    canvas = {"type": "Canvas", "items": [{"items": [note]}]}
    assert images(manifest_3(canvas)) == []


def test_metadata_are_read_by_their_labels():
    pairs = {"Scientific Name": "Papilio machaon", "Catalog Number": "YPM ENT 1", "Country": "Peru"}
    metadata = [{"label": {"en": [k]}, "value": {"none": [v]}} for k, v in pairs.items()]
    manifest = manifest_3(
        metadata=metadata,
        rights="http://creativecommons.org/publicdomain/zero/1.0/",
        requiredStatement={"label": {"en": ["Attribution"]}, "value": {"en": ["Peabody"]}},
        homepage=[{"id": "https://museum.example/1"}],
    )
    row = manifest_row(manifest, "set")
    found = darwincore.parse_record(row.fields)
    assert found.species == "Papilio machaon"
    assert (found.catalog_number, found.country_code) == ("YPM ENT 1", "PE")
    assert (found.licence, found.rights_holder) == ("CC0-1.0", "Peabody")
    assert found.references_url == "https://museum.example/1"


def test_a_collection_lists_both_kinds_in_order():
    two = {"collections": [{"@id": "c"}], "manifests": [{"@id": "m", "@type": "sc:Manifest"}]}
    assert list(parts_of(two)) == [("collection", "c"), ("manifest", "m")]
    three = {"items": [{"id": "m", "type": "Manifest"}, {"id": "c", "type": "Collection"}]}
    assert list(parts_of(three)) == [("manifest", "m"), ("collection", "c")]


def test_an_image_service_is_a_record_of_one_image():
    info = {
        "@context": "http://iiif.io/api/image/3/context.json",
        "id": BASE,
        "protocol": "http://iiif.io/api/image",
        "maxWidth": 500,
    }
    row = service_row(info, f"{BASE}/info.json", "set")
    assert row.media[0].fields["identifier"] == f"{BASE}/full/max/0/default.jpg"
    assert row.media[0].fetch_url == f"{BASE}/full/!500,500/0/default.jpg"

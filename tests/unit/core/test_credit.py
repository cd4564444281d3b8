"""A credit written into files: every pixel stays, and other readers find what was written."""

import io
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from core.credit import Credit, credited

NAMES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "cc": "http://creativecommons.org/ns#",
}
CREDIT = Credit(
    line="© Åse <Painter> & Co., CC BY 4.0",
    creator="Åse <Painter>",
    rights_holder="Museum & Co.",
    licence="CC BY 4.0",
    licence_url="https://creativecommons.org/licenses/by/4.0/",
    source="https://museum.example/1?a=1&b=2",
)


def drawn(kind: str, mode: str = "RGB", **how: object) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (37, 51, len(mode)), np.uint8)
    if mode == "RGBA":
        noise[..., 3] |= 1  # WebP does not keep the colour of what is wholly transparent
    data = io.BytesIO()
    Image.fromarray(noise.squeeze(), mode).save(data, kind, **how)
    return data.getvalue()


def packet(data: bytes) -> ElementTree.Element:
    with Image.open(io.BytesIO(data)) as picture:
        written = picture.info.get("xmp") or picture.info["XML:com.adobe.xmp"]
    return ElementTree.fromstring(written.strip(b"\0") if isinstance(written, bytes) else written)


@pytest.mark.parametrize(
    ("kind", "mode", "how"),
    [
        ("JPEG", "RGB", {"exif": Image.Exif().tobytes()}),
        ("JPEG", "L", {"xmp": b"<x>of old</x>"}),
        ("PNG", "RGBA", {}),
        ("WEBP", "RGB", {"quality": 70}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("WEBP", "RGB", {"exif": Image.Exif().tobytes(), "xmp": b"<x>of old</x>"}),
    ],
)
def test_the_credit_is_read_by_others_and_no_pixel_changes(kind, mode, how):
    data = drawn(kind, mode, **how)
    made, ending = credited(data, CREDIT, (51, 37), "picture")
    assert ending == {"JPEG": "jpg"}.get(kind, kind.lower())
    with Image.open(io.BytesIO(made)) as after, Image.open(io.BytesIO(data)) as before:
        assert (after.format, after.mode, after.size) == (kind, mode, (51, 37))
        assert np.array_equal(np.asarray(after), np.asarray(before))
    root = packet(made)
    said = {
        tag: "".join(root.find(f".//{tag}", NAMES).itertext())
        for tag in (
            "dc:creator",
            "dc:rights",
            "xmpRights:Owner",
            "xmpRights:WebStatement",
            "dc:source",
        )
    }
    assert said == {
        "dc:creator": CREDIT.creator,
        "dc:rights": CREDIT.line,
        "xmpRights:Owner": CREDIT.rights_holder,
        "xmpRights:WebStatement": CREDIT.licence_url,
        "dc:source": CREDIT.source,
    }
    assert b"of old" not in made
    again, _ = credited(made, CREDIT, (51, 37), "picture")
    assert len(again) == len(made)


def test_what_nobody_said_is_not_written():
    made, _ = credited(
        drawn("PNG"), Credit("Licence not stated", None, None, "?", None, None), (51, 37), "x"
    )
    assert packet(made).find(".//dc:creator", NAMES) is None
    assert packet(made).find(".//cc:license", NAMES) is None


def test_other_files_are_packed_with_their_credit():
    data = drawn("GIF", "L")
    made, ending = credited(data, CREDIT, (51, 37), "picture.gif")
    assert ending == "zip"
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.read("picture.gif") == data
        assert CREDIT.line in archive.read("CREDIT.txt").decode()

import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms

from core import images
from core.errors import TooLarge, UnreadableImage
from tests.paths import SHARED_DATA, needs_shared

LIMITS = {"max_pixels": 10_000_000, "max_bytes": 10_000_000}
RED, GREEN, BLUE = (200, 30, 40), (30, 180, 60), (40, 60, 190)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def specimen(width: int = 64, height: int = 48) -> Image.Image:
    """Left third red, middle green, right blue; the top half darker."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for i, colour in enumerate((RED, GREEN, BLUE)):
        pixels[:, i * width // 3 : (i + 1) * width // 3] = colour
    pixels[: height // 2] //= 2
    return Image.fromarray(pixels)


def photograph(width: int = 300, height: int = 200) -> Image.Image:
    noise = np.random.default_rng(7).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(noise)


def decode(data: bytes, **options: Any) -> Image.Image:
    return images.decode(data, **{**LIMITS, **options})


def close(image: Image.Image, other: Image.Image, within: float = 6.0) -> bool:
    difference = np.asarray(image, np.int16) - np.asarray(other, np.int16)
    return bool(np.abs(difference).mean() < within)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("GIF", {}),
        ("JPEG2000", {}),
        ("AVIF", {"quality": 95}),
    ],
)
def test_every_format_we_say_is_read(kind: str, options: dict[str, Any]) -> None:
    image = decode(encoded(specimen(), kind, **options))
    assert (image.mode, image.size) == ("RGB", (64, 48))
    assert close(image, specimen())
    assert images.probe(encoded(specimen(), kind, **options)) == (64, 48, kind)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_every_orientation_comes_out_upright(orientation: int, kind: str) -> None:
    back = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = specimen()
    for turn in back[orientation]:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = encoded(stored, kind, exif=exif)
    assert images.probe(data)[:2] == (64, 48)
    image = decode(data)
    assert image.size == (64, 48)
    assert close(image, specimen(), 8)


def test_cmyk_as_photoshop_writes_it() -> None:
    data = encoded(specimen().convert("CMYK"), "JPEG", quality=95, subsampling=0)
    assert b"Adobe" in data  # the marker that says the inks are inverted
    assert close(decode(data), specimen(), 8)


def test_cmyk_tiff() -> None:
    assert close(decode(encoded(specimen().convert("CMYK"), "TIFF")), specimen(), 3)


def half_transparent(mode: str) -> Image.Image:
    rgba = specimen().convert("RGBA")
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[:, :32] = 0
    rgba.putalpha(Image.fromarray(alpha))
    return rgba.convert(mode) if mode != "RGBA" else rgba


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("PA", "TIFF")]
)
def test_transparency_becomes_white(mode: str, kind: str) -> None:
    source = half_transparent("RGBA").convert("LA") if mode == "LA" else half_transparent("RGBA")
    pixels = np.asarray(decode(encoded(source, kind)))
    assert (pixels[:, :30] >= 250).all()
    assert (pixels[:, 40:].min(axis=2) < 200).all()


def test_a_transparent_palette_becomes_white() -> None:
    palette = Image.new("P", (10, 10), 1)
    palette.putpalette([0, 0, 0, *RED])
    palette.putpixel((0, 0), 0)
    image = decode(encoded(palette, "PNG", transparency=0))
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert image.getpixel((5, 5)) == RED


def test_a_transparent_colour_becomes_white() -> None:
    image = Image.new("RGB", (4, 4), RED)
    image.putpixel((0, 0), (0, 0, 0))
    decoded = decode(encoded(image, "PNG", transparency=(0, 0, 0)))
    assert decoded.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.getpixel((2, 2)) == RED


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_are_scaled_not_clipped(kind: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    data = encoded(Image.fromarray(np.tile(ramp, (4, 1))), kind)
    pixels = np.asarray(decode(data))
    assert pixels.shape == (4, 256, 3)
    assert pixels[0, :, 0].tolist() == list(range(256))


def test_floating_point_tiff_is_scaled_to_its_range() -> None:
    values = np.tile(np.linspace(-1.0, 3.0, 256, dtype=np.float32), (4, 1))
    pixels = np.asarray(decode(encoded(Image.fromarray(values), "TIFF")))
    assert pixels[0, :, 0].tolist() == list(range(256))


def test_bilevel_and_grey() -> None:
    for mode in ("1", "L"):
        image = decode(encoded(Image.new(mode, (5, 5), 255 if mode == "L" else 1), "PNG"))
        assert (image.mode, image.getpixel((2, 2))) == ("RGB", (255, 255, 255))


def test_of_an_animation_the_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    for kind in ("GIF", "WEBP", "TIFF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert close(decode(data), frames[0], 3), kind


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "JPEG2000", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_truncated_files_are_refused(kind: str, share: float) -> None:
    data = encoded(photograph(), kind)
    with pytest.raises(UnreadableImage):
        decode(data[: int(len(data) * share)])


def test_a_bomb_is_refused_by_its_header() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    side = 60_000
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    bomb += chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    with pytest.raises(UnreadableImage, match="60000 x 60000 pixels; at most 10,000,000"):
        decode(bomb)


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(TooLarge, match="at most 100"):
        decode(b"\xff\xd8" + b"x" * 200, max_bytes=100)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "SVG"),
        (b"<?xml version='1.0'?>\n<!-- preview -->\n<svg>", "SVG"),
        (b"\n<!DOCTYPE html><html>not found</html>", "web page"),
        (b"\xef\xbb\xbf<HTML><body>", "web page"),
        (b"%PDF-1.7", "PDF"),
        (b'{"error": "not found"}', "JSON"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 20, "HEIC"),
        (b"\0\0\0\x18ftypisom" + b"\0" * 20, "video"),
        (b"ID3\x03", "sound"),
        (b"", "empty"),
        (b"GIF89a", "not a picture"),
        (b"hello", "not a picture"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(data: bytes, what: str) -> None:
    with pytest.raises(UnreadableImage, match=what):
        decode(data)
    with pytest.raises(UnreadableImage, match=what):
        images.probe(data)


JPEG_HEAD = encoded(photograph(), "JPEG")[:300]
PNG_HEAD = encoded(photograph(), "PNG")[:60]


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_politely(noise: bytes) -> None:
    for data in (noise, JPEG_HEAD + noise, PNG_HEAD + noise):
        with pytest.raises(UnreadableImage):
            decode(data)


def test_a_jpeg_may_be_decoded_smaller_but_not_below_what_is_needed() -> None:
    data = encoded(photograph(1600, 1200), "JPEG")
    assert decode(data, min_size=(224, 224)).size == (400, 300)
    assert decode(data, min_size=(700, 100)).size == (800, 600)
    assert decode(data).size == (1600, 1200)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = encoded(photograph(1600, 1200), "JPEG", exif=exif)
    assert decode(turned, min_size=(600, 800)).size == (600, 800)


def test_a_thumbnail_keeps_its_shape_and_is_never_larger() -> None:
    for size, expected in (
        ((1600, 1200), (320, 240)),
        ((30, 3000), (3, 320)),
        ((5000, 2), (320, 1)),
        ((50, 40), (50, 40)),
    ):
        small = Image.open(io.BytesIO(images.thumbnail(Image.new("RGB", size, RED))))
        assert (small.size, small.format) == (expected, "WEBP")
        assert close(small.convert("RGB"), Image.new("RGB", expected, RED))


def test_difference_hashes_tell_near_duplicates_from_others() -> None:
    def distance(a: int, b: int) -> int:
        return ((a ^ b) & (2**64 - 1)).bit_count()

    smooth = Image.fromarray(np.random.default_rng(1).integers(0, 255, (6, 7, 3), np.uint8)).resize(
        (600, 400), Image.Resampling.BICUBIC
    )
    other = Image.fromarray(np.random.default_rng(2).integers(0, 255, (6, 7, 3), np.uint8)).resize(
        (600, 400), Image.Resampling.BICUBIC
    )
    original = images.dhash(smooth)
    copy = images.dhash(decode(encoded(smooth.resize((300, 200)), "JPEG", quality=50)))
    assert distance(original, copy) <= 4
    assert distance(original, images.dhash(other)) > 15
    assert images.dhash(Image.new("RGB", (9, 8))) == 0


def test_hashes_use_all_64_bits_and_fit_a_signed_bigint() -> None:
    falling = np.tile(np.linspace(255, 0, 90).astype(np.uint8), (80, 1))
    rising = np.ascontiguousarray(falling[:, ::-1])
    assert images.dhash(Image.fromarray(falling).convert("RGB")) == 0
    assert images.dhash(Image.fromarray(rising).convert("RGB")) == -1
    seeds = range(40)
    hashes = [images.dhash(_blobs(seed)) for seed in seeds]
    assert all(-(2**63) <= value < 2**63 for value in hashes)
    assert any(value < 0 for value in hashes)
    assert len(set(hashes)) == len(hashes)


def _blobs(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 9, 3), np.uint8))


def test_decoding_in_threads_gives_what_decoding_alone_gives() -> None:
    kinds = ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"]
    files = [encoded(photograph(200 + i, 150), kinds[i % 6]) for i in range(24)]
    broken = [data[: len(data) // 2] for data in files]

    def outcome(data: bytes) -> str:
        try:
            return images.sha256(decode(data).tobytes())
        except UnreadableImage:
            return "refused"

    alone = [outcome(data) for data in files + broken]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(outcome, (files + broken) * 4))
    assert together == alone * 4
    assert alone[24:] == ["refused"] * 24
    assert "refused" not in alone[:24]


@needs_shared
def test_every_real_image_decodes_upright() -> None:
    paths = sorted((SHARED_DATA / "images").rglob("*.jpg"))
    paths += sorted((SHARED_DATA / "images").rglob("*.png"))[::20]
    assert len(paths) > 100
    for path in paths[::3]:
        data = path.read_bytes()
        width, height, _ = images.probe(data)
        image = decode(data, max_pixels=200_000_000, max_bytes=100_000_000, min_size=(64, 64))
        assert image.mode == "RGB", path
        assert abs(image.width / image.height - width / height) < 0.05 * width / height, path


def profile(swapped: bool) -> bytes:
    """sRGB under another name, and if wanted with red and green in each other's place."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert "sRGB".encode("utf-16-be") in made
    made = made.replace("sRGB".encode("utf-16-be"), "Wide".encode("utf-16-be"))
    count = struct.unpack(">I", made[128:132])[0]
    table = {made[at : at + 4]: at for at in range(132, 132 + 12 * count, 12)}
    red, green = table[b"rXYZ"], table[b"gXYZ"]
    if swapped:
        content = bytearray(made)
        content[red + 4 : red + 12] = made[green + 4 : green + 12]
        content[green + 4 : green + 12] = made[red + 4 : red + 12]
        made = bytes(content)
    return made


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_colours_of_other_profiles_become_standard(kind: str) -> None:
    picture = Image.new("RGB", (64, 64), (250, 20, 20))
    plain = np.asarray(images.decode(encoded(picture, kind), **LIMITS)).mean((0, 1))
    for swapped in (False, True):
        data = encoded(picture, kind, icc_profile=profile(swapped))
        red, green, _ = np.asarray(images.decode(data, **LIMITS)).mean((0, 1))
        if swapped:
            assert green > 200 > 60 > red
        else:
            np.testing.assert_allclose((red, green), plain[:2], atol=3)


def test_a_broken_profile_says_nothing() -> None:
    picture = Image.new("RGB", (64, 64), (250, 20, 20))
    for content in (b"nonsense", profile(True)[:200]):
        data = encoded(picture, "PNG", icc_profile=content)
        assert images.decode(data, **LIMITS).getpixel((5, 5)) == (250, 20, 20)

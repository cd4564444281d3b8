"""Bytes to pictures, safely: oriented, sRGB, of bounded size. Safe in threads."""

import hashlib
import io
import re
from functools import cache

import numpy as np
from PIL import ExifTags, Image, ImageCms

from core.errors import TooLarge, UnreadableImage

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "JPEG2000", "AVIF")
"""What is decoded; everything else Pillow knows is refused unopened."""

# Pillow's own bomb guard is one global number for the process and only warns below twice that;
# _open applies the caller's limit to the header instead, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None

_NOT_PICTURES = (
    (re.compile(rb"(?:<\?xml.*?)?(?:<!--.*?-->\s*)?(?:<!doctype svg.*?)?<svg[\s>]", re.S | re.I),
     "an SVG drawing"),
    (re.compile(rb"(?:<\?xml.*?)?<!doctype html|<html[\s>]|<head[\s>]|<body[\s>]", re.S | re.I),
     "a web page"),
    (re.compile(rb"%PDF-"), "a PDF document"),
    (re.compile(rb"....ftyp(?:hei[cx]|mif1|hevc)", re.S), "a HEIC picture, which is not supported"),
    (re.compile(rb"....ftyp(?:isom|mp4|M4|qt)|\x1aE\xdf\xa3|RIFF....AVI", re.S), "a video"),
    (re.compile(rb"ID3|RIFF....WAVE|OggS|fLaC", re.S), "a sound"),
    (re.compile(rb"[{\[]\s*[\"{\[]"), "JSON text"),
)  # fmt: skip


def sha256(data: bytes) -> str:
    """Return the sha256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def probe(data: bytes) -> tuple[int, int, str]:
    """Return (width, height, format) from the header, after orientation; UnreadableImage."""
    image = _open(data)
    width, height = image.size
    if _orientation(image) >= 5:
        width, height = height, width
    return width, height, str(image.format)


def decode(
    data: bytes,
    *,
    max_pixels: int,
    max_bytes: int,
    min_size: tuple[int, int] | None = None,
) -> Image.Image:
    """Return an upright image in sRGB.

    `min_size` (width, height; pixels) allows a JPEG to be decoded smaller, but not below it.
    Of several frames the first is taken; transparency becomes white.
    Raises TooLarge for more than `max_bytes`, UnreadableImage for everything that is not a whole
    picture of at most `max_pixels`.
    """
    if len(data) > max_bytes:
        raise TooLarge(f"the picture has {len(data):,} bytes; at most {max_bytes:,} are taken")
    image = _open(data)
    width, height = image.size
    if width * height > max_pixels:
        raise UnreadableImage(
            f"the picture has {width} x {height} pixels; at most {max_pixels:,} are decoded"
        )
    try:
        orientation = _orientation(image)
        if min_size:
            image.draft("RGB", min_size if orientation < 5 else min_size[::-1])
        image.load()
        return _upright(_rgb(_standard(image)), orientation)
    except Exception as error:  # Pillow's decoders raise anything on malformed bytes
        raise UnreadableImage(f"the picture is truncated or damaged: {_reason(error)}") from error


def thumbnail(image: Image.Image, px: int = 320) -> bytes:
    """Return a WebP whose longer side is at most `px` pixels; never enlarged."""
    scale = px / max(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80, method=2)
    return buffer.getvalue()


def dhash(image: Image.Image) -> int:
    """Return the 64-bit difference hash as a signed integer (fits BIGINT).

    Each bit says whether a pixel of the 9 x 8 grey reduction is darker than its right neighbour;
    near-duplicates differ in few bits.
    """
    small = image.resize((9, 8), Image.Resampling.BOX, reducing_gap=3.0).convert("L")
    grey = np.asarray(small, dtype=np.int16)
    bits = np.packbits(grey[:, 1:] > grey[:, :-1])
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def _open(data: bytes) -> Image.Image:
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    for pattern, what in _NOT_PICTURES:
        if pattern.match(head):
            raise UnreadableImage(f"the file is {what}; send JPEG, PNG, WebP, GIF or TIFF")
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception as error:  # Pillow's parsers raise anything on malformed bytes
        raise UnreadableImage(
            "the file is empty" if not data else
            "the file is not a picture that can be read; send JPEG, PNG, WebP, GIF or TIFF"
        ) from error  # fmt: skip


def _orientation(image: Image.Image) -> int:
    """The EXIF number, 1 to 8, of how the pixels still have to be turned."""
    if image.format == "TIFF":  # Pillow turns these itself, in size at once and in load()
        return 1
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a broken EXIF block says nothing about the pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _standard(image: Image.Image) -> Image.Image:
    """In sRGB, where an embedded ICC profile says that the colours are others: numbers of a wide
    gamut, or inks, taken for sRGB look faded."""
    content = image.info.get("icc_profile")
    if not content or image.mode not in ("RGB", "CMYK"):
        return image
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        if "srgb" in ImageCms.getProfileDescription(profile).lower():
            return image
        found = ImageCms.profileToProfile(image, profile, _srgb(), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):  # a broken profile says nothing
        return image
    return image if found is None else found


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled(image).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _scaled(image: Image.Image) -> Image.Image:
    """Grey of 16 bits by its full range, wider types by the range of their values, to 8 bits."""
    values = np.asarray(image).astype(np.float64)
    values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    low, high = 0.0, 65535.0
    if not image.mode.startswith("I;16") and (
        values.min() < low or values.max() > high or image.mode == "F"
    ):
        low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255.0 / ((high - low) or 1.0))
    return Image.fromarray(scaled.round().astype(np.uint8))


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

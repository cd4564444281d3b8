"""Bytes to pictures, safely: oriented, RGB, of bounded size."""

import hashlib

from PIL import Image


def sha256(data: bytes) -> str:
    """Return the sha256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def probe(data: bytes) -> tuple[int, int, str]:
    """Return (width, height, format) from the header, after orientation; UnreadableImage."""
    raise NotImplementedError


def decode(
    data: bytes,
    *,
    max_pixels: int,
    max_bytes: int,
    min_size: tuple[int, int] | None = None,
) -> Image.Image:
    """Return an upright RGB image.

    `min_size` (width, height; pixels) allows a JPEG to be decoded smaller, but not below it.
    Raises TooLarge for more than `max_bytes`, UnreadableImage for everything that is not a whole
    picture of at most `max_pixels`.
    """
    raise NotImplementedError


def thumbnail(image: Image.Image, px: int = 320) -> bytes:
    """Return a WebP whose longer side is at most `px` pixels; never enlarged."""
    raise NotImplementedError


def dhash(image: Image.Image) -> int:
    """Return the 64-bit difference hash as a signed integer (fits BIGINT)."""
    raise NotImplementedError

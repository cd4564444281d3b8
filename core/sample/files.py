"""The museum's files: good pictures in several encodings, and files that lie."""

import io
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core.sample.drawing.picture import draw_picture
from core.sample.specimens import Specimen

SUFFIX = {"png-rgba": "png", "png-grey16": "png", "audio": "wav"}
FORMAT = {"png": "image/png", "wav": "audio/x-wav", "jpg": "image/jpeg"}
ORIENTATION_TAG, ROTATED = 0x0112, 6
HTML = (
    "<!DOCTYPE html><html><head><title>Image not available</title></head>"
    "<body><h1>Please sign in to view this image</h1></body></html>"
)


@dataclass(frozen=True)
class File:
    """One file under images/: what it shows, and how it is encoded or spoilt.

    `encoding` is jpeg, jpeg-exif (stored turned, with the tag that says so), jpeg-cmyk, png-rgba,
    png-grey16, truncated, html (an HTML page served as a picture) or audio.
    """

    name: str
    specimen: Specimen
    view: str
    encoding: str = "jpeg"

    @property
    def media_type(self) -> str:
        """The media type the records claim for it (an HTML page claims to be a JPEG)."""
        return FORMAT[self.name.rsplit(".", 1)[1]]


def file_bytes(file: File) -> bytes:
    """The file's content, the same on every call."""
    if file.encoding == "html":
        return HTML.encode()
    if file.encoding == "audio":
        return _tone()
    image = draw_picture(file.specimen, file.view)
    if file.encoding == "png-rgba":
        return _saved(image.convert("RGBA"), "PNG")
    if file.encoding == "png-grey16":
        grey = np.asarray(image.convert("L"), np.uint16) * 257
        return _saved(Image.fromarray(grey), "PNG")
    if file.encoding == "jpeg-cmyk":
        return _saved(image.convert("CMYK"), "JPEG", quality=90)
    if file.encoding == "jpeg-exif":
        exif = Image.Exif()
        exif[ORIENTATION_TAG] = ROTATED  # shown after a quarter turn clockwise
        return _saved(image.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=90, exif=exif)
    data = _saved(image, "JPEG", quality=90)
    return data[: len(data) // 3] if file.encoding == "truncated" else data


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _tone() -> bytes:
    """A quarter second of a 1.2 kHz stridulation, 8 kHz 8-bit mono WAV."""
    time = np.arange(2000) / 8000
    wave = 128 + 90 * np.sin(2 * np.pi * 1200 * time) * (np.sin(2 * np.pi * 24 * time) > 0)
    data = wave.astype(np.uint8).tobytes()
    form = struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body

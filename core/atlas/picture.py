"""A still picture of the map, for pages that cannot draw it."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

INK = (44, 110, 84)
"""One green that stands out from light and dark pages alike."""


def png(density: NDArray[np.int64]) -> bytes:
    """Counts [height, width] as a PNG in one ink, the denser the less transparent."""
    tone = np.log1p(density) / np.log1p(max(1, int(density.max(initial=0))))
    pixels = np.empty((*density.shape, 4), np.uint8)
    pixels[..., :3] = INK
    pixels[..., 3] = np.rint(255 * np.where(density > 0, 0.25 + 0.75 * tone, 0))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()

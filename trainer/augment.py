"""Variations of a training picture, uint8 to uint8, from a generator of the draw's own."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from trainer.config_data import AugmentSettings

Pixels = NDArray[np.uint8]


def augment(pixels: Pixels, size: tuple[int, int], own: AugmentSettings, seed: int) -> Pixels:
    """uint8 [H, W, 3] to uint8 [*size, 3]; the same seed gives the same picture.

    A crop keeps the shape of the picture and covers `own.crop` to 1 of its area (Szegedy et al.
    2015, with the aspect fixed); then brightness, contrast, saturation, hue, sharpness and blur.
    """
    rng = np.random.default_rng(seed)
    high, wide = pixels.shape[:2]
    side = float(np.sqrt(rng.uniform(own.crop, 1.0)))
    top, left = rng.random() * high * (1 - side), rng.random() * wide * (1 - side)
    box = (left, top, left + wide * side, top + high * side)
    image = Image.fromarray(pixels).resize(
        (size[1], size[0]), Image.Resampling.BICUBIC, box=box, reducing_gap=None
    )
    if own.mirror and rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if own.jitter and rng.random() < own.jitter:
        for enhancer, most in (
            (ImageEnhance.Brightness, own.brightness),
            (ImageEnhance.Contrast, own.contrast),
            (ImageEnhance.Color, own.saturation),
        ):
            image = enhancer(image).enhance(float(rng.uniform(1 - most, 1 + most)))
        if own.hue:
            image = _turned(image, float(rng.uniform(-own.hue, own.hue)))
    if own.sharpen and rng.random() < own.sharpen:
        amount = float(rng.uniform(1 / own.sharpness, own.sharpness))
        image = ImageEnhance.Sharpness(image).enhance(amount)
    if own.blur and rng.random() < own.blur:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, own.radius))))
    return np.asarray(image)


def _turned(image: Image.Image, share: float) -> Image.Image:
    """With every hue moved along the colour circle by `share` of it."""
    hue, *rest = image.convert("HSV").split()
    moved = hue.point(lambda value: (value + round(share * 256)) % 256)
    return Image.merge("HSV", (moved, *rest)).convert("RGB")

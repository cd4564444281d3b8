"""The museum around a specimen: backgrounds, shadow, pin, scale bar, colour card and labels."""

import unicodedata
from typing import cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.sample.drawing.canvas import Canvas, Field, mix

BACKDROPS: dict[str, tuple[int, int, int]] = {
    "white": (243, 242, 238),
    "cream": (236, 226, 202),
    "grey": (196, 198, 200),
    "mist": (206, 217, 224),
    "cork": (205, 174, 130),
    "slate": (92, 98, 106),
    "sheet": (239, 231, 210),
}
CARD = ((32, 32, 34), (128, 128, 130), (242, 242, 240), (196, 52, 44), (60, 140, 70), (40, 90, 178))
INK = (44, 40, 38)
PAPER = (250, 247, 236)


def backdrop(canvas: Canvas, name: str) -> Field:
    """A lit background with grain (H, W, 3)."""
    base = np.asarray(BACKDROPS[name], np.float32) / 255
    light = 1.03 - 0.07 * np.hypot(canvas.page_x + 0.4, canvas.page_y + 0.4)
    if name == "cork":
        light = light + canvas.noise(70, 2) * 0.045
    elif name == "sheet":
        light = light + canvas.noise(40, 2) * 0.012 - 0.02 * np.abs(canvas.noise(3, 1))
    else:
        light = light + canvas.noise(110, 1) * 0.008
    return cast(Field, np.clip(base * light[..., None], 0, 1))


def compose(canvas: Canvas, name: str) -> Image.Image:
    """The drawn specimen over its backdrop with a soft shadow, at the picture's size."""
    back = backdrop(canvas, name)
    depth = 0.012 if name == "sheet" else 0.045
    shadow = canvas.blurred(canvas.cover, depth)
    step = max(1, round(depth * 0.9 * canvas.unit))
    shadow = np.roll(shadow, (step, step), (0, 1))
    shadow[:step], shadow[:, :step] = 0, 0
    back = back * (1 - 0.42 * shadow)[..., None]
    page = mix(back, canvas.colour, canvas.cover)
    image = Image.fromarray((np.clip(page, 0, 1) * 255 + 0.5).astype(np.uint8))
    return image.resize(canvas.size, Image.Resampling.LANCZOS)


def pin(image: Image.Image, at: tuple[float, float], radius: float) -> None:
    """A pin's head with its glint."""
    scale = 4
    side = max(3, round(radius * 2 * scale * 1.5))
    dot = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(dot)
    c, r = side / 2, radius * scale
    draw.ellipse([c - r, c - r, c + r, c + r], fill=(60, 60, 64, 255))
    draw.ellipse([c - r * 0.8, c - r * 0.8, c + r * 0.8, c + r * 0.8], fill=(176, 178, 184, 255))
    g = r * 0.3
    draw.ellipse([c - g * 1.6, c - g * 1.6, c, c], fill=(255, 255, 255, 255))
    small = dot.resize((max(1, side // scale),) * 2, Image.Resampling.LANCZOS)
    image.paste(small, (round(at[0] - small.width / 2), round(at[1] - small.height / 2)), small)


def _ascii(text: str) -> str:
    """Text without accents: the built-in typeface has no accented letters."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(4.0, size))


def scale_bar(image: Image.Image, at: tuple[float, float], length: float, text: str) -> None:
    """A black and white ruler with its length written under it."""
    draw = ImageDraw.Draw(image)
    x, y = at
    unit = image.width / 384
    high = 4 * unit
    dark = _luma(image, at) < 120
    ink, light = ((235, 235, 235), (60, 60, 60)) if dark else (INK, (250, 250, 250))
    draw.rectangle([x, y, x + length, y + high], fill=light, outline=ink)
    for k in range(0, 5, 2):
        draw.rectangle([x + length * k / 5, y, x + length * (k + 1) / 5, y + high], fill=ink)
    draw.text((x, y + high + unit), text, font=_font(9 * unit), fill=ink)


def _luma(image: Image.Image, at: tuple[float, float]) -> float:
    pixel = image.getpixel((min(image.width - 1, int(at[0])), min(image.height - 1, int(at[1]))))
    return float(np.mean(pixel)) if isinstance(pixel, tuple) else 255.0


def colour_card(image: Image.Image, at: tuple[float, float], upright: bool) -> None:
    """Six reference patches on a card."""
    draw = ImageDraw.Draw(image)
    unit = image.width / 384
    side, pad = 9 * unit, 2 * unit
    long, short = side * len(CARD) + pad * 2, side + pad * 2
    x, y = at
    draw.rectangle(
        [x, y, x + (short if upright else long), y + (long if upright else short)],
        fill=(250, 250, 250),
    )
    for k, colour in enumerate(CARD):
        px = x + pad + (0 if upright else k * side)
        py = y + pad + (k * side if upright else 0)
        draw.rectangle([px, py, px + side - 1, py + side - 1], fill=colour)


def label(
    image: Image.Image, box: tuple[float, float, float, float], lines: list[str], seed: int
) -> None:
    """A paper label: printed lines, a rule and a small square code."""
    unit = image.width / 384
    x0, y0, x1, y1 = (round(v) for v in box)
    draw = ImageDraw.Draw(image)
    draw.rectangle(
        [x0 + 2, y0 + 2, x1 + 2, y1 + 2], fill=tuple(int(c * 0.72) for c in BACKDROPS["cream"])
    )
    draw.rectangle([x0, y0, x1, y1], fill=PAPER, outline=(150, 140, 120))
    step = (y1 - y0 - 4 * unit) / max(1, len(lines))
    plain = [_ascii(text) for text in lines]
    size = min(step * 0.78, 15 * unit)
    widest = max(_font(size).getlength(text) for text in plain)
    font = _font(size * min(1.0, (x1 - x0 - 10 * unit) / widest))
    for k, text in enumerate(plain):
        draw.text((x0 + 5 * unit, y0 + 2 * unit + k * step), text, font=font, fill=INK)
    if (x1 - x0) > 90 * unit:
        _code(draw, (x1 - 24 * unit, y1 - 24 * unit), 20 * unit, seed)


def _code(draw: ImageDraw.ImageDraw, at: tuple[float, float], side: float, seed: int) -> None:
    cells = np.random.default_rng(seed).random((10, 10)) < 0.5
    cells[0, :] = cells[:, 0] = True
    cell = side / 10
    for row, col in np.argwhere(cells):
        x, y = at[0] + col * cell, at[1] + row * cell
        draw.rectangle([x, y, x + cell - 0.5, y + cell - 0.5], fill=INK)

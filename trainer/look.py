"""What training pictures look like to the network, with their captions and their colours."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from core.settings import Settings
from trainer.assemble import stream
from trainer.config import Config
from trainer.launch import Place
from trainer.network import load
from trainer.prepared import Part, Prepared, Say

_MOST = 64
_LINE = 14
"""Pixels that a caption is high."""


@dataclass(frozen=True)
class Colours:
    """Mean and standard deviation of red, green and blue over all pixels, within 0 and 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def look(config: Config, settings: Settings, out: Path, say: Say) -> Colours:
    """Draw the beginning of the first batch, varied and captioned as for training, into `out`."""
    here = Place(0, 1, torch.device("cpu"))
    prepared = Prepared(config, settings, load(config.model, config.seed), here, say)
    assert config.data is not None  # Prepared has refused it
    part = prepared.part(["train"], margin=config.data.margin)
    batch = stream(config, prepared.facts(part)).batch(0)[:_MOST]
    drawn = [
        prepared.draw(part, int(place), position, picture)
        for position, (place, picture) in enumerate(zip(batch, part.pixels(batch), strict=True))
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    pictures = [Image.fromarray(pixels) for pixels, _ in drawn]
    _sheet(pictures, [said.text for _, said in drawn]).save(out)
    return colours(part)


def colours(part: Part) -> Colours:
    """Of the pictures of a partition; each counts alike, however large it was."""
    sums, squares, count = np.zeros(3), np.zeros(3), 0
    for rows in np.array_split(np.arange(len(part.rows)), max(1, len(part.rows) // 256)):
        pixels = part.pixels(rows).reshape(-1, 3) / 255.0
        sums, squares = sums + pixels.sum(0), squares + (pixels**2).sum(0)
        count += len(pixels)
    mean = sums / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return Colours(tuple(mean.round(4).tolist()), tuple(spread.round(4).tolist()))


def _sheet(pictures: list[Image.Image], captions: list[str]) -> Image.Image:
    wide, high = pictures[0].size
    across = math.ceil(math.sqrt(len(pictures)))
    down = math.ceil(len(pictures) / across)
    made = Image.new("RGB", (across * wide, down * (high + _LINE)), "white")
    draw = ImageDraw.Draw(made)
    for at, (picture, text) in enumerate(zip(pictures, captions, strict=True)):
        x, y = at % across * wide, at // across * (high + _LINE)
        made.paste(picture, (x, y))
        draw.text((x + 2, y + high), text[: wide // 6], fill="black")
    return made

"""One photograph of one specimen: the drawing, posed, tinted and staged."""

import random

import numpy as np
from PIL import Image

from core.sample.drawing import beetles, plants, shells, stage, wings
from core.sample.drawing.canvas import Canvas
from core.sample.drawing.skin import Tint
from core.sample.specimens import INSECTS, Specimen
from core.sample.traits import visible

SIZES = {"butterfly": (384, 320), "moth": (384, 320), "beetle": (320, 352)}
OTHER_SIZES = {"scallop": (352, 320), "snail": (352, 320), "plant": (320, 420)}
DRAW = {
    "butterfly": wings.draw,
    "moth": wings.draw,
    "beetle": beetles.draw,
    "scallop": shells.draw,
    "snail": shells.draw,
    "plant": plants.draw,
}
VIEWS = ("dorsal", "ventral", "label", "whole")


def picture_size(plan: str, reduce: float = 1.0) -> tuple[int, int]:
    """Width and height in pixels of a specimen's pictures."""
    width, height = (SIZES | OTHER_SIZES)[plan]
    return round(width * reduce), round(height * reduce)


def label_lines(specimen: Specimen) -> list[str]:
    """The printed lines of a specimen's label."""
    s = specimen.species
    return [s.name, s.authorship, f"det. {s.family}", f"No. {specimen.number:05d}"]


def draw_picture(specimen: Specimen, view: str, reduce: float = 1.0) -> Image.Image:
    """Draw an RGB picture; the same specimen and view give the same pixels.

    `reduce` below 1 draws a smaller picture directly (training needs no large ones).
    """
    traits, pose = specimen.species.traits, specimen.pose
    size = picture_size(traits.plan, reduce)
    rng = np.random.default_rng([specimen.seed, VIEWS.index(view)])
    sly = random.Random(f"{specimen.seed}-{view}")
    if view == "label":
        return _label_only(specimen, size, rng)
    canvas = Canvas(size, rng, pose.turn * (-1 if view == "ventral" else 1), pose.scale, pose.shift)
    tint = Tint(pose.hue, pose.light, pose.fade)
    DRAW[traits.plan](canvas, visible(traits, view), tint, view, pose.stretch, pose.broken)
    image = stage.compose(canvas, pose.backdrop)
    if traits.plan in INSECTS and view == "dorsal":
        at = canvas.to_page(np.array([[0.0, -0.10]]))[0] * size[0] / canvas.width
        stage.pin(image, (float(at[0]), float(at[1])), 2.6 * size[0] / 384)
    _dress(image, specimen, sly)
    return image


def _dress(image: Image.Image, specimen: Specimen, sly: random.Random) -> None:
    """Scale bar, colour card and label, in corners the specimen leaves free."""
    pose, unit = specimen.pose, image.width / 384
    w, h = image.size
    plant = specimen.species.traits.plan == "plant"
    bar = 62 * unit * pose.scale
    if pose.bar:
        x = 10 * unit if pose.corner % 2 or plant else w - bar - 12 * unit
        stage.scale_bar(image, (x, h - 22 * unit), bar, "50 mm" if plant else "10 mm")
    if pose.card:
        stage.colour_card(image, (8 * unit, 8 * unit), upright=pose.corner > 1)
    if plant:
        box = (w - 138 * unit, h - 82 * unit, w - 8 * unit, h - 8 * unit)
        stage.label(image, box, label_lines(specimen), specimen.number)
    elif pose.slip:
        x = w - 92 * unit if pose.corner % 2 else 8 * unit
        box = (x, h - 34 * unit, x + 84 * unit, h - 8 * unit)
        stage.label(
            image,
            box,
            label_lines(specimen)[:3:2] + [f"No. {specimen.number:05d}"],
            sly.randrange(9999),
        )


def _label_only(specimen: Specimen, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    canvas = Canvas(size, rng)
    image = stage.compose(canvas, specimen.pose.backdrop)
    w, h = size
    unit = w / 384
    lines = [specimen.species.family, *label_lines(specimen)]
    stage.label(image, (w * 0.14, h * 0.24, w * 0.86, h * 0.70), lines, specimen.number)
    stage.scale_bar(image, (w * 0.14, h - 30 * unit), 80 * unit, "10 mm")
    return image

"""Pressed plants: a stem with leaves and flowers."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.sample.drawing import skin
from core.sample.drawing.canvas import Canvas, Field, mix, near, rgb, smooth, spline
from core.sample.drawing.skin import Spot, Tint
from core.sample.traits import Traits

Path = NDArray[np.float64]
SIDES = (1, -1, 1)
LENGTH = {"lance-leaved": 0.62, "round-leaved": 0.48, "lobed": 0.60}
GROWTH = {"small": 0.82, "medium": 1.0, "large": 1.2}
STALK = {"lance-leaved": 0.02, "round-leaved": 0.12, "lobed": 0.10}
LEAF = 112  # pixels of the leaf's own little canvas


def _outline(shape: str) -> np.ndarray:
    if shape == "lance-leaved":
        half = [(0, 0.92), (0.13, 0.60), (0.27, 0.16), (0.24, -0.28), (0.12, -0.66), (0, -0.95)]
    elif shape == "round-leaved":
        half = [
            (0, 0.84),
            (0.30, 0.76),
            (0.64, 0.44),
            (0.76, 0.02),
            (0.60, -0.44),
            (0.30, -0.70),
            (0, -0.78),
        ]
    else:
        half = [
            (0, 0.86),
            (0.20, 0.60),
            (0.52, 0.66),
            (0.66, 0.50),
            (0.40, 0.26),
            (0.80, 0.06),
            (0.86, -0.16),
        ]
        half += [
            (0.42, -0.18),
            (0.52, -0.56),
            (0.44, -0.74),
            (0.18, -0.46),
            (0.10, -0.82),
            (0, -0.95),
        ]
    pts = half + [(-x, y) for x, y in half[-2:0:-1]]
    return spline(np.array(pts))


def _rim(canvas: Canvas, mask: Field, depth: float) -> Field:
    """Nearness to the leaf's edge, 0 inside to 1 on it, from a blurred mask."""
    return 1 - smooth(0.55, 0.86, canvas.blurred(mask, depth))


def leaf(traits: Traits, tint: Tint, rng: np.random.Generator) -> Image.Image:
    """One leaf as an RGBA picture, its stalk at the bottom middle."""
    canvas = Canvas((LEAF, LEAF), rng)
    mask = canvas.polygons(_outline(traits.shape))
    u = np.hypot(canvas.x, canvas.y)
    colour = skin.ground(canvas, traits, tint, u)
    rows = (canvas.y + 0.55 * canvas.ax) * 5.0
    ribs = near(np.abs(rows % 1.0 - 0.5), 0.0, 0.05, 0.05) * (canvas.ax > 0.02)
    wide = {"lance-leaved": 0.16, "round-leaved": 0.40, "lobed": 0.44}[traits.shape]
    if traits.pattern == "stripes":
        marks = near(np.abs(rows % 1.0 - 0.5), 0.0, 0.17, 0.05)
        colour = mix(colour, tint(traits.second), marks * 0.92)
    elif traits.pattern == "bands":
        marks = np.maximum(near(canvas.y, -0.30, 0.12, 0.03), near(canvas.y, 0.25, 0.12, 0.03))
        colour = mix(colour, tint(traits.second), marks * 0.92)
    elif traits.pattern == "spots":
        discs = [
            Spot(wide * a, y, 0.085) for a, y in ((0.5, -0.52), (1, -0.12), (0.5, 0.16), (1, 0.44))
        ]
        colour = mix(colour, tint(traits.second), skin.spots(canvas, discs) * 0.94)
    elif traits.pattern == "marbled":
        colour = mix(colour, tint(traits.second), skin.marbled(canvas) * 0.9)
    colour = colour * (1 - 0.16 * ribs)[..., None]
    if traits.margin:
        colour = mix(colour, tint(traits.margin), _rim(canvas, mask, 0.10))
    midrib = near(canvas.ax, 0, 0.012, 0.015)
    colour = mix(colour, tint("yellow") * 0.75, midrib * 0.55)
    colour = colour * (1 - 0.12 * smooth(-0.1, 0.1, canvas.x))[..., None]
    edge = 1 - smooth(0.50, 0.62, canvas.blurred(mask, 0.035))
    canvas.paint(mask, np.clip(colour * (1 - 0.30 * edge)[..., None], 0, 1))
    return _rgba(canvas).resize((LEAF, LEAF), Image.Resampling.LANCZOS)


def flower(traits: Traits, tint: Tint, rng: np.random.Generator) -> Image.Image:
    """One five-petalled flower as an RGBA picture."""
    canvas = Canvas((72, 72), rng)
    for k in range(5):
        a = 2 * np.pi * k / 5 + rng.uniform(-0.1, 0.1)
        petal = spline(
            np.array([(0, 0), (0.30, -0.45), (0.20, -0.88), (-0.20, -0.88), (-0.30, -0.45)])
        )
        spin = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        shade = (
            0.72
            + 0.36 * smooth(0.1, 0.9, np.hypot(canvas.x, canvas.y))
            + canvas.noise(12, 1) * 0.05
        )
        outline = petal @ spin
        canvas.paint(canvas.polygons(outline * 1.06), tint(traits.flower) * 0.6)
        canvas.paint(
            canvas.polygons(outline), np.clip(tint(traits.flower) * shade[..., None], 0, 1)
        )
    canvas.paint(canvas.ellipse(0, 0, 0.17, 0.17), tint("yellow") * 0.85)
    return _rgba(canvas)


def _rgba(canvas: Canvas) -> Image.Image:
    stacked = np.concatenate([np.clip(canvas.colour, 0, 1), canvas.cover[..., None]], 2)
    return Image.fromarray((stacked * 255).astype(np.uint8), "RGBA")


def _place(
    canvas: Canvas,
    layer: Image.Image,
    picture: Image.Image,
    at: np.ndarray,
    size: float,
    turn: float,
) -> None:
    """Paste a leaf so that its bottom middle sits at `at`, pointing along `turn` (0 is up)."""
    pixels = max(4, round(size / canvas.pixel))
    grown = picture.resize((pixels, pixels), Image.Resampling.BICUBIC)
    turned = grown.rotate(-np.degrees(turn), Image.Resampling.BICUBIC, expand=True)
    page = canvas.to_page(at[None])[0]
    middle = page + 0.46 * pixels * np.array([np.sin(turn), -np.cos(turn)])
    corner = (round(middle[0] - turned.width / 2), round(middle[1] - turned.height / 2))
    layer.alpha_composite(turned, (max(0, corner[0]), max(0, corner[1])))


def _branches(canvas: Canvas) -> tuple[Path, list[Path]]:
    """The stem from the bottom of the sheet, and three twigs off it."""
    bend = canvas.rng.uniform(-0.16, 0.16)
    stem = spline(
        np.array([(0.02, 1.0), (bend, 0.45), (-bend * 0.6, -0.25), (bend * 0.5, -0.86)]), False, 16
    )
    side = [stem[len(stem) * k // 10] for k in (3, 5, 7)]
    twigs = [
        spline(np.array([p, p + [s * 0.14, -0.16], p + [s * 0.20, -0.40]]), False, 8)
        for p, s in zip(side, SIDES, strict=True)
    ]
    tall = canvas.height / canvas.width
    return stem * [1, tall], [t * [1, tall] for t in twigs]


def _foliage(
    canvas: Canvas,
    traits: Traits,
    tint: Tint,
    stem: Path,
    twigs: list[Path],
    big: float,
    lost: float,
) -> Image.Image:
    """Leaves in pairs along the stem and one on each twig, then the flowers, on their own layer."""
    rng = canvas.rng
    layer = Image.new("RGBA", (canvas.width, canvas.height))
    leaves = [leaf(traits, tint, rng) for _ in range(2)]
    big *= LENGTH[traits.shape] * GROWTH[traits.size]
    spots = [
        (p, s, big) for k, p in enumerate(stem[5:-4:7]) for s in ((1, -1) if k % 2 else (-1, 1))
    ]
    spots += [(t[-1], s, big * 0.8) for t, s in zip(twigs, SIDES, strict=True)]
    for k, (at, s, size) in enumerate(spots):
        if lost and rng.random() < lost:
            continue
        turn = s * rng.uniform(0.75, 1.25)
        start = np.asarray(at) + STALK[traits.shape] * np.array([np.sin(turn), -np.cos(turn)])
        _place(canvas, layer, leaves[k % 2], start, size * rng.uniform(0.85, 1.08), turn)
    bloom = flower(traits, tint, rng)
    for at in [stem[-1], *(t[-1] for t in twigs), stem[-7] + [0.1, -0.04]]:
        _place(canvas, layer, bloom, np.asarray(at) + [0, 0.08], 0.24, rng.uniform(-0.5, 0.5))
    return layer


def draw(
    canvas: Canvas, traits: Traits, tint: Tint, view: str, stretch: float, broken: bool
) -> None:
    """Draw a pressed plant filling the sheet; a broken one has lost leaves."""
    del view  # a sheet shows one side
    stem, twigs = _branches(canvas)
    green = mix(tint("green"), tint("brown"), 0.45)
    canvas.paint(canvas.lines([stem], 0.030, 0.45), green * 0.8)
    canvas.paint(canvas.lines(twigs, 0.016, 0.6), green * 0.85)
    layer = _foliage(canvas, traits, tint, stem, twigs, stretch, 0.25 if broken else 0)
    pasted = np.asarray(layer, np.float32) / 255
    canvas.paint(pasted[..., 3], pasted[..., :3])
    tape = [
        np.array([p + [-0.09, 0.01], p + [0.09, -0.01]])
        for p in (stem[6], stem[len(stem) // 2 + 3])
    ]
    canvas.paint(canvas.lines(tape, 0.034), rgb("white") * 0.94)

"""Beetles, seen from above or from below."""

import numpy as np
from numpy.typing import NDArray

from core.sample.drawing import skin
from core.sample.drawing.canvas import Canvas, Field, mix, near, rgb, smooth, spline
from core.sample.drawing.skin import Spot, Tint
from core.sample.traits import Traits

# half width and end of the wing cases, half width of the thorax, length of the antennae
FORMS = {
    "oval": (0.36, 0.78, 0.29, 0.34),
    "round": (0.50, 0.62, 0.33, 0.20),
    "elongate": (0.25, 0.86, 0.19, 0.85),
}
TOP = -0.20


def _case_outline(half: float, end: float) -> NDArray[np.float64]:
    length = end - TOP
    side = [(0.0, TOP - 0.01), (0.6 * half, TOP), (0.93 * half, TOP + 0.07 * length)]
    side += [(half, TOP + 0.40 * length), (0.93 * half, TOP + 0.66 * length)]
    side += [(0.62 * half, TOP + 0.90 * length), (0.0, end)]
    return spline(np.array(side + [(-x, y) for x, y in side[-2:0:-1]]))


def _across(
    canvas: Canvas, outline: NDArray[np.float64], half: float, end: float
) -> tuple[Field, Field]:
    """0 on the midline to 1 at the side; 0 at the front to 1 at the tip."""
    right = outline[outline[:, 0] >= 0]
    order = right[:, 1].argsort()
    reach = np.interp(canvas.y, right[order, 1], right[order, 0]).astype(np.float32)
    side = canvas.ax / np.maximum(reach, 0.12 * half)
    return side, ((canvas.y - TOP) / (end - TOP)).astype(np.float32)


def _pattern(
    canvas: Canvas, traits: Traits, half: float, end: float, side: Field, t: Field
) -> Field | None:
    if traits.pattern == "bands":
        wave = 0.02 * np.sin(canvas.ax / half * 9)
        return np.maximum(near(t + wave, 0.27, 0.095), near(t - wave, 0.66, 0.095))
    if traits.pattern == "stripes":
        rays = np.maximum(near(side, 0.28, 0.095, 0.03), near(side, 0.68, 0.095, 0.03))
        return rays * smooth(0.03, 0.07, t) * (1 - smooth(0.88, 0.93, t))
    if traits.pattern == "marbled":
        return skin.marbled(canvas)
    if traits.pattern == "spots":
        length = end - TOP
        places = ((0.50, 0.14), (0.34, 0.38), (0.74, 0.46), (0.42, 0.64), (0.36, 0.85))
        size = 0.062 if half < 0.45 else 0.085
        size *= 0.8 if half < 0.3 else 1.0
        return skin.spots(canvas, [Spot(x * half, TOP + y * length, size) for x, y in places])
    return None


def _gloss(canvas: Canvas, half: float, centre: float, length: float) -> Field:
    """The window light mirrored on a domed back."""
    x = (canvas.x + 0.42 * half) / (0.20 * half)
    y = (canvas.y - centre) / (0.42 * length)
    return np.exp(-(x**2) - y**4)


def _cases(canvas: Canvas, traits: Traits, tint: Tint, half: float, end: float) -> None:
    outline = _case_outline(half, end)
    mask = canvas.polygons(outline)
    side, t = _across(canvas, outline, half, end)
    colour = skin.ground(canvas, traits, tint, np.full_like(side, 0.7))
    pattern = _pattern(canvas, traits, half, end, side, t)
    if pattern is not None:
        colour = mix(colour, tint(traits.second), pattern * 0.96)
    if traits.margin:
        rim = np.maximum(smooth(0.82, 0.86, side), smooth(0.93, 0.95, t))
        colour = mix(colour, tint(traits.margin), rim)
    grooves = 0.5 + 0.5 * np.cos(side * 2 * np.pi * 6)
    dome = 1.10 - 0.62 * np.clip(side, 0, 1) ** 3.2
    dome = dome * (1 - 0.30 * smooth(0.75, 1.0, t)) - 0.07 * grooves**3
    suture = near(canvas.ax, 0, 0.004, 0.006)
    colour = colour * (dome * (1 - 0.55 * suture))[..., None]
    shine = 0.62 if traits.sheen else 0.42
    colour = mix(colour, np.ones(3, np.float32), shine * _gloss(canvas, half, 0.12, end - TOP))
    canvas.paint(mask, np.clip(colour, 0, 1))


def _thorax(canvas: Canvas, traits: Traits, tint: Tint, wide: float) -> None:
    plate = spline(
        np.array(
            [(0, -0.50), (0.55 * wide, -0.50), (0.86 * wide, -0.40), (wide, -0.24)]
            + [(0.7 * wide, -0.175), (0, -0.16), (-0.7 * wide, -0.175), (-wide, -0.24)]
            + [(-0.86 * wide, -0.40), (-0.55 * wide, -0.50)]
        )
    )
    base = tint(traits.margin or traits.ground) * (0.62 if not traits.margin else 0.9)
    dome = 1.12 - 0.6 * np.clip(canvas.ax / wide, 0, 1) ** 2.6 + canvas.noise(60, 1) * 0.05
    colour = mix(
        base * dome[..., None], np.ones(3, np.float32), 0.38 * _gloss(canvas, wide, -0.36, 0.28)
    )
    head = canvas.ellipse(0, -0.545, 0.55 * wide, 0.10)
    dark = mix(rgb("black"), base, 0.25)
    canvas.paint(head, np.clip(dark * (1.15 - 0.5 * (canvas.ax / wide)[..., None]), 0, 1))
    for s in (-1, 1):
        canvas.paint(canvas.ellipse(s * 0.46 * wide, -0.57, 0.045, 0.055), rgb("black") * 0.6)
    canvas.paint(canvas.polygons(plate), np.clip(colour, 0, 1))


def _legs(canvas: Canvas, half: float, wide: float, missing: int) -> None:
    hips = ((wide * 0.8, -0.34, -0.36), (half * 0.85, -0.08, 0.06), (half * 0.85, 0.22, 0.42))
    paths = []
    for i, (x, y, drop) in enumerate(hips):
        lift = -0.16 if i == 0 else 0.05
        knee, foot = (x + 0.20, y + drop * 0.4 + lift), (x + 0.27, y + drop + lift)
        toe = (foot[0] + 0.10, foot[1] + (0.10 if i else -0.10))
        paths.append(spline(np.array([(x - 0.1, y), knee, foot, toe]), False, 6))
    legs = [p * [side, 1] for p in paths for side in (-1, 1)]
    legs = [leg for i, leg in enumerate(legs) if i != missing]
    canvas.paint(canvas.lines(legs, 0.040, 0.30), rgb("black") * 1.3)
    thighs = [leg[: len(leg) // 2] for leg in legs]
    canvas.paint(canvas.lines(thighs, 0.052, 0.6), rgb("black") * 1.1)


def _underside(
    canvas: Canvas, traits: Traits, tint: Tint, half: float, end: float, wide: float
) -> None:
    outline = _case_outline(half, end)
    side, t = _across(canvas, outline, half, end)
    colour = tint(traits.under) * (1.0 - 0.4 * np.clip(side, 0, 1) ** 2)[..., None]
    if traits.under == "black":
        colour = colour + 0.06
    segments = smooth(0.5, 1.0, np.sin(t * 40)) * smooth(0.42, 0.5, t)
    colour = colour * (1 - 0.3 * segments)[..., None]
    if traits.margin:
        colour = mix(colour, tint(traits.margin), smooth(0.82, 0.86, side))
    canvas.paint(canvas.polygons(outline), np.clip(colour, 0, 1))
    plate = canvas.ellipse(0, -0.32, wide * 0.95, 0.19)
    dome = 1.05 - 0.5 * np.clip(canvas.ax / wide, 0, 1) ** 2
    canvas.paint(plate, np.clip(tint(traits.under) * dome[..., None] * 0.85, 0, 1))
    canvas.paint(canvas.ellipse(0, -0.53, 0.55 * wide, 0.09), rgb("black"))


def draw(
    canvas: Canvas, traits: Traits, tint: Tint, view: str, stretch: float, broken: bool
) -> None:
    """Draw a beetle; a broken one has lost a leg and an antenna."""
    half, end, wide, reach = FORMS[traits.shape]
    half *= stretch
    tips = [
        (0.10, -0.58),
        (0.22, -0.58 - 0.34 * reach),
        (0.22 + 0.38 * reach, -0.55 + 0.18 * reach),
    ]
    path = spline(np.array(tips), False, 10)
    feelers = [path] if broken else [path, path * [-1, 1]]
    canvas.paint(canvas.lines(feelers, 0.020, 0.5), rgb("black") * 1.4)
    _legs(canvas, half, wide, int(canvas.rng.integers(6)) if broken else -1)
    jaws = [np.array([(0.04, -0.61), (0.09, -0.68), (0.03, -0.72)]) * [s, 1] for s in (-1, 1)]
    canvas.paint(canvas.lines(jaws, 0.028, 0.4), rgb("black"))
    if view == "ventral":
        _underside(canvas.window(-0.6, -0.68, 0.6, 0.95), traits, tint, half, end, wide)
        return
    reach = max(half, wide) + 0.08
    _thorax(canvas.window(-reach, -0.68, reach, -0.1), traits, tint, wide)
    _cases(canvas.window(-reach, -0.3, reach, end + 0.05), traits, tint, half, end)

"""Butterflies and moths, set with their wings spread."""

import numpy as np
from numpy.typing import NDArray

from core.sample.drawing import skin
from core.sample.drawing.canvas import Canvas, Field, mix, near, polar, rgb, smooth, spline
from core.sample.drawing.skin import Spot, Tint
from core.sample.traits import Traits

FORE_BASE, HIND_BASE = (0.03, -0.10), (0.03, 0.02)
FORE: dict[str, list[tuple[float, float]]] = {
    "rounded": [(0.03, -0.16), (0.34, -0.46), (0.66, -0.66), (0.86, -0.66), (0.92, -0.48)]
    + [(0.86, -0.22), (0.70, 0.00), (0.46, 0.06), (0.20, 0.02), (0.03, -0.04)],
    "scalloped": [(0.03, -0.16), (0.34, -0.46), (0.66, -0.66), (0.88, -0.68), (0.84, -0.54)]
    + [(0.93, -0.44), (0.84, -0.34), (0.88, -0.20), (0.76, -0.12), (0.74, 0.02)]
    + [(0.48, 0.06), (0.20, 0.02), (0.03, -0.04)],
    "pointed": [(0.03, -0.16), (0.36, -0.44), (0.70, -0.70), (0.98, -0.80), (0.90, -0.62)]
    + [(0.74, -0.34), (0.62, -0.08), (0.44, 0.02), (0.20, 0.01), (0.03, -0.04)],
    "broad": [(0.03, -0.18), (0.36, -0.38), (0.70, -0.50), (0.94, -0.50), (0.94, -0.34)]
    + [(0.84, -0.10), (0.68, 0.08), (0.44, 0.10), (0.20, 0.04), (0.03, -0.02)],
}
HIND: dict[str, list[tuple[float, float]]] = {
    "rounded": [(0.03, -0.08), (0.30, -0.12), (0.60, -0.06), (0.72, 0.14), (0.68, 0.40)]
    + [(0.50, 0.58), (0.30, 0.58), (0.14, 0.42), (0.03, 0.16)],
    "scalloped": [(0.03, -0.08), (0.30, -0.12), (0.62, -0.06), (0.66, 0.10), (0.76, 0.20)]
    + [(0.66, 0.30), (0.68, 0.44), (0.54, 0.46), (0.50, 0.60), (0.36, 0.54), (0.26, 0.62)]
    + [(0.14, 0.46), (0.03, 0.18)],
    "pointed": [(0.03, -0.08), (0.28, -0.12), (0.54, -0.06), (0.60, 0.14), (0.54, 0.36)]
    + [(0.40, 0.50), (0.26, 0.54), (0.13, 0.40), (0.03, 0.14)],
    "broad": [(0.03, -0.06), (0.30, -0.06), (0.58, 0.02), (0.64, 0.20), (0.54, 0.42)]
    + [(0.34, 0.50), (0.16, 0.40), (0.03, 0.14)],
}
TAIL = [
    (0.40, 0.52),
    (0.40, 0.66),
    (0.44, 0.80),
    (0.42, 0.90),
    (0.35, 0.88),
    (0.32, 0.74),
    (0.26, 0.56),
]


def _at(outline: NDArray[np.float64], base: tuple[float, float], u: float, v: float) -> Spot:
    """The point of a wing at (u, v), as the centre of a spot."""
    rim = outline - base
    angles = np.arctan2(-rim[:, 1], rim[:, 0])
    far = np.hypot(rim[:, 0], rim[:, 1])
    outer = angles[far > 0.45 * far.max()]
    angle = outer.min() + v * (outer.max() - outer.min())
    radius = far[np.where(far > 0.45 * far.max(), np.abs(angles - angle), np.inf).argmin()]
    return Spot(base[0] + u * radius * np.cos(angle), base[1] - u * radius * np.sin(angle), 0.05)


def _outlines(traits: Traits, stretch: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    hind = HIND[traits.shape]
    if traits.tails:
        before = [p for p in hind if p[0] > 0.42 or p[1] < 0.1]
        after = [p for p in hind if p[0] < 0.25 and p[1] > 0.1]
        hind = before + TAIL + after
    grow = np.array([stretch, 2 - stretch])
    return spline(np.array(FORE[traits.shape]) * grow), spline(np.array(hind) * grow)


def _pattern(
    canvas: Canvas,
    traits: Traits,
    outline: NDArray[np.float64],
    base: tuple[float, float],
    u: Field,
    v: Field,
) -> Field | None:
    if traits.pattern == "bands":
        return skin.bands(canvas, u, v)
    if traits.pattern == "stripes":
        return skin.stripes(u, v, 5)
    if traits.pattern == "marbled":
        return skin.marbled(canvas)
    if traits.pattern == "spots":
        outer = [_at(outline, base, 0.70, w) for w in np.linspace(0.12, 0.88, 5)]
        inner = [_at(outline, base, 0.40, w) for w in (0.35, 0.70)]
        return skin.spots(canvas, [Spot(s.x, s.y, 0.052) for s in outer + inner])
    return None


def _veins(u: Field, v: Field) -> Field:
    rays = np.zeros_like(u)
    for k in range(1, 7):
        bend = k / 7 + 0.02 * np.sin(u * 3 + k)
        rays = np.maximum(rays, near(v, bend, 0.006, 0.006))
    return rays * smooth(0.25, 0.4, u) * (1 - smooth(0.95, 1.0, u))


def _wing(
    canvas: Canvas,
    traits: Traits,
    tint: Tint,
    outline: NDArray[np.float64],
    base: tuple[float, float],
    eye: Spot | None,
) -> None:
    mask = canvas.mirrored(outline)
    u, v, _ = polar(canvas, outline, base)
    colour = skin.ground(canvas, traits, tint, u)
    pattern = _pattern(canvas, traits, outline, base, u, v)
    if pattern is not None:
        colour = mix(colour, tint(traits.second), pattern * 0.96)
    colour = colour * (1 - 0.22 * _veins(u, v))[..., None]
    if traits.margin:
        rim = skin.margin(canvas, u, v)
        colour = mix(colour, tint(traits.margin), rim)
    fringe = smooth(0.965, 0.99, u)
    colour = mix(colour, tint(traits.ground) * 0.55, fringe * 0.6)
    if eye is not None:
        ring = "orange" if traits.ground in ("yellow", "white") else "yellow"
        colour = skin.eyespot(canvas, colour, eye, tint, mask, ring)
    canvas.paint(canvas.blurred(mask, 0.012) * (1 - mask), np.zeros(3, np.float32), solid=False)
    canvas.paint(mask, np.clip(colour, 0, 1))


def _body(canvas: Canvas, traits: Traits, tint: Tint, fat: float) -> None:
    fur = tint("brown" if traits.plan == "moth" else "black")
    fur = mix(fur, tint(traits.ground), 0.35 if traits.plan == "moth" else 0.12)
    light = 1.15 - 0.75 * np.clip(np.abs(canvas.x + 0.012) / (0.06 * fat), 0, 1) ** 1.6
    rings = 1 - 0.16 * smooth(0.3, 1.0, np.sin(canvas.y * 62))
    shade = (light * (1 + canvas.noise(60, 1) * 0.10))[..., None]
    abdomen = canvas.polygons(
        spline(
            np.array(
                [(0, 0.0), (0.045 * fat, 0.1), (0.038 * fat, 0.3), (0, 0.44)]
                + [(-0.038 * fat, 0.3), (-0.045 * fat, 0.1)]
            )
        )
    )
    canvas.paint(abdomen, np.clip(fur * shade * rings[..., None], 0, 1))
    canvas.paint(canvas.ellipse(0, -0.08, 0.058 * fat, 0.135), np.clip(fur * shade, 0, 1))
    canvas.paint(canvas.ellipse(0, -0.23, 0.044 * fat, 0.042), np.clip(fur * shade * 0.9, 0, 1))
    for side in (-1, 1):
        canvas.paint(canvas.ellipse(side * 0.03 * fat, -0.245, 0.016, 0.018), rgb("black"))


def _antennae(canvas: Canvas, traits: Traits, broken: bool) -> None:
    sides = (1,) if broken else (-1, 1)
    dark = rgb("black") * 1.2
    for side in sides:
        if traits.plan == "moth":
            path = spline(np.array([(0.02, -0.26), (0.10, -0.36), (0.23, -0.44)]), False, 8)
            combs = []
            for i in range(3, len(path), 1):
                reach = 0.05 * np.sin(np.pi * i / len(path))
                combs.append(np.array([path[i], path[i] + [-reach * 0.4, -reach]]) * [side, 1])
                combs.append(np.array([path[i], path[i] + [reach, reach * 0.4]]) * [side, 1])
            canvas.paint(canvas.lines([path * [side, 1]], 0.010), dark)
            canvas.paint(canvas.lines(combs, 0.006), dark)
        else:
            path = spline(np.array([(0.015, -0.26), (0.07, -0.42), (0.16, -0.58)]), False, 8)
            canvas.paint(canvas.lines([path * [side, 1]], 0.009), dark)
            tip = path[-1] * [side, 1]
            canvas.paint(canvas.ellipse(float(tip[0]), float(tip[1]), 0.014, 0.022), dark)


def draw(
    canvas: Canvas, traits: Traits, tint: Tint, view: str, stretch: float, broken: bool
) -> None:
    """Draw a set butterfly or moth; from below the body and its legs lie over the wings."""
    fore, hind = _outlines(traits, stretch)
    eye_hind = eye_fore = None
    radius = 0.085
    if traits.eyespots >= 2:
        at = _at(hind, HIND_BASE, 0.64, 0.42)
        eye_hind = Spot(at.x, at.y, radius)
    if traits.eyespots >= 4:
        at = _at(fore, FORE_BASE, 0.66, 0.50)
        eye_fore = Spot(at.x, at.y, radius)
    order = ((hind, HIND_BASE, eye_hind), (fore, FORE_BASE, eye_fore))
    for outline, base, eye in order if view != "ventral" else order[::-1]:
        _wing(canvas, traits, tint, outline, base, eye)
    _antennae(canvas, traits, broken)
    body = canvas.window(-0.16, -0.34, 0.16, 0.50)
    _body(body, traits, tint, 1.75 if traits.plan == "moth" else 1.0)
    if view == "ventral":
        legs = [
            np.array([(0.02, y), (0.10, y + 0.03), (0.13, y + 0.11)]) for y in (-0.16, -0.1, -0.04)
        ]
        canvas.paint(
            canvas.lines(legs + [p * [-1, 1] for p in legs], 0.012, 0.5), rgb("brown") * 0.7
        )

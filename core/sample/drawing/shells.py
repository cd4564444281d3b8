"""Shells: scallops as ribbed fans and land snails as coils."""

import numpy as np

from core.sample.drawing import skin
from core.sample.drawing.canvas import Canvas, Field, mix, near, smooth, spline
from core.sample.drawing.skin import Spot, Tint
from core.sample.traits import Traits

HINGE = (0.0, 0.62)
RIBS = 15
COIL = 0.105  # growth of the coil per radian


def _fan(stretch: float) -> np.ndarray:
    angles = np.radians(np.linspace(18, 162, RIBS * 8 + 1))
    ripple = 1 + 0.022 * np.abs(np.sin(np.linspace(0, RIBS * np.pi, len(angles))))
    flank = np.sin((angles - np.radians(6)) * 180 / 168) ** 0.40
    radius = 1.36 * flank * ripple
    rim = np.stack([np.cos(angles) * radius * 0.98 * stretch, -np.sin(angles) * radius], 1) + HINGE
    return np.concatenate([rim, [[-0.06, 0.64], [0.06, 0.64]]])


def _marks(
    canvas: Canvas, traits: Traits, u: Field, v: Field, discs: list[Spot], rays: int
) -> Field | None:
    if traits.pattern == "bands":
        return skin.bands(canvas, u, v, 3)
    if traits.pattern == "stripes":
        return skin.stripes(u, v, rays)
    if traits.pattern == "marbled":
        return skin.marbled(canvas)
    if traits.pattern == "spots":
        return skin.spots(canvas, discs, mirror=False)
    return None


def scallop(canvas: Canvas, traits: Traits, tint: Tint, view: str, stretch: float) -> None:
    """Draw one valve from outside, or from inside where its own pale lining shows."""
    outline = _fan(stretch)
    dx, dy = canvas.x - HINGE[0], canvas.y - HINGE[1]
    angle = np.arctan2(dx, -dy)
    rim = outline - HINGE
    rim_angle, rim_radius = np.arctan2(rim[:, 0], -rim[:, 1]), np.hypot(rim[:, 0], rim[:, 1])
    order = rim_angle.argsort()
    u = np.hypot(dx, dy) / np.interp(angle, rim_angle[order], rim_radius[order])
    u, v = u.astype(np.float32), (angle / np.radians(144) + 0.5).astype(np.float32)
    for s in (-1, 1):
        ear = spline(
            np.array([(0, 0.36), (s * 0.36, 0.40), (s * 0.35, 0.54), (s * 0.39, 0.68), (0, 0.68)])
        )
        lit = (0.85 + 0.12 * np.sin(canvas.x * 60))[..., None]
        canvas.paint(canvas.polygons(ear), np.clip(tint(traits.ground) * lit, 0, 1))
    colour = skin.ground(canvas, traits, tint, u)
    discs = [
        Spot(HINGE[0] + r * np.sin(a), HINGE[1] - r * np.cos(a), 0.062)
        for r, n in ((0.52, 3), (0.82, 5), (1.10, 6))
        for a in np.linspace(-0.72, 0.72, n)
    ]
    marks = _marks(canvas, traits, u, v, discs, 7)
    if marks is not None:
        colour = mix(colour, tint(traits.second), marks * 0.94)
    if traits.margin:
        colour = mix(colour, tint(traits.margin), skin.margin(canvas, u, v, 0.88))
    ribs = np.cos((angle / np.radians(144)) * RIBS * 2 * np.pi)
    growth = smooth(0.6, 1.0, np.sin(u * 46 + canvas.noise(5, 1))) * 0.10
    relief = 0.96 + 0.15 * ribs * smooth(0.05, 0.5, u) - growth - 0.16 * np.abs(canvas.x)
    colour = colour * relief[..., None]
    if view == "ventral":
        inner = 1 - smooth(0.88, 0.90, u) if traits.margin else np.ones_like(u)
        pearl = (
            tint(traits.under) * (0.93 + 0.07 * ribs * u + 0.05 * np.sin(u * 9 + 2 * v))[..., None]
        )
        scar = near(np.hypot(canvas.x - 0.08, (canvas.y + 0.05) * 1.2), 0.20, 0.012, 0.02)
        colour = mix(colour, pearl * (1 - 0.16 * scar)[..., None], inner)
    canvas.paint(canvas.polygons(outline), np.clip(colour, 0, 1))


def _coil(canvas: Canvas, radius: float) -> tuple[Field, Field, Field, Field]:
    """Across the whorl (0 inner to 1 outer), along the coil in turns, distance, inside mask."""
    x, y = canvas.x, canvas.y
    r = np.maximum(np.hypot(x, y), 1e-4)
    angle = np.arctan2(y, x) % (2 * np.pi)
    turns = np.log(radius / r) / (2 * np.pi * COIL) + angle / (2 * np.pi)
    whorl = np.floor(turns)
    across = 1 - (turns - whorl)
    along = whorl - angle / (2 * np.pi)
    inside = smooth(-canvas.pixel * 6, canvas.pixel * 6, turns)
    return across.astype(np.float32), along.astype(np.float32), r.astype(np.float32), inside


def snail(canvas: Canvas, traits: Traits, tint: Tint, view: str, stretch: float) -> None:
    """Draw a coiled shell from the spire side, or from below with its mouth and its lining."""
    across, along, r, inside = _coil(canvas, 0.55 * stretch)
    colour = skin.ground(canvas, traits, tint, np.full_like(across, 0.75))
    if view == "ventral":
        lining = 1 - smooth(0.30, 0.42, r)
        colour = mix(colour, tint(traits.under), lining * 0.9)
    if traits.pattern == "bands":
        marks = np.maximum(near(across, 0.34, 0.10, 0.03), near(across, 0.70, 0.09, 0.03))
    elif traits.pattern == "stripes":
        ray = (along * 14 + across * 0.5) % 1.0
        marks = 1 - smooth(0.19, 0.27, np.abs(ray - 0.5))
    elif traits.pattern == "spots":
        phase = (along * 13) % 1.0 - 0.5
        rows = [np.hypot(phase * 0.48, (across - c) * 0.46) for c in (0.30, 0.70)]
        marks = 1 - smooth(0.085, 0.110, np.minimum(rows[0], rows[1]))
    else:
        marks = skin.marbled(canvas) * (traits.pattern == "marbled")
    colour = mix(colour, tint(traits.second), marks * 0.94)
    if traits.margin:
        colour = mix(colour, tint(traits.margin), smooth(0.80, 0.86, across))
    tube = np.maximum(np.sin(np.pi * across), 0) ** 0.55
    lines = 0.05 * smooth(0.3, 1.0, np.sin(along * 2 * np.pi * 38))
    light = 0.45 + 0.62 * tube - lines - 0.14 * (canvas.x + canvas.y)
    colour = colour * light[..., None]
    glint = np.exp(-((across - 0.62) ** 2) / 0.008) * smooth(0.2, 0.9, -(canvas.x + canvas.y))
    colour = mix(colour, np.ones(3, np.float32), glint * 0.40)
    canvas.paint(inside, np.clip(colour, 0, 1))
    mouth = canvas.ellipse(0.80 * stretch, 0.02, 0.23 * stretch, 0.12)
    rim = canvas.ellipse(0.80 * stretch, 0.02, 0.26 * stretch, 0.16)
    canvas.paint(rim, np.clip(tint(traits.margin or traits.ground) * 1.1, 0, 1))
    depth = np.hypot((canvas.x - 0.80 * stretch) / 0.23, (canvas.y - 0.02) / 0.12)
    pale = tint(traits.under) if view == "ventral" else tint(traits.ground) * 0.5
    canvas.paint(mouth, np.clip(pale * (0.30 + 0.70 * smooth(0.1, 1.0, depth))[..., None], 0, 1))


def draw(
    canvas: Canvas, traits: Traits, tint: Tint, view: str, stretch: float, broken: bool
) -> None:
    """Draw a shell of either plan; a broken one has a chip out of its rim."""
    (scallop if traits.plan == "scallop" else snail)(canvas, traits, tint, view, stretch)
    if broken:
        angle = canvas.rng.uniform(0.2, 2.9)
        chip = canvas.ellipse(0.80 * np.cos(angle), -0.72 * np.sin(angle), 0.10, 0.08)
        canvas.cover *= 1 - chip

"""Ground colours, sheens and patterns, laid on any shape through two coordinates.

Every shape offers u (0 at its root or middle, 1 at its rim) and v (0-1 across it).
"""

from dataclasses import dataclass

import numpy as np

from core.sample.drawing.canvas import Canvas, Field, hue_turn, mix, near, rgb, smooth
from core.sample.traits import Traits


@dataclass(frozen=True)
class Tint:
    """How one individual differs in colour from its species: hue, lightness and fading."""

    turn: float
    light: float
    fade: float

    def __call__(self, name: str) -> Field:
        """The named colour as this individual shows it."""
        colour = hue_turn(rgb(name), self.turn) * self.light
        return np.clip(mix(colour, np.full(3, colour.mean(), np.float32), self.fade), 0, 1)


@dataclass(frozen=True)
class Spot:
    """A disc of a spot pattern in specimen coordinates."""

    x: float
    y: float
    r: float


def ground(canvas: Canvas, traits: Traits, tint: Tint, u: Field) -> Field:
    """The ground colour with a darker root, fine scales and, where there is one, the sheen."""
    base = tint(traits.ground)
    grain = canvas.noise(90, 1) * 0.03 + canvas.noise(7, 2) * 0.05
    shade = 0.80 + 0.26 * smooth(0.0, 0.75, u) + grain
    colour = base * shade[..., None]
    if traits.ground == "black":
        colour = colour + 0.035 * smooth(0.2, 1.0, u)[..., None]
    if traits.sheen:
        wave = np.sin(
            3.2 * canvas.x * np.sign(canvas.x) + 4.1 * canvas.y + canvas.noise(4, 1) * 0.5
        )
        up = smooth(-0.2, 1.0, wave)
        down = smooth(-0.2, 1.0, -wave)
        colour = mix(colour, hue_turn(base, 0.09) * 1.15 + 0.07, up * 0.62)
        colour = mix(colour, hue_turn(base, -0.08) * 0.9, down * 0.55)
        glint = np.exp(-((wave - 0.9) ** 2) / 0.01)
        colour = mix(colour, np.ones(3, np.float32), glint * 0.30)
    return np.clip(colour, 0, 1)


def bands(canvas: Canvas, u: Field, v: Field, count: int = 2) -> Field:
    """Wavy crossbands at constant u."""
    wave = 0.03 * np.sin(v * 17 + 1) + canvas.noise(6, 1) * 0.012
    centres = np.linspace(0.36, 0.70, count)
    mask = np.zeros_like(u)
    for i, centre in enumerate(centres):
        mask = np.maximum(mask, near(u + wave, float(centre), 0.085 - 0.012 * i, 0.014))
    return mask


def stripes(u: Field, v: Field, count: int) -> Field:
    """Rays at constant v, from near the root to near the rim."""
    phase = (v * count) % 1.0
    width = 0.24 - 0.05 * smooth(0.2, 1.0, u)
    line = 1 - smooth(-0.05, 0.05, np.abs(phase - 0.5) - width)
    return line * smooth(0.14, 0.22, u) * (1 - smooth(0.84, 0.90, u))


def spots(canvas: Canvas, discs: list[Spot], mirror: bool = True) -> Field:
    """Soft-edged discs."""
    mask = np.zeros_like(canvas.x)
    x = canvas.ax if mirror else canvas.x
    for s in discs:
        d = np.hypot(x - s.x, canvas.y - s.y)
        mask = np.maximum(mask, 1 - smooth(s.r - 0.012, s.r + 0.012, d))
    return mask


def marbled(canvas: Canvas) -> Field:
    """Cloudy patches covering about two fifths of the ground."""
    return smooth(0.02, 0.20, canvas.noise(22, 2, mirror=True))


def margin(canvas: Canvas, u: Field, v: Field, start: float = 0.84) -> Field:
    """A rim along the edge of the shape, a little wavy."""
    wave = 0.012 * np.sin(v * 40) + canvas.noise(8, 1) * 0.01
    return smooth(start - 0.02, start + 0.02, u + wave)


def eyespot(
    canvas: Canvas, colour: Field, spot: Spot, tint: Tint, inside: Field, ring: str = "yellow"
) -> Field:
    """Paint an eyespot over a colour field, mirrored: ring, black disc, blue iris, white pupil."""
    d = np.hypot(canvas.ax - spot.x, canvas.y - spot.y) / spot.r
    edge = 0.08
    for radius, name in ((1.28, "black"), (1.1, ring), (0.78, "black"), (0.42, "blue")):
        colour = mix(colour, tint(name), (1 - smooth(radius - edge, radius + edge, d)) * inside)
    pupil = np.hypot(canvas.ax - spot.x + 0.12 * spot.r, canvas.y - spot.y + 0.14 * spot.r)
    white = 1 - smooth(0.13 * spot.r, 0.24 * spot.r, pupil)
    return mix(colour, rgb("white"), white * inside)

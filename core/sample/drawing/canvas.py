"""A float canvas in specimen coordinates: smooth outlines, soft masks, shading and noise.

Coordinates: the specimen's own, x to the right, y down, the picture's short half side is 1.
Masks and fields are float32 arrays of the canvas shape (H, W); colours are 0-1 RGB.
"""

from copy import copy
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from core.sample.traits import COLOURS

Field = NDArray[np.floating[Any]]
SUPERSAMPLE = 1.25
MASK_SCALE = 2


def rgb(name: str) -> Field:
    """A named colour as float32 (3,), 0-1."""
    return np.asarray(COLOURS[name], np.float32) / 255


def smooth(low: float, high: float, x: Field) -> Field:
    """Smoothstep from 0 at `low` to 1 at `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return cast(Field, t * t * (3 - 2 * t))


def near(x: Field, centre: float | Field, half: float, soft: float = 0.02) -> Field:
    """1 where |x - centre| < half, with a soft edge."""
    return 1 - smooth(half - soft, half + soft, np.abs(x - centre))


def spline(
    points: NDArray[np.float64], closed: bool = True, steps: int = 14
) -> NDArray[np.float64]:
    """Catmull-Rom curve through `points` (N, 2), `steps` per span."""
    p = np.asarray(points, float)
    ends = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    q = np.concatenate([ends[0], p, ends[1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    spans = []
    for a, b, c, d in zip(q[:-3], q[1:-2], q[2:-1], q[3:], strict=True):
        spans.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2)
            + 0.5 * (3 * b - a - 3 * c + d) * t**3
        )
    return np.concatenate(spans if closed else [*spans, p[-1:]])


def mix(a: Field, b: Field, t: Field | float) -> Field:
    """Blend colours or colour fields; t 0 gives a, 1 gives b."""
    weight = t[..., None] if isinstance(t, np.ndarray) and t.ndim == 2 else t
    return cast(Field, a + (b - a) * weight)


def hue_turn(colour: Field, turn: float) -> Field:
    """Rotate the hue of (..., 3) colours by `turn` of a circle (YIQ rotation)."""
    c, s = np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)
    to = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    spin = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    turned = np.linalg.inv(to) @ spin @ to
    return cast(Field, np.clip(colour @ turned.T.astype(np.float32), 0, 1))


class Canvas:
    """A picture being drawn; the pose turns and scales the specimen within it."""

    def __init__(
        self,
        size: tuple[int, int],
        rng: np.random.Generator,
        turn: float = 0.0,
        scale: float = 1.0,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.size = size
        self.rng = rng
        self.width, self.height = (round(s * SUPERSAMPLE) for s in size)
        self.unit = min(self.width, self.height) / 2
        self._cos, self._sin = np.cos(turn) * scale, np.sin(turn) * scale
        self._centre = np.array(
            [self.width / 2 + shift[0] * self.unit, self.height / 2 + shift[1] * self.unit]
        )
        yy, xx = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32)
        px = (xx + 0.5 - self._centre[0]) / self.unit
        py = (yy + 0.5 - self._centre[1]) / self.unit
        self.page_x, self.page_y = px, py
        k = 1 / (self._cos**2 + self._sin**2)
        self.x: Field = ((px * self._cos + py * self._sin) * k).astype(np.float32)
        self.y: Field = ((py * self._cos - px * self._sin) * k).astype(np.float32)
        self.ax: Field = np.abs(self.x)
        self.pixel = float(1 / (self.unit * scale))
        self.colour: Field = np.zeros((self.height, self.width, 3), np.float32)
        self.cover: Field = np.zeros((self.height, self.width), np.float32)

    def to_page(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Specimen coordinates (N, 2) to canvas pixels."""
        p = np.asarray(points, float)
        x = p[:, 0] * self._cos - p[:, 1] * self._sin
        y = p[:, 0] * self._sin + p[:, 1] * self._cos
        return cast(NDArray[np.float64], np.stack([x, y], 1) * self.unit + self._centre)

    def _mask_image(self) -> Image.Image:
        return Image.new("L", (self.width * MASK_SCALE, self.height * MASK_SCALE))

    def _field(self, image: Image.Image) -> Field:
        small = image.reduce(MASK_SCALE)
        return np.asarray(small, np.float32) / 255

    def polygons(self, *outlines: NDArray[np.float64]) -> Field:
        """Anti-aliased union of closed outlines in specimen coordinates."""
        image = self._mask_image()
        draw = ImageDraw.Draw(image)
        for outline in outlines:
            page = self.to_page(outline) * MASK_SCALE
            draw.polygon([tuple(p) for p in page], fill=255)
        return self._field(image)

    def mirrored(self, outline: NDArray[np.float64]) -> Field:
        """The outline and its mirror image across the body axis."""
        return self.polygons(outline, outline * [-1, 1])

    def lines(self, paths: list[NDArray[np.float64]], width: float, taper: float = 1.0) -> Field:
        """Strokes of `width` (specimen units), narrowing to `taper` of it at the end."""
        image = self._mask_image()
        draw = ImageDraw.Draw(image)
        for path in paths:
            page = self.to_page(path) * MASK_SCALE
            widths = np.linspace(1, taper, len(page)) * width / self.pixel * MASK_SCALE
            for a, b, w in zip(page[:-1], page[1:], widths[:-1], strict=True):
                draw.line([*a, *b], fill=255, width=max(1, round(w)))
                r = w / 2
                draw.ellipse([b[0] - r, b[1] - r, b[0] + r, b[1] + r], fill=255)
        return self._field(image)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float) -> Field:
        """Anti-aliased ellipse mask."""
        d = np.hypot((self.x - cx) / rx, (self.y - cy) / ry)
        return 1 - smooth(1 - self.pixel / rx, 1 + self.pixel / rx, d)

    def paint(self, mask: Field, colour: Field, solid: bool = True) -> None:
        """Lay a colour (3,) or colour field over the specimen through `mask`."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        laid, part = mask[box], self.colour[box]
        part += ((colour[box] if colour.ndim == 3 else colour) - part) * laid[..., None]
        if solid:
            np.maximum(self.cover[box], laid, out=self.cover[box])

    def window(self, x0: float, y0: float, x1: float, y1: float) -> "Canvas":
        """The part of the canvas around a box in specimen coordinates, to draw in more quickly."""
        corners = self.to_page(np.array([(x0, y0), (x1, y0), (x0, y1), (x1, y1)]))
        (left, top), (right, bottom) = corners.min(0) - 2, corners.max(0) + 2
        c0, c1 = max(0, int(left)), min(self.width, int(right) + 1)
        r0, r1 = max(0, int(top)), min(self.height, int(bottom) + 1)
        part = copy(self)
        part.width, part.height = c1 - c0, r1 - r0
        part._centre = self._centre - [c0, r0]
        for name in ("x", "y", "ax", "page_x", "page_y", "colour", "cover"):
            setattr(part, name, getattr(self, name)[r0:r1, c0:c1])
        return part

    def noise(self, cells: int, octaves: int = 3, mirror: bool = False) -> Field:
        """Smooth noise in about [-1, 1], `cells` blobs across the width."""
        total = np.zeros((self.height, self.width), np.float32)
        for octave in range(octaves):
            n = cells * 2**octave
            grid = self.rng.standard_normal((max(2, n * self.height // self.width), n))
            image = Image.fromarray(grid.astype(np.float32), "F")
            big = image.resize((self.width, self.height), Image.Resampling.BICUBIC)
            total += np.asarray(big, np.float32) / 2**octave
        if mirror:  # look the left half up where the right half is, in the turned frame
            x = (self.ax * self._cos - self.y * self._sin) * self.unit + self._centre[0]
            y = (self.ax * self._sin + self.y * self._cos) * self.unit + self._centre[1]
            rows = np.clip(y.astype(np.int32), 0, self.height - 1)
            total = total[rows, np.clip(x.astype(np.int32), 0, self.width - 1)]
        return total / 1.6

    def blurred(self, mask: Field, radius: float) -> Field:
        """Gaussian blur by `radius` in short half sides."""
        image = Image.fromarray((mask * 255).astype(np.uint8))
        soft = image.filter(ImageFilter.GaussianBlur(radius * self.unit))
        return np.asarray(soft, np.float32) / 255


def polar(
    canvas: Canvas, outline: NDArray[np.float64], base: tuple[float, float]
) -> tuple[Field, Field, Field]:
    """Coordinates of a wing-like shape around its base, mirrored across the axis.

    Returns u (0 at the base, 1 on the edge), v (0-1 across the fan) and the radius field.
    """
    dx, dy = canvas.ax - base[0], canvas.y - base[1]
    angle = np.arctan2(-dy, dx)
    rim = outline - base
    rim_angle = np.arctan2(-rim[:, 1], rim[:, 0])
    rim_radius = np.hypot(rim[:, 0], rim[:, 1])
    outer = rim_angle[rim_radius > 0.45 * rim_radius.max()]
    bins = np.linspace(outer.min(), outer.max(), 180)
    which = np.clip(np.digitize(rim_angle, bins) - 1, 0, 179)
    far = np.zeros(180)
    np.maximum.at(far, which, rim_radius)
    filled = far > 0
    far = np.interp(bins, bins[filled], far[filled])
    radius = np.hypot(dx, dy)
    u = radius / np.interp(angle, bins, far).astype(np.float32)
    v = (angle - bins[0]) / (bins[-1] - bins[0])
    return u.astype(np.float32), v.astype(np.float32), radius.astype(np.float32)

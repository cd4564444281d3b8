"""Learning curves: a measure over the samples seen, mean over seeds and how far they spread."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.engine_files import MetricLog

_WIDE, _HIGH, _LEFT, _DOWN = 640, 300, 56, 28
# Okabe & Ito 2008: told apart by the colour-blind too.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")

Points = Mapping[int, float]
"""Samples seen to the value measured then."""


@dataclass(frozen=True)
class Line:
    """The curve of a setting: `mean` [n] over its seeds at `samples` [n], between low and high."""

    label: str
    samples: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


def measured(run: Path, measure: str) -> dict[int, float]:
    """What the log of a run says of a measure; empty where it says nothing."""
    rows = MetricLog(run / "metrics.jsonl").rows()
    seen = {row["step"]: row["samples"] for row in rows if "samples" in row}
    per_step = max((n // step for step, n in seen.items() if step), default=0)
    return {
        int(row["step"]) * per_step: float(row["measures"][measure])
        for row in rows
        if row.get("measures", {}).get(measure) is not None
    }


def line(label: str, runs: Sequence[Points]) -> Line | None:
    """The curve of runs that differ in their seed, where all have been measured."""
    told = [run for run in runs if run]
    shared = sorted(set.intersection(*(set(run) for run in told))) if told else []
    if len(shared) < 2:
        return None
    values = np.array([[run[at] for at in shared] for run in told])
    low, high = values.min(0), values.max(0)
    return Line(label, shared, values.mean(0).tolist(), low.tolist(), high.tolist())


def drawing(measure: str, lines: Sequence[Line]) -> str:
    """An SVG of the curves: lines are means over seeds, shades reach from the least to the most."""
    most = max(one.samples[-1] for one in lines)
    low = min(min(one.low) for one in lines)
    high = max(max(one.high) for one in lines)
    high = high if high > low else low + 1e-9

    def at(samples: float, value: float) -> str:
        x = _LEFT + (_WIDE - _LEFT - 8) * samples / most
        y = _HIGH - _DOWN - (_HIGH - _DOWN - 8) * (value - low) / (high - low)
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{html.escape(measure)} over '
        f'samples" width="{_WIDE}" font-size="11" font-family="system-ui">'
    ]
    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        x, y = at(0, value).split(",")
        parts.append(f'<path d="M{x} {y}H{_WIDE - 8}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y}" text-anchor="end">{value:.3f}</text>')
        middle = at(share * most, low).split(",")[0]
        anchor = ("start", "middle", "end")[round(2 * share)]
        parts.append(
            f'<text x="{middle}" y="{_HIGH - 8}" text-anchor="{anchor}">{share * most:,.0f}</text>'
        )
    for number, one in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        there = [at(*point) for point in zip(one.samples, one.high, strict=True)]
        back = [at(*point) for point in zip(one.samples, one.low, strict=True)][::-1]
        mean = [at(*point) for point in zip(one.samples, one.mean, strict=True)]
        area = " ".join(there + back)
        parts.append(f'<polygon points="{area}" fill="{colour}" opacity=".15"/>')
        parts.append(
            f'<polyline points="{" ".join(mean)}" fill="none" stroke="{colour}" stroke-width="2">'
            f"<title>{html.escape(one.label)}</title></polyline>"
        )
    return "".join([*parts, "</svg>"])


def figure(measure: str, lines: Sequence[Line]) -> str:
    """The drawing with its legend, as HTML."""
    legend = "".join(
        f'<li style="color:{_COLOURS[n % len(_COLOURS)]}">{html.escape(one.label)}</li>'
        for n, one in enumerate(lines)
    )
    caption = f"<figcaption>{html.escape(measure)} over samples<ul>{legend}</ul></figcaption>"
    return f"<figure>{drawing(measure, lines)}{caption}</figure>\n"

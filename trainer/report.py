"""Tables of results: mean and standard deviation over seeds, and what differs from a baseline."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InvalidSetting, UnreadableSource
from trainer.commands import RESULT, RESULT_FORMAT
from trainer.curves import figure, line, measured
from trainer.statistics import Interval, holm, paired_interval, sign_flip_test


@dataclass(frozen=True)
class Setting:
    """Runs that differ in their seed only."""

    label: str
    runs: dict[int, dict[str, float | None]]
    """Seed to measures."""
    folders: dict[int, Path] = field(default_factory=dict)
    """Seed to the folder of the run."""

    def values(self, measure: str) -> dict[int, float]:
        """Seed to the value, where there is one."""
        found = {seed: run.get(measure) for seed, run in self.runs.items()}
        return {seed: value for seed, value in found.items() if value is not None}


@dataclass(frozen=True)
class Cell:
    """One figure of a table; `spread` is the sample standard deviation, `p` is Holm-adjusted.

    `gain` is the difference from the first setting over the seeds they share.
    """

    mean: float | None
    spread: float | None
    seeds: int
    p: float | None
    gain: Interval | None = None

    def __str__(self) -> str:
        if self.mean is None:
            return "–"
        text = f"{self.mean:.4f}" + ("" if self.spread is None else f" ± {self.spread:.4f}")
        if self.gain is None:
            return text
        mean, low, high = (f"{x:+.4f}" for x in (self.gain.mean, self.gain.low, self.gain.high))
        return f"{text} ({mean}, {low} to {high}; p {self.p:.3f})"


@dataclass(frozen=True)
class Table:
    """Settings by measures; the first setting is the baseline."""

    labels: list[str]
    measures: list[str]
    cells: list[list[Cell]]
    seeds: list[int]
    """Runs of each setting."""


def read_results(places: Sequence[Path]) -> list[Setting]:
    """Settings in the order found; a folder stands for every result.json below it.

    Raises InvalidSetting where one setting has one seed twice: that is no second observation.
    """
    files = [f for p in places for f in ([p] if p.is_file() else sorted(p.rglob(RESULT)))]
    if not files:
        raise UnreadableSource(f"there is no {RESULT} under {', '.join(map(str, places))}")
    found: dict[tuple[str, bool, float], Setting] = {}
    for file in files:
        row = _read(file)
        key = (row["setting"], row["step"] > 0, row.get("mix", 1.0))
        own = found.setdefault(key, Setting(row["label"], {}))
        if row["seed"] in own.runs:
            raise InvalidSetting(f"{file}: {own.label} has seed {row['seed']} twice")
        own.runs[row["seed"]], own.folders[row["seed"]] = row["measures"], file.parent
    return list(found.values())


def table(settings: Sequence[Setting], measures: Sequence[str] = ()) -> Table:
    """`measures` default to all that the first setting has, those of one n-shot bucket apart.

    p is that of a paired sign-flip test over the seeds a setting shares with the first one, Holm-
    adjusted over the settings of a column; None with fewer than two.
    """
    first = next(iter(settings[0].runs.values()))
    names = list(measures) or [name for name in first if "[" not in name]
    strange = [name for name in names if name not in first]
    if strange:
        raise InvalidSetting(f"no measure {strange[0]!r}: there are {', '.join(first)}")
    columns = [_column(settings, name) for name in names]
    return Table(
        [setting.label for setting in settings],
        names,
        [list(row) for row in zip(*columns, strict=True)],
        [len(setting.runs) for setting in settings],
    )


def markdown(made: Table) -> str:
    """The table in Markdown, with what its figures mean."""
    head = ["setting", "seeds", *made.measures]
    lines = [_row(head), _row(["---", *["---:"] * (len(head) - 1)])]
    for label, seeds, cells in zip(made.labels, made.seeds, made.cells, strict=True):
        lines.append(_row([label.replace("|", "\\|"), str(seeds), *map(str, cells)]))
    return "\n".join([*lines, "", note(made)]) + "\n"


def figures(made: Table, settings: Sequence[Setting]) -> str:
    """Learning curves of the table's measures, where runs were measured on their way."""
    drawn = []
    for measure in made.measures:
        found = [
            line(one.label, [measured(path, measure) for path in one.folders.values()])
            for one in settings
        ]
        lines = [one for one in found if one is not None]
        drawn += [figure(measure, lines)] if lines else []
    return "".join(drawn)


def page(made: Table, drawn: str = "") -> str:
    """The table, and `drawn` below it, as an HTML page that needs nothing else."""
    head = "".join(f"<th>{html.escape(n)}</th>" for n in ["setting", "seeds", *made.measures])
    rows = "".join(
        f"<tr><th>{html.escape(label)}</th><td>{seeds}</td>"
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>\n"
        for label, seeds, cells in zip(made.labels, made.seeds, made.cells, strict=True)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Results</title>'
        "<style>body{font:15px system-ui;margin:2rem}table{border-collapse:collapse}"
        "th,td{padding:.3rem .7rem;text-align:right;border-bottom:1px solid #ccc}"
        "th:first-child{text-align:left}</style>\n"
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>\n"
        f"<p>{html.escape(note(made))}</p>\n{drawn}</html>\n"
    )


def note(made: Table) -> str:
    """How to read the figures, and how small p can get with so many seeds."""
    text = "Mean ± standard deviation over seeds."
    tested = [cell.seeds for row in made.cells for cell in row if cell.p is not None]
    if tested:
        text += (
            f" In brackets the difference from {made.labels[0]} over shared seeds, with its 95 %"
            " interval by Student's t. p: paired sign-flip test of it, Holm-adjusted;"
            f" with {min(tested)} seeds it cannot fall below {2 / 2 ** min(tested):.3g}."
        )
    return text


def _column(settings: Sequence[Setting], name: str) -> list[Cell]:
    base = settings[0].values(name)
    raw: list[float | None] = [None]
    shared: list[int] = [0]
    gains: list[Interval | None] = [None]
    for setting in settings[1:]:
        own = setting.values(name)
        both = sorted(set(base) & set(own))
        test = len(both) > 1
        pairs = [base[s] for s in both], [own[s] for s in both]
        raw.append(sign_flip_test(*pairs).p_value if test else None)
        gains.append(paired_interval(*pairs) if test else None)
        shared.append(len(both))
    adjusted = iter(holm([p for p in raw if p is not None]))
    cells = []
    for setting, p, both_count, gain in zip(settings, raw, shared, gains, strict=True):
        values = list(setting.values(name).values())
        mean = float(np.mean(values)) if values else None
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
        tested = None if p is None else next(adjusted)
        seeds = both_count if p is not None else len(values)
        cells.append(Cell(mean, spread, seeds, tested, gain))
    return cells


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != RESULT_FORMAT:
            raise UnreadableSource(f"{path} is a result of another format: {found['format']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableSource(f"{path} is not a result of this trainer: {error}") from error
    return found

"""A report as a workbook for spreadsheets: the table, and every run's figures beside it."""

from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from trainer.report import Cell, Setting, Table, note


def write_workbook(path: Path, made: Table, settings: Sequence[Setting]) -> None:
    """Write sheets "means" (mean, standard deviation, difference from the first setting with its
    interval, and p of every measure) and "runs".

    Numbers are numbers, at full precision; a missing one is an empty cell.
    """
    book = Workbook()
    means = book.active
    assert isinstance(means, Worksheet)
    means.title = "means"
    parts = ("mean", "sd", "difference", "low", "high", "p")
    head = [f"{measure} {part}" for measure in made.measures for part in parts]
    means.append(["setting", "seeds", *head])
    for label, seeds, cells in zip(made.labels, made.seeds, made.cells, strict=True):
        values = [value for cell in cells for value in _values(cell)]
        means.append([label, seeds, *values])
    means.append([])
    means.append([note(made)])
    runs = book.create_sheet("runs")
    runs.append(["setting", "seed", *made.measures])
    for setting in settings:
        for seed, measures in sorted(setting.runs.items()):
            runs.append([setting.label, seed, *(measures.get(name) for name in made.measures)])
    for sheet in (means, runs):
        sheet.freeze_panes = "B2"
        for cell in sheet[1]:
            cell.font = Font(bold=True)
    book.save(path)


def _values(cell: Cell) -> tuple[float | None, ...]:
    gain = cell.gain
    between = (None, None, None) if gain is None else (gain.mean, gain.low, gain.high)
    return cell.mean, cell.spread, *between, cell.p

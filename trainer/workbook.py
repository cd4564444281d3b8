"""A report as a workbook for spreadsheets: the table, and every run's figures beside it."""

from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from trainer.report import Setting, Table, note


def write_workbook(path: Path, made: Table, settings: Sequence[Setting]) -> None:
    """Write sheets "means" (mean, standard deviation and p of every measure) and "runs".

    Numbers are numbers, at full precision; a missing one is an empty cell.
    """
    book = Workbook()
    means = book.active
    assert isinstance(means, Worksheet)
    means.title = "means"
    parts = ("mean", "sd", "p")
    head = [f"{measure} {part}" for measure in made.measures for part in parts]
    means.append(["setting", "seeds", *head])
    for label, seeds, cells in zip(made.labels, made.seeds, made.cells, strict=True):
        values = [value for cell in cells for value in (cell.mean, cell.spread, cell.p)]
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

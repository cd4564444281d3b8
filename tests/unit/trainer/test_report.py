"""Tables over seeds: hand values, honest tests, and no seed counted twice."""

import json
import statistics

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from core.errors import InvalidSetting, UnreadableSource
from trainer.__main__ import app
from trainer.curves import Line, line, measured
from trainer.report import figures, markdown, page, read_results, table
from trainer.statistics import paired_interval

VALUES = {"plain": [0.5, 0.6, 0.55, 0.52, 0.58, 0.6], "better|": [0.7, 0.75, 0.72, 0.7, 0.74, 0.8]}


def write(root, label, seed, **measures):
    path = root / label / str(seed) / "result.json"
    path.parent.mkdir(parents=True)
    row = {"format": "biocosmos-result-1", "label": label, "setting": label, "seed": seed}
    path.write_text(json.dumps({**row, "step": 9, "measures": measures}))
    return path


@pytest.fixture
def results(tmp_path):
    for label, values in VALUES.items():
        for seed, value in enumerate(values):
            write(tmp_path, label, seed, all=value, ood=None if label == "plain" else 0.5)
    write(tmp_path, "single", 0, all=0.9, ood=0.25)
    return [tmp_path / "plain", tmp_path / "better|", tmp_path / "single"]


def test_means_spreads_and_tests_against_the_first(results):
    made = table(read_results(results))
    assert made.labels == ["plain", "better|", "single"]
    assert made.seeds == [6, 6, 1]
    plain, better, single = (row[0] for row in made.cells)
    assert plain.mean == pytest.approx(statistics.mean(VALUES["plain"]))
    assert plain.spread == pytest.approx(statistics.stdev(VALUES["plain"]))
    assert plain.p is None
    assert better.p == pytest.approx(2 / 2**6)
    assert (single.mean, single.spread, single.p) == (0.9, None, None)
    assert made.cells[0][1].mean is None


def test_markdown_and_html_say_how_sure_they_are(results):
    made = table(read_results(results), ["all"])
    text = markdown(made)
    cell = "0.7350 ± 0.0378 (+0.1767, +0.1550 to +0.1983; p 0.031)"
    assert f"| better\\| | 6 | {cell} |" in text
    assert "with 6 seeds it cannot fall below 0.0312" in text
    assert f"<td>{cell}</td>" in page(made)
    assert "<th>better|</th>" in page(made)


def test_what_makes_no_table_is_refused(results, tmp_path):
    with pytest.raises(InvalidSetting, match="no measure 'alll': there are all, ood"):
        table(read_results(results), ["alll"])
    with pytest.raises(InvalidSetting, match="plain has seed 3 twice"):
        read_results([results[0], results[0] / "3"])
    with pytest.raises(UnreadableSource, match="no result"):
        read_results([tmp_path / "none"])
    (tmp_path / "x.json").write_text('{"format": "other"}')
    with pytest.raises(UnreadableSource, match="another format"):
        read_results([tmp_path / "x.json"])


def test_the_command_writes_either_form(results, tmp_path):
    runner = CliRunner()
    places = [str(place) for place in results]
    for name, start in (("r.html", "<!doctype html>"), ("r.md", "| setting | seeds |")):
        out = tmp_path / name
        assert runner.invoke(app, ["report", *places, "--out", str(out)]).exit_code == 0
        assert out.read_text().startswith(start)
    shown = runner.invoke(app, ["report", *places, "--measure", "all"])
    assert "| plain | 6 | 0.5583" in shown.output


def test_curves_and_workbooks_hold_what_was_measured(results, tmp_path):
    for seed in range(6):
        run = tmp_path / "plain" / str(seed)
        rows = [
            row
            for step in (1, 2, 3)
            for row in (
                {"step": step, "samples": step * 16, "loss": 1.0},
                {"step": step, "measures": {"all": seed / 10 + step}},
            )
        ]
        (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_results(results)
    made = table(found, ["all"])
    curve = line("plain", [measured(path, "all") for path in found[0].folders.values()])
    assert curve == Line(
        "plain", [16, 32, 48], pytest.approx([1.25, 2.25, 3.25]), [1, 2, 3], [1.5, 2.5, 3.5]
    )
    drawn = figures(made, found)
    assert drawn.count("<polyline") == 1  # of the others nothing was measured on the way
    assert "all over samples" in drawn
    assert drawn in page(made, drawn)
    out = tmp_path / "report.xlsx"
    options = ["report", *map(str, results), "--measure", "all", "--out", str(out)]
    assert CliRunner().invoke(app, options).exit_code == 0
    book = load_workbook(out)
    means = list(book["means"].values)
    parts = ("mean", "sd", "difference", "low", "high", "p")
    assert means[0] == ("setting", "seeds", *(f"all {part}" for part in parts))
    assert means[2][:3] == ("better|", 6, pytest.approx(statistics.mean(VALUES["better|"])))
    gain = made.cells[1][0].gain
    # A workbook keeps 16 digits of a number, of which 17 may be needed.
    assert means[2][4:7] == pytest.approx((gain.mean, gain.low, gain.high), rel=1e-15)
    assert means[1][4:] == (None,) * 4
    assert len(list(book["runs"].values)) == 14


def test_intervals_of_differences_are_students():
    a, b = [0.0, 0.0, 0.0], [0.1, 0.2, 0.3]
    found = paired_interval(a, b)
    assert (found.mean, found.high) == (
        pytest.approx(0.2),
        pytest.approx(0.2 + 4.3027 * 0.1 / 3**0.5),
    )
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    many = [float(i % 2) for i in range(31)]
    spread = statistics.stdev(many) / 31**0.5
    wide = paired_interval([0.0] * 31, many)
    assert (wide.high - wide.mean) / spread == pytest.approx(2.0423, abs=2e-4)
    with pytest.raises(InvalidSetting, match="two pairs"):
        paired_interval([0.1], [0.2])

"""Campaigns: how they expand, what they refuse, and that a crash costs nothing but time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from core.errors import InvalidSetting
from tests.paths import ROOT, TINY
from tests.unit.trainer.test_commands import TEXT
from trainer import sweep, trials
from trainer.__main__ import app
from trainer.campaign import read_campaign
from trainer.engine_files import MetricLog
from trainer.trials import Standing, claimed, classify, standing

BASE = {"model": {"id": str(TINY)}, "loss": [{"kind": "softmax"}]}


def campaign(folder: Path, **keys: object):
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump({"base": BASE, **keys}))
    return read_campaign(path)


def test_settings_grid_data_and_seeds_multiply_and_seeds_come_first(tmp_path):
    made = campaign(
        tmp_path,
        settings={"plain": {}, "soft": {"loss.0.target": "taxonomic"}},
        grid={"optim.lr": [0.001, 0.002]},
        data={
            "cub": {"data.source": "museum"},
            "own": {"data.source": "museum", "data.even": True},
        },
        seeds=[3, 4],
    )
    assert len(made.trials) == 16
    assert [trial.seed for trial in made.trials] == [3] * 8 + [4] * 8
    assert [str(t.folder) for t in made.trials[:5]] == [
        "cub/plain,lr=0.001/3", "cub/plain,lr=0.002/3", "cub/soft,lr=0.001/3",
        "cub/soft,lr=0.002/3", "own/plain,lr=0.001/3",
    ]  # fmt: skip
    one = made.trials[3]
    assert (one.config.loss[0].target, one.config.optim.lr, one.config.seed) == (
        "taxonomic", 0.002, 3,
    )  # fmt: skip
    assert one.label == "cub soft,lr=0.002"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"setings": {}}, "no key setings in a campaign"),
        ({"seeds": [1, 1]}, "seeds must be different whole numbers"),
        ({"settings": {"../a": {}}}, "cannot name a folder"),
        ({"settings": {"a": {"optim.lrr": 1}}}, "setting a: no setting optim.lrr: did you mean lr"),
        ({"settings": {"a": {}, "b": {"optim.lr": 1e-5}}}, "a and b are the same settings"),
        ({"grid": {"optim.lr": 1}}, "optim.lr must be a list"),
        ({"base": "none.yaml"}, "base: cannot read none.yaml"),
    ],
)
def test_a_wrong_campaign_is_refused_before_anything_runs(tmp_path, keys, message):
    with pytest.raises(InvalidSetting, match=message):
        campaign(tmp_path, **keys)


def test_a_campaign_may_grow_but_not_change_what_was_begun(tmp_path):
    out = tmp_path / "out"
    sweep.prepare(campaign(tmp_path, settings={"a": {}}), out)
    trials.write_standing(out / "a" / "42", Standing("failed", 1))
    grown = campaign(tmp_path, settings={"a": {}, "b": {"optim.lr": 0.1}})
    sweep.prepare(grown, out)
    rows = json.loads((out / sweep.MANIFEST).read_text())
    assert [(row["folder"], row["state"]) for row in rows] == [
        ("a/42", "failed"), ("b/42", "waiting"),
    ]  # fmt: skip
    sweep.prepare(grown, out, again=True)
    assert standing(out / "a" / "42").state == "waiting"
    with pytest.raises(InvalidSetting, match="a was begun with other settings"):
        sweep.prepare(campaign(tmp_path, settings={"a": {"optim.lr": 0.2}}), out)
    with pytest.raises(InvalidSetting, match="a/42 was begun and is not in the campaign"):
        sweep.prepare(campaign(tmp_path, settings={"b": {"optim.lr": 0.1}}), out)


@pytest.mark.parametrize(
    ("code", "log", "expected"),
    [
        (1, "x\nerror: no such folder\n", ("settings", "error: no such folder")),
        (1, "torch.OutOfMemoryError: CUDA out of memory. Tried\n", ("gpu memory", None)),
        (1, "RuntimeError: [enforce fail] can't allocate memory: 1 bytes\n", ("memory", None)),
        (-9, "step 3\n", ("killed", "ended by signal 9: step 3")),
        (137, "", ("killed", "ended by signal 9")),
        (1, "KeyError: 3\n", ("other", "KeyError: 3")),
    ],
)
def test_crashes_are_told_apart(code, log, expected):
    kind, reason = classify(code, log)
    assert kind == expected[0]
    assert expected[1] in (None, reason)


def test_a_trial_that_another_process_runs_is_left_to_it(tmp_path):
    trials.write_standing(tmp_path, Standing("running", 1))
    assert standing(tmp_path).state == "waiting"  # whoever ran it is dead
    with claimed(tmp_path) as ours:
        assert ours
        hold = f"from trainer.trials import *; print(standing(Path({str(tmp_path)!r})).state)"
        told = subprocess.run(
            [sys.executable, "-c", hold], cwd=ROOT, capture_output=True, text=True, check=True
        )
    assert told.stdout.strip() == "running"


def test_a_job_array_has_a_task_for_every_trial(tmp_path):
    made = campaign(tmp_path, seeds=[1, 2, 3], slurm=["--gres=gpu:1", "--time=2:00:00"])
    script = sweep.slurm_script(made, tmp_path / "plan.yaml", tmp_path / "o u t", ["bin/sweep"])
    assert "#SBATCH --array=0-2\n" in script
    assert "#SBATCH --gres=gpu:1\n#SBATCH --time=2:00:00\n" in script
    assert f"bin/sweep -c {tmp_path}/plan.yaml --out '{tmp_path}/o u t' --only" in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.slow
def test_eight_trials_survive_a_forced_crash(tmp_path, monkeypatch):
    base = yaml.safe_load(TEXT.replace("PACKS", str(tmp_path / "packs")))
    base["run"] |= {"samples": 48, "every": 48}
    base["eval"]["index"] = False
    plan = {
        "base": base,
        "settings": {"plain": {}, "even": {"sample.tau": 0.0}},
        "grid": {"optim.lr": [0.0001, 0.0002]},
        "seeds": [1, 2],
        "launch": [sys.executable, str(Path(__file__).with_name("crash_once.py"))],
        "retries": 0,  # it gets on before it is killed: that costs none
    }
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(plan))
    monkeypatch.setenv("CRASH_MARK", str(tmp_path / "crashed"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    out = tmp_path / "out"
    command = ["sweep", "-c", str(path), "--out", str(out)]
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 0, found.output
    assert "8 of 8 trials done, 0 failed" in found.output
    rows = json.loads((out / "manifest.json").read_text())
    assert sorted(row["attempts"] for row in rows) == [1] * 7 + [2]
    assert all(row["peak_mb"] > 100 and row["seconds"] > 0 for row in rows)
    log = out / "plain,lr=0.0001" / "1" / "metrics.jsonl"
    assert [row["step"] for row in MetricLog(log).rows() if "loss" in row] == [1, 2, 3]
    before = log.read_bytes()
    again = CliRunner().invoke(app, command)  # nothing is run twice
    assert "8 of 8 trials done" in again.output
    assert log.read_bytes() == before
    compared = CliRunner().invoke(app, ["report", str(out), "--measure", "all"])
    assert compared.exit_code == 0, compared.output
    assert compared.output.count("| 2 |") == 4

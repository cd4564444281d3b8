"""Trackers get what metrics.jsonl has; a missing one is said in one line."""

import sys
from types import SimpleNamespace

import pytest

from core.errors import InvalidSetting
from tests.unit.trainer.runs import config, engine
from trainer.engine import Hooks
from trainer.engine_files import MetricLog
from trainer.trackers import flat, tracker

ROW = {"step": 3, "loss": 0.5, "terms": [0.25, None], "measures": {"all": 0.7, "val_id.all": 0.6}}


def test_rows_become_names_and_numbers():
    assert dict(flat(ROW)) == {
        "loss": 0.5, "terms/0": 0.25, "measures/all": 0.7, "measures/val_id.all": 0.6
    }  # fmt: skip


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_package_that_is_not_there_is_named_in_one_line(tmp_path, name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InvalidSetting, match=f"pip install {name}") as error:
        tracker([name], config(), tmp_path, "label")
    assert "\n" not in str(error.value)


def test_weights_and_biases_resumes_a_run_under_its_own_name(tmp_path, monkeypatch):
    begun, told = [], []
    run = SimpleNamespace(log=lambda numbers, step: told.append((step, numbers)))
    fake = SimpleNamespace(init=lambda **known: begun.append(known) or run)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for seed in (3, 3, 4):
        tracker(["wandb"], config(f"seed={seed}"), tmp_path, "label")(ROW)
    assert begun[0]["id"] == begun[1]["id"] != begun[2]["id"]
    assert begun[0]["config"]["seed"] == 3
    assert told[0] == (3, dict(flat(ROW)))


def test_tensorboard_gets_every_number(tmp_path, monkeypatch):
    """TensorBoard itself is no dependency: what it would be told is written down instead."""
    said = []

    class Writer:
        def __init__(self, folder):
            assert folder == str(tmp_path)

        def add_scalar(self, name, value, step):
            said.append((name, value, step))

        def flush(self):
            said.append("flush")

    monkeypatch.setitem(sys.modules, "tensorboard", SimpleNamespace())
    monkeypatch.setitem(
        sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer)
    )
    tracker(["tensorboard"], config(), tmp_path, "")(ROW)
    assert said == [*((name, value, 3) for name, value in flat(ROW)), "flush"]


def test_the_loop_tells_all_that_it_writes(tmp_path):
    seen = []
    hooks = Hooks(evaluate=lambda _: {"score": 1.0}, track=seen.append)
    engine(tmp_path, config(), hooks).train()
    assert seen == MetricLog(tmp_path / "metrics.jsonl").rows()
    assert {"loss", "measures"} <= {key for row in seen for key in row}

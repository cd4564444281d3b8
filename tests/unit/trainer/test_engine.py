"""The loop: it learns, resumes to the bit, and says in one line why it cannot go on."""

import json
import math
import os
import random
import subprocess
import sys

import pytest
import torch

from core.errors import Conflict, InvalidSetting, TrainingError, UnreadableSource
from core.settings import Launch, launch
from tests.paths import ROOT
from tests.unit.trainer.ranks import on_ranks
from tests.unit.trainer.runs import config, engine, loader, losses, released
from trainer.engine import Hooks
from trainer.engine_files import MetricLog, read_checkpoint, write_checkpoint


class Killed(Exception):
    pass


def weights(made):
    return {k: v.clone() for k, v in made.towers.state_dict().items()}


def equal(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_training_lowers_the_loss(tmp_path):
    made = engine(tmp_path, config("run.samples=480"))
    made.train()
    found = losses(tmp_path)
    assert sum(found[-5:]) / 5 < 0.6 * found[0]
    last = MetricLog(tmp_path / "metrics.jsonl").rows()[-1]
    assert last["step"] == 30
    assert last["samples"] == 480


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_run_resumes_to_bit_equal_losses(tmp_path, seed):
    changes = ["optim.ema=0.9", "run.save=48", "run.every=64", "schedule.warmup=40"]
    settings = config(*changes)
    whole = engine(tmp_path / "whole", settings, dropout=0.2)
    whole.train()
    deadly = random.Random(seed).randint(1, 8)

    def die(step, loss):
        if step == deadly:
            raise Killed

    with pytest.raises(Killed):
        engine(tmp_path / "cut", settings, Hooks(tick=die), dropout=0.2).train()
    said = []
    again = engine(tmp_path / "cut", settings, Hooks(say=said.append), dropout=0.2)
    assert bool(said) == (deadly > 3)
    again.train()
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert equal(weights(again), weights(whole))
    with again.judged(), whole.judged():
        assert equal(weights(again), weights(whole))


def test_a_crash_while_writing_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    """The predecessor wrote its state in place: a crash meanwhile lost the trial."""
    path = tmp_path / "ckpt" / "last.pt"
    write_checkpoint(path, {"step": 1})

    def dies(state, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", dies)
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(path, {"step": 2})
    assert read_checkpoint(path, torch.device("cpu")) == {"step": 1}


def test_a_damaged_checkpoint_is_named(tmp_path):
    path = tmp_path / "last.pt"
    path.write_bytes(b"half")
    with pytest.raises(UnreadableSource, match=r"last\.pt is not a checkpoint"):
        read_checkpoint(path, torch.device("cpu"))


class _Runs:
    """What a pickle does when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_checkpoint_cannot_run_code(tmp_path):
    """The predecessor switched off the check of a library that refuses such files."""
    path, made = tmp_path / "last.pt", tmp_path / "made"
    torch.save({"weights": _Runs(str(made))}, path)
    with pytest.raises(UnreadableSource, match=r"last\.pt is not a checkpoint"):
        read_checkpoint(path, torch.device("cpu"))
    assert not made.exists()
    torch.load(path, weights_only=False)  # the trap is real
    assert made.exists()


def test_a_run_ends_where_nothing_gets_better(tmp_path):
    values = iter([0.2, 0.7, 0.5, 0.6, 0.9])
    settings = config("run.best=score", "run.stop_after=2", "run.every=16", "run.save=64")
    said = []
    hooks = Hooks(said.append, evaluate=lambda _: {"score": next(values)})
    made = engine(tmp_path, settings, hooks)
    made.train()
    assert made.done == 4
    assert said == ["stopped: 2 evaluations without a better one"]
    again = engine(tmp_path, settings, hooks)
    again.train()
    assert (again.done, again.take_best()) == (4, 2)
    with pytest.raises(InvalidSetting, match=r"run\.best"):
        config("run.stop_after=2")


def test_a_folder_of_other_settings_is_refused_but_another_machine_is_not(tmp_path):
    engine(tmp_path, config()).train()
    with pytest.raises(Conflict, match="other settings"):
        engine(tmp_path, config("optim.lr=1e-4"))
    assert engine(tmp_path, config("run.micro=4", "run.workers=1")).done == 8


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_micro_batches_give_the_gradient_of_the_whole_batch(tmp_path, kind):
    changes = ["run.samples=48", f"loss.0.kind={kind}"]
    whole = engine(tmp_path / "a", config(*changes))
    parts = engine(tmp_path / "b", config(*changes, "run.micro=5"))
    whole.train()
    parts.train()
    assert losses(tmp_path / "b") == pytest.approx(losses(tmp_path / "a"), rel=1e-4)


def test_a_frozen_tower_goes_with_micro_batches(tmp_path):
    frozen = ["model.freeze=[image]", "run.samples=48"]
    whole = engine(tmp_path / "a", config(*frozen))
    before = weights(whole)
    whole.train()
    parts = engine(tmp_path / "b", config(*frozen, "run.micro=5"))
    parts.train()
    assert losses(tmp_path / "b") == pytest.approx(losses(tmp_path / "a"), rel=1e-4)
    changed = {name for name in before if not torch.equal(before[name], weights(whole)[name])}
    assert changed
    assert not any(name.startswith("network.visual.") for name in changed)


def test_checkpointed_activations_change_nothing(tmp_path):
    engine(tmp_path / "a", config()).train()
    engine(tmp_path / "b", config("run.checkpoint_activations=true")).train()
    assert losses(tmp_path / "b") == pytest.approx(losses(tmp_path / "a"), rel=1e-4)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_narrow_precisions_learn_too(tmp_path, precision):
    made = engine(tmp_path, config(f"run.precision={precision}", "run.samples=320"))
    made.train()
    assert losses(tmp_path)[-1] < 0.8 * losses(tmp_path)[0]
    assert made._stepper.scaler.is_enabled() == (precision == "fp16")


def test_the_best_checkpoint_is_the_best_and_of_averaged_weights(tmp_path):
    values = iter([0.2, 0.7, 0.5])
    seen = []

    def evaluate(towers):
        assert not towers.training
        seen.append({k: v.clone() for k, v in towers.state_dict().items()})
        return {"score": next(values)}

    settings = config("run.best=score", "run.every=48", "optim.ema=0.5")
    made = engine(tmp_path, settings, Hooks(evaluate=evaluate))
    made.train()
    best = read_checkpoint(tmp_path / "ckpt" / "best.pt", torch.device("cpu"))
    assert (best["step"], best["score"]) == (6, 0.7)
    assert all(torch.equal(best["weights"][f"towers.{k}"], v) for k, v in seen[1].items())
    assert made.towers.training
    assert not equal(weights(made), seen[2])
    rows = MetricLog(tmp_path / "metrics.jsonl").rows()
    assert [row["measures"]["score"] for row in rows if "measures" in row] == [0.2, 0.7, 0.5]


def nan_at(made, at):
    """The text tower answers NaN in these steps, as it does after an overflow."""
    real, steps = made._stepper._towers.forward, iter(range(10**6))

    def forward(pixels, tokens):
        images, texts = real(pixels, tokens)
        return images, texts * math.nan if next(steps) in at else texts

    made._stepper._towers.forward = forward


def test_a_loss_that_is_not_a_number_stops_the_run_in_one_line(tmp_path):
    made = engine(tmp_path, config())
    nan_at(made, {3})
    with pytest.raises(TrainingError, match=r"the loss of step 3 is nan.*lower optim\.lr") as error:
        made.train()
    assert "\n" not in str(error.value)
    assert all(bool(v.isfinite().all()) for v in weights(made).values())
    assert engine(tmp_path, config()).done == 2


def test_or_its_step_is_left_out(tmp_path):
    said = []
    made = engine(tmp_path, config("run.on_nan=skip"), Hooks(say=said.append))
    nan_at(made, {3})
    made.train()
    assert said == ["step 3 left out: its loss or gradient is not finite"]
    assert all(bool(v.isfinite().all()) for v in weights(made).values())
    always = engine(tmp_path / "b", config("run.on_nan=skip", "run.samples=640"))
    nan_at(always, set(range(100)))
    with pytest.raises(TrainingError):
        always.train()


def test_out_of_memory_halves_the_micro_batch_and_goes_on(tmp_path):
    said = []
    made = engine(tmp_path / "a", config(), Hooks(say=said.append))
    real = made._stepper._towers.forward

    def small(pixels, tokens):
        if len(pixels) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(pixels, tokens)

    made._stepper._towers.forward = small
    made.train()
    assert [line.rpartition(" ")[2] for line in said] == ["micro=8", "micro=4"]
    engine(tmp_path / "b", config("run.micro=4")).train()
    assert losses(tmp_path / "a") == losses(tmp_path / "b")

    def never(pixels, tokens):
        raise torch.OutOfMemoryError("CUDA out of memory")

    hopeless = engine(tmp_path / "c", config())
    hopeless._stepper._towers.forward = never
    with pytest.raises(TrainingError, match=r"run\.checkpoint_activations=true"):
        hopeless.train()


def test_two_ranks_take_the_steps_of_one_and_go_on_from_its_checkpoint(tmp_path, monkeypatch):
    engine(tmp_path / "one", config()).train()

    def die(step, loss):
        if step == 5:
            raise Killed

    with pytest.raises(Killed):
        engine(tmp_path / "two", config(), Hooks(tick=die)).train()
    monkeypatch.setenv("RUN_FOLDER", str(tmp_path / "two"))
    monkeypatch.setenv("RUN_CHANGES", "run.micro=3")
    on_ranks(2, "tests.unit.trainer.runs", "on_this_rank")
    assert losses(tmp_path / "two")[:4] == losses(tmp_path / "one")[:4]
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)


def test_the_stream_of_samples_does_not_depend_on_the_number_of_ranks(monkeypatch):
    whole = loader(config())[0](4)
    from trainer import dist

    monkeypatch.setattr(dist, "world_size", lambda: 4)
    shares = []
    for rank in range(4):
        monkeypatch.setattr(dist, "rank", lambda rank=rank: rank)
        shares.append(loader(config())[0](4))
    assert torch.equal(torch.cat([share.pixels for share in shares]), whole.pixels)


def test_a_batch_that_ranks_cannot_share_and_a_missing_measure_are_refused(tmp_path):
    settings = config("run.best=nothing")
    made = engine(tmp_path, settings, Hooks(evaluate=lambda _: {"score": 1.0}))
    with pytest.raises(InvalidSetting, match="no measure 'nothing': there are score"):
        made.train()


LAUNCHED = """
import os, torch, torch.distributed as c10d
from core.settings import Launch, launch
from trainer.launch import joined
with joined("cpu", Launch()) as place:
    ranks = torch.tensor([float(place.rank + 1)])
    c10d.all_reduce(ranks)
    said = f"{place.rank} {place.world} {int(ranks)} {c10d.get_backend()}\\n"
    os.write(1, said.encode())  # in one piece: both processes share the pipe
"""


def test_processes_of_slurm_find_each_other():
    port = 21_000 + os.getpid() % 9_000
    base = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "MASTER"))}
    base |= {"SLURM_STEP_NUM_TASKS": "2", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", LAUNCHED],
            cwd=ROOT,
            env=base | {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = sorted(child.communicate(timeout=120)[0].strip() for child in running)
    assert said == ["0 2 3 gloo", "1 2 3 gloo"]


@pytest.mark.slow
def test_processes_of_torchrun_find_each_other(tmp_path):
    script = tmp_path / "ranks.py"
    script.write_text(LAUNCHED)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, str(script)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert sorted(done.stdout.split("\n")[:2]) == ["0 2 3 gloo", "1 2 3 gloo"]


def test_the_first_node_of_a_step_is_the_meeting_point(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_STEP_NODELIST", "gpu[007-009,012],cpu1")
    monkeypatch.setenv("SLURM_JOB_ID", "123456")
    found = Launch()
    assert (found.world, found.address, found.port) == (1, "gpu007", 23456)
    monkeypatch.setenv("SLURM_STEP_NODELIST", "alone")
    assert Launch().address == "alone"
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "2")
    with pytest.raises(InvalidSetting, match="RANK: Value error, the rank of a process lies below"):
        launch()
    monkeypatch.setenv("RANK", "first")
    with pytest.raises(InvalidSetting, match="RANK: Input should be a valid integer"):
        launch()


@pytest.mark.slow
def test_a_compiled_network_takes_the_same_steps(tmp_path):
    engine(tmp_path / "a", config("run.samples=32")).train()
    engine(tmp_path / "b", config("run.samples=32", "run.compile=true")).train()
    assert losses(tmp_path / "b") == pytest.approx(losses(tmp_path / "a"), rel=1e-3)


def test_metrics_are_whole_lines_and_plain_json(tmp_path):
    log = MetricLog(tmp_path / "metrics.jsonl")
    log.add({"step": 1, "loss": 0.1234567890123456, "terms": [math.inf]})
    log.add({"step": 2, "loss": math.nan})
    with log.path.open("a") as file:
        file.write('{"step": 3, "lo')
    assert [row["step"] for row in log.rows()] == [1, 2]
    assert log.rows()[0] == {"step": 1, "loss": 0.1234567890123456, "terms": [None]}
    log.rewind(1)
    assert [json.loads(line)["step"] for line in log.path.read_text().splitlines()] == [1]


def test_the_released_network_takes_part_without_its_own_scale(tmp_path):
    made = engine(tmp_path, config())
    assert not made.towers.network.logit_scale.requires_grad
    made.train()
    assert made.objective.logits[0].log_scale.item() != pytest.approx(released().log_scale)

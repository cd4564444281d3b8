"""The commands, on the sample museum: train, stop, go on, evaluate, split, and what they refuse."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from core.encoders.openclip import load as load_encoder
from core.errors import ModelError, UnreadableSource
from tests.paths import ROOT, TINY
from trainer import commands
from trainer import publish as publishing
from trainer.__main__ import app
from trainer.config import read_config
from trainer.engine_files import MetricLog

TEXT = f"""
model: {{id: "{TINY}"}}
seed: 1
data: {{source: museum, specimens: 156, even: true, reduce: 0.3, packs: PACKS}}
split: {{preset: plan, known: 0.15, unknown: {{}}}}
captions:
  templates: ["{{sci}}", "a photo of {{com}}"]
  prompts: ["{{sci}}", "a photo of {{sci}}"]
sample: {{batch: 16, order: balanced}}
loss: [{{kind: softmax, target: class}}]
optim: {{lr: 1e-4, ema: 0.5}}
run: {{samples: 64, every: 32, save: 16, precision: fp32, device: cpu, log_every: 1, best: all}}
eval: {{draws: 20, shots: [1]}}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run."""
    root = tmp_path_factory.mktemp("trainer")
    config = root / "tiny.yaml"
    config.write_text(TEXT.replace("PACKS", str(root / "packs")))
    found = CliRunner().invoke(
        app, ["train", "-c", str(config), "-o", "optim.clip=0.5", "--out", str(root / "run")]
    )
    assert found.exit_code == 0, found.output
    return root, config, found.output


def test_a_run_leaves_settings_split_metrics_weights_and_results(made):
    root, _, output = made
    run = root / "run"
    result = json.loads((run / "result.json").read_text())
    assert result["label"] == "tiny optim.clip=0.5"
    assert result["seed"] == 1
    val = result["partitions"]["val_id"]
    assert val["i2i"]["ap"]["low"] <= val["i2i"]["ap"]["micro"] <= val["i2i"]["ap"]["high"]
    assert set(val["names"]["ranks"]) >= {"family", "genus", "species"}
    assert 0 < val["index"]["hit@1"]["micro"] <= 1
    assert read_config(run / "config.yaml").optim.clip == 0.5
    rows = MetricLog(run / "metrics.jsonl").rows()
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4]
    assert [row["step"] for row in rows if "measures" in row] == [2, 4]
    best = max((row for row in rows if "measures" in row), key=lambda r: r["measures"]["all"])
    assert result["step"] == best["step"]
    assert result["measures"]["all"] == pytest.approx(best["measures"]["all"], rel=1e-4)
    assert sum(result["data"]["pictures"].values()) > 200
    assert result["data"]["leaks"] == {"copies": 0, "near": 0}
    assert {p.name for p in (run / "ckpt").iterdir()} == {"last.pt", "best.pt"}
    assert "52 classes; pictures: " in output


def test_evaluating_the_run_gives_its_best_figures_again(made):
    root, _, _ = made
    found = CliRunner().invoke(app, ["eval", "--run", str(root / "run"), "--label", "again"])
    assert found.exit_code == 0, found.output
    trained = json.loads((root / "run" / "result.json").read_text())
    again = json.loads((root / "run" / "eval.json").read_text())
    rows = MetricLog(root / "run" / "metrics.jsonl").rows()
    best = max((r for r in rows if "measures" in r), key=lambda r: r["measures"]["all"])
    assert again["step"] == best["step"]
    assert again["measures"]["all"] == pytest.approx(best["measures"]["all"], rel=1e-4)
    assert again["setting"] == trained["setting"]
    assert again["label"] == "again"


def test_the_starting_model_is_measured_from_its_configuration(made):
    root, config, _ = made
    out = root / "start.json"
    options = ["-c", str(config), "-o", "eval.index=false", "--out", str(out)]
    assert CliRunner().invoke(app, ["eval", *options]).exit_code == 0
    start = json.loads(out.read_text())
    assert start["step"] == 0
    assert "index" not in start["partitions"]["val_id"]
    assert start["measures"]["val_id.i2t.hit@1"] > 0.3
    # Changed as set, also where nothing is trained: the predecessor's documents disagreed on it.
    changed = [*options[:-1], str(root / "forwards.json"), "-o", "model.non_causal=true"]
    assert CliRunner().invoke(app, ["eval", *changed]).exit_code == 0
    forwards = json.loads((root / "forwards.json").read_text())
    assert forwards["partitions"]["val_id"]["i2t"] != start["partitions"]["val_id"]["i2t"]
    assert forwards["partitions"]["val_id"]["i2i"] == start["partitions"]["val_id"]["i2i"]


def test_a_finished_run_stays_as_it_is_and_other_settings_are_refused(made):
    root, config, _ = made
    before = MetricLog(root / "run" / "metrics.jsonl").rows()
    same = ["train", "-c", str(config), "-o", "optim.clip=0.5", "--out", str(root / "run")]
    again = CliRunner().invoke(app, same)
    assert "resumed at step 4 of 4" in again.output
    assert MetricLog(root / "run" / "metrics.jsonl").rows() == before
    other = CliRunner().invoke(app, ["train", "-c", str(config), "--out", str(root / "run")])
    assert other.exit_code == 1
    assert "other settings" in other.output


@pytest.mark.slow
def test_two_ranks_of_torchrun_train_as_one_does(made):
    root, config, _ = made
    ranks = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "trainer"]
    # Frozen, because batch norms see their own rank's share only.
    own = ["train", "-c", str(config), "-o", "model.freeze=[image]", "--out"]
    assert CliRunner().invoke(app, [*own, str(root / "one")]).exit_code == 0
    done = subprocess.run(
        [sys.executable, *ranks, *own, str(root / "ranks")],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("52 classes; pictures") == 1
    one, two = (MetricLog(root / name / "metrics.jsonl").rows() for name in ("one", "ranks"))
    losses = [[row["loss"] for row in rows if "loss" in row] for rows in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    found = [json.loads((root / n / "result.json").read_text()) for n in ("one", "ranks")]
    assert found[0]["data"] == found[1]["data"]
    assert found[0]["setting"] == found[1]["setting"]


def losses(folder):
    return [r["loss"] for r in MetricLog(folder / "metrics.jsonl").rows() if "loss" in r]


@pytest.mark.slow
def test_a_process_killed_at_a_random_moment_goes_on_to_bit_equal_losses(made):
    root, config, _ = made
    changes = ["-o", "run.samples=192", "-o", "run.every=192", "-o", "eval.index=false"]
    command = [sys.executable, "-m", "trainer", "train", "-c", str(config), *changes, "--out"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = {"cwd": ROOT, "env": environment, "stdout": subprocess.DEVNULL}
    subprocess.run([*command, str(root / "whole")], check=True, timeout=200, **run)
    deadly = random.randint(1, 10)
    with subprocess.Popen([*command, str(root / "cut")], **run) as child:
        while len(losses(root / "cut")) < deadly and child.poll() is None:
            time.sleep(0.01)
        child.kill()
    assert child.returncode == -signal.SIGKILL, f"it had ended before step {deadly}"
    subprocess.run([*command, str(root / "cut")], check=True, timeout=200, **run)
    assert losses(root / "cut") == losses(root / "whole"), f"killed after step {deadly}"
    assert len(losses(root / "whole")) == 12


@pytest.mark.slow
def test_the_museum_recipe_learns_names_from_nothing(tmp_path):
    recipe = ROOT / "trainer" / "configs" / "museum.yaml"
    changes = ["-o", "run.samples=2560", "-o", "run.every=2560", "-o", f"data.packs={tmp_path}"]
    model = ["-o", f"model.id={TINY}", "--out", str(tmp_path / "run")]
    found = CliRunner().invoke(app, ["train", "-c", str(recipe), *changes, *model])
    assert found.exit_code == 0, found.output
    assert "note:" not in found.output
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    chance = 1 / result["data"]["classes"]
    assert result["measures"]["val_id.i2t.hit@1"] > 5 * chance


def test_a_split_is_written(made):
    root, config, _ = made
    options = ["split", "-c", str(config), "--out", str(root / "split.json")]
    found = CliRunner().invoke(app, options)
    assert found.exit_code == 0
    assert (root / "split.json").read_bytes() == (root / "run" / "split.json").read_bytes()
    assert "0 pairs of like pictures" in found.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "-c config.yaml must be given"),
        (["train", "-c", "none.yaml"], "cannot read the settings in none.yaml"),
        (["eval", "--run", "none"], "cannot read the settings in none/config.yaml"),
    ],
)
def test_mistakes_are_said_in_one_line(arguments, message):
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 1
    assert found.output.startswith(f"error: {message}")
    assert len(found.output.strip().splitlines()) == 1


def test_partitions_that_do_not_exist_are_named(made):
    _, config, _ = made
    options = ["eval", "-c", str(config), "-o", "eval.partitions=[holdout]"]
    found = CliRunner().invoke(app, options)
    assert "no partition starts with holdout: there are train" in found.output


def test_the_name_of_a_setting_forgets_seed_and_machine_only(made):
    _, config, _ = made
    names = [
        commands.setting_hash(read_config(config, changes))
        for changes in ([], ["seed=9"], ["run.workers=1"], ["optim.lr=1e-5"])
    ]
    assert names[0] == names[1] == names[2] != names[3]


def test_a_published_run_is_a_model_like_any_other(made):
    root, _, _ = made
    out = root / "published"
    (root / "about.md").write_text("Of *no* use.\n")
    options = ["--run", str(root / "run"), "--out", str(out)]
    preface = ["--about", str(root / "about.md"), "--licence", "cc0-1.0"]
    found = CliRunner().invoke(app, ["publish", *options, *preface])
    assert found.exit_code == 0, found.output
    assert f"bin/ingest_embed --model={out} --embed_version=published" in found.output
    assert {p.name for p in out.iterdir()} == {
        "README.md", "open_clip_config.json", "open_clip_model.safetensors", "result.json",
    }  # fmt: skip
    encoder, start = load_encoder(str(out)), load_encoder(str(TINY))
    assert encoder.spec.weights_sha256 != start.spec.weights_sha256
    assert encoder.prepare_cfg == start.prepare_cfg
    pixels = np.random.default_rng(1).integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    assert not np.allclose(encoder.encode_images(pixels), start.encode_images(pixels), atol=1e-4)
    text = (out / "README.md").read_text()
    result = json.loads((root / "run" / "result.json").read_text())
    figure = result["partitions"]["val_id"]["i2i"]["ap"]["micro"]
    assert f"| i2i ap | {figure:.3f} |" in text
    assert "0 pairs of equal files" in text
    assert "| genus |" in text
    assert text.startswith("---\nlicense: cc0-1.0\n")
    assert "Of *no* use.\n\nThe weights of" in text
    assert json.loads((out / "result.json").read_text()) == result
    again = CliRunner().invoke(app, ["publish", *options])
    assert "is there already" in again.output
    assert not [p for p in root.iterdir() if p.name.startswith(".publish")]


def test_frozen_and_adapted_networks_are_published_too(made):
    root, config, _ = made
    run, out = root / "frozen", root / "published-frozen"
    changes = ["-o", "model.freeze=[image:2]", "-o", "model.lora={towers: [text], rank: 2}"]
    more = ["-o", "run.samples=16", "-o", "eval.index=false", "-o", "optim.lr=1e-2"]
    found = CliRunner().invoke(
        app, ["train", "-c", str(config), *changes, *more, "--out", str(run)]
    )
    assert found.exit_code == 0, found.output
    done = CliRunner().invoke(app, ["publish", "--run", str(run), "--out", str(out), "--half"])
    assert done.exit_code == 0, done.output
    a, b = (open_clip.create_model(f"local-dir:{path}").state_dict() for path in (out, TINY))
    changed = {name for name in b if not torch.equal(a[name], b[name])}
    assert "visual.conv1.weight" not in changed
    assert "visual.attnpool.c_proj.weight" in changed
    assert "transformer.resblocks.0.mlp.c_fc.weight" in changed
    assert "token_embedding.weight" not in changed


def test_weights_between_the_start_and_the_run_are_measured_and_published(made):
    root, _, _ = made
    out, run = root / "published-mix", ["--run", str(root / "run"), "--mix", "0.25"]
    publish = ["publish", *run, "--out", str(out)]
    unmeasured = CliRunner().invoke(app, publish)
    assert "measure first, bin/eval --run" in unmeasured.output
    assert CliRunner().invoke(app, ["eval", *run, "-o", "eval.index=false"]).exit_code == 0
    done = CliRunner().invoke(app, publish)
    assert done.exit_code == 0, done.output
    mixed, start, tuned = (
        open_clip.create_model(f"local-dir:{path}").state_dict()
        for path in (out, TINY, root / "published")
    )
    name = "transformer.resblocks.0.mlp.c_fc.weight"
    torch.testing.assert_close(mixed[name], 0.75 * start[name] + 0.25 * tuned[name])
    text = (out / "README.md").read_text()
    assert "0.25 of the run's and 0.75 of the starting model's" in text
    wrong = CliRunner().invoke(app, ["eval", *run[:2], "--mix", "1.5"])
    assert "mix is a share" in wrong.output


def test_pictures_are_told_apart_by_clusters_that_are_kept(made):
    root, config, _ = made
    run = root / "clusters"
    changes = ["-o", "loss=[]", "-o", "head={labels: cluster, clusters: 20}"]
    more = ["-o", "run.samples=32", "-o", "eval.index=false", "--out", str(run)]
    found = CliRunner().invoke(app, ["train", "-c", str(config), *changes, *more])
    assert found.exit_code == 0, found.output
    labels = np.load(run / "clusters.npy")
    assert f"20 clusters of {len(labels)} pictures" in found.output
    assert set(labels.tolist()) == set(range(20))
    rows = MetricLog(run / "metrics.jsonl").rows()
    assert all(len(row["terms"]) == 1 for row in rows if "loss" in row)


def test_a_run_learns_from_the_data_s_own_words_and_is_asked_questions(made):
    root, config, _ = made
    words = ["-o", "captions.own=0.7", "-o", "loss=[{kind: softmax, target: truth}]"]
    more = ["-o", "data.labels=20", "-o", "eval={questions: museum, index: false, draws: 0}"]
    short = ["-o", "run.samples=32", "-o", "run.micro=8", "--out", str(root / "words")]
    found = CliRunner().invoke(app, ["train", "-c", str(config), *words, *more, *short])
    assert found.exit_code == 0, found.output
    assert "53 classes; pictures: " in found.output
    result = json.loads((root / "words" / "result.json").read_text())
    groups = result["partitions"]["val_id"]["questions"]
    # The starting model was taught to answer them; two steps do not undo that.
    for name, group in groups.items():
        assert group["recall@10"] > 2 * group["chance"]["recall@10"]
        assert result["measures"][f"val_id.{name}.ap"] == group["ap"]
    silent = ["-o", "captions.own=0.5", "-o", "data={source: folder, path: PATH}"]
    (root / "folder" / "Pica pica").mkdir(parents=True)
    for n in range(20):
        Image.new("RGB", (8, 8), (n, 0, 0)).save(root / "folder" / "Pica pica" / f"{n}.png")
    silent[-1] = silent[-1].replace("PATH", str(root / "folder"))
    refused = CliRunner().invoke(app, ["train", "-c", str(config), *silent])
    assert "no words of their own" in refused.output


def test_everything_is_held_out_for_a_model_that_was_trained_elsewhere(made):
    root, config, _ = made
    own = ["-c", str(config), "-o", "split={preset: test}", "-o", "eval.index=false"]
    own += ["-o", "eval.partitions=[test]", "-o", "data.specimens=104", "-o", "run.best=''"]
    out = root / "elsewhere.json"
    assert CliRunner().invoke(app, ["eval", *own, "--out", str(out)]).exit_code == 0
    whole = json.loads(out.read_text())
    assert whole["data"]["pictures"]["train"] == 0
    assert whole["partitions"]["test"]["pictures"] == whole["data"]["pictures"]["test"] > 104
    refused = CliRunner().invoke(app, ["train", *own, "--out", str(root / "nothing")])
    assert "change the split" in refused.output


def test_no_samples_measure_the_starting_model(made):
    root, config, _ = made
    changes = ["-o", "run.samples=0", "-o", "run.best=''", "-o", "eval.index=false"]
    run = ["train", "-c", str(config), *changes, "--out", str(root / "start")]
    assert CliRunner().invoke(app, run).exit_code == 0
    assert CliRunner().invoke(app, ["eval", *run[1:-1], str(root / "start.json")]).exit_code == 0
    begun, start = (json.loads((root / f).read_text()) for f in ("start/result.json", "start.json"))
    assert begun["step"] == 0
    assert begun["measures"] == start["measures"]


def test_vectors_that_differ_stop_the_publication(made, monkeypatch):
    root, _, _ = made
    real = publishing._stored
    monkeypatch.setattr(publishing, "_stored", lambda value, half: real(value, half) * 2)
    with pytest.raises(ModelError, match="differ from the run's"):
        publishing.publish(root / "run", root / "wrong")
    assert not (root / "wrong").exists()
    with pytest.raises(UnreadableSource, match=r"no result\.json"):
        publishing.publish(root, root / "wrong")


def test_weights_of_another_model_are_refused(made, tmp_path):
    root, config, _ = made
    torch.save({"weights": {"towers.network.x": torch.zeros(1)}, "step": 1}, tmp_path / "best.pt")
    run = tmp_path / "run"
    (run / "ckpt").mkdir(parents=True)
    (tmp_path / "best.pt").rename(run / "ckpt" / "best.pt")
    (run / "config.yaml").write_text(config.read_text())
    (run / "split.json").write_bytes((root / "run" / "split.json").read_bytes())
    found = CliRunner().invoke(app, ["eval", "--run", str(run)])
    assert "is of another model than the settings" in found.output

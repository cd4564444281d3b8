"""Settings: strict, forgiving to nobody, and each of them really in force."""

import math
import os
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from open_clip.model import CLIP

from core.errors import InvalidSetting
from tests.paths import ROOT
from trainer import typed
from trainer.assemble import Facts, objective, split_plan, stream, trainable
from trainer.campaign import read_campaign
from trainer.captions import check
from trainer.config import Config, read_config
from trainer.models import architecture
from trainer.newick import covariance, read_newick
from trainer.sampling import Balanced, ClassesTimesImages, Neighbours, Repeated
from trainer.splits import PRESETS
from trainer.streams import Homogeneous, Shuffled
from trainer.targets import phylogenetic_table, shuffled, taxonomic_table

TEXT = """
model: {id: siglip_vitb16, freeze: ["text:3"], layer_decay: {image: 0.8}}
seed: 7
sample: {batch: 2k, order: balanced, tau: 0.5, near: {share: 0.25}}
loss:
  - {kind: sigmoid, target: class, weight: 0.7, focal: {gamma: 2}, balance: mass,
     imbalance: {gamma: 0.5}}
  - {kind: softmax, target: phylogenetic, weight: 3e-1, logits: 1}
logits: [{}, {scale: 20, cap: true}]
"""
RANKS = np.array([[0, 0], [0, 1], [0, 2], [1, 3], [1, 4]])
TREE = read_newick("((A:1,(B:1,C:2):1):2,(D:1,E:3):1);")


def facts():
    classes = np.repeat(np.arange(5), [30, 20, 9, 5, 2])
    views = {"view": ["dorsal" if i % 2 else "ventral" for i in range(len(classes))]}
    return Facts(classes, RANKS, covariance(TREE, list("ABCDE")), views, math.log(10), -10.0)


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(TEXT)
    return path


def make(text):
    return typed.build(Config, typed.parse("model: {id: clip_vitb32}\n" + text))


def test_a_file_with_overrides_becomes_a_typed_tree(config_file):
    config = read_config(config_file, ["loss.0.focal.gamma=0.5", "sample.batch=4096", "seed=8"])
    assert config.sample.batch == 4096
    assert config.loss[0].focal.gamma == 0.5
    assert config.loss[1].weight == 0.3
    assert config.seed == 8
    assert config.sample.near.taxa == 5
    assert read_config(config_file).sample.batch == 2000


def test_an_override_may_fill_what_the_file_leaves_out(config_file):
    config = read_config(config_file, ["model.lora={towers: [image], rank: 4}", "split.seed=1"])
    assert config.model.lora.rank == 4
    assert config.split.seed == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("samples: {}", "samples: did you mean sample?"),
        ("sample: {bacth: 3}", r"sample.bacth: did you mean batch\?"),
        ("loss: [{kind: sigmoid}, {knd: sigmoid}]", r"loss.1.knd: did you mean kind\?"),
        ("loss: [{kind: sigmod}]", r"loss.0.kind must be one of .*did you mean sigmoid\?"),
        ("seed: true", "seed must be a whole number"),
        ("seed: 1.5", "seed must be a whole number"),
        ("sample: {batch: 1.5k.}", "sample.batch must be a whole number"),
        ("tile: '12'", "tile must be a whole number"),
        ("loss: {kind: sigmoid}", "loss must be a list"),
        ("loss: [{unit: 1}]", "loss.0.unit must be true or false"),
        ("loss: [{balance: mas}]", "loss.0.balance"),
        ("model: {id: a}", "'model' is given twice"),
        ("sample: {near: {share: 2}}", "sample.near: near taxa need"),
        ("sample: {order: groups}", "sample: batches by groups need group_by"),
        ("loss: [{focal: {gamma: -1}}]", "loss.0.focal: the focal gamma"),
        ("logits: [{scale: 0}]", "logits.0: the logit scale"),
        ("seed: [", "not YAML"),
    ],
)
def test_mistakes_are_refused_with_their_place(text, says):
    with pytest.raises(InvalidSetting, match=says):
        make(text)


def test_a_misspelt_override_is_refused(config_file):
    """The predecessor made a new entry of it without a word."""
    for change, says in (
        ("loss.0.focl.gamma=1", "did you mean focal"),
        ("sample.bach=3", "did you mean batch"),
        ("loss.9.weight=1", "no item '9'"),
        ("loss", "an override reads"),
    ):
        with pytest.raises(InvalidSetting, match=says):
            read_config(config_file, [change])


def test_the_model_must_be_named():
    with pytest.raises(InvalidSetting, match="model must be given"):
        typed.build(Config, {})
    with pytest.raises(InvalidSetting, match="model.id must be given"):
        typed.build(Config, {"model": {}})
    with pytest.raises(InvalidSetting, match="must be a mapping"):
        typed.build(Config, typed.parse(""))


def test_missing_files_are_said_to_be_missing(tmp_path):
    with pytest.raises(InvalidSetting, match="cannot read"):
        read_config(tmp_path / "none.yaml")


def test_settings_are_made_without_running_anything(config_file, monkeypatch):
    """The predecessor asked the cluster's scheduler while building its settings."""

    def refuse(*args, **kwargs):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    monkeypatch.setattr(os, "system", refuse)
    monkeypatch.setenv("PATH", "")
    assert read_config(config_file).model.id == "siglip_vitb16"


def test_settings_without_effect_are_reported_from_where_they_are_declared():
    config = make(
        "sample: {tau: 0.3}\nloss: [{delta: 0.2, power: 2}, {kind: softmax, balance: mass}]\n"
        "split: {known: 0.2}"
    )
    found = typed.inert(config)
    assert [line.split(" ")[0] for line in found] == [
        "split.known",
        "sample.tau",
        "loss.0.power",
        "loss.0.delta",
        "loss.1.balance",
    ]
    assert found[1] == "sample.tau has no effect: order is shuffle, not balanced or classes"
    assert typed.inert(make("loss: [{kind: huber, delta: 0.2}]")) == []


def test_the_hash_is_of_the_meaning(config_file):
    config = read_config(config_file)
    defaults = ["loss.1.weight=0.3", "model.patch_dropout=0"]
    same = read_config(config_file, ["sample.batch=2000", *defaults])
    assert typed.content_hash(config) == typed.content_hash(same)
    assert len(typed.content_hash(config)) == 16
    seen = {typed.content_hash(config)}
    for change in ("seed=1", "loss.0.weight=0.71", "model.freeze=[]", "logits.1.cap=false"):
        seen.add(typed.content_hash(read_config(config_file, [change])))
    assert len(seen) == 5


def test_the_example_in_the_documents_is_valid_and_fully_in_force():
    page = (ROOT / "docs" / "trainer.md").read_text()
    example = page.split("```yaml")[1].split("```")[0]
    config = typed.build(Config, typed.parse(example))
    assert typed.inert(config) == []
    assert split_plan(config).unknown == {"genus": 0.05, "class": 0.06}
    assert len(objective(config, facts()).terms) == 2


def test_what_is_dumped_reads_back_the_same(config_file):
    config = read_config(config_file)
    assert typed.build(Config, typed.parse(typed.dump(config))) == config


def test_plain_types_hold_in_any_tree():
    @dataclass(frozen=True)
    class Tree:
        """A tree."""

        rate: float
        names: dict[str, int]

    assert typed.build(Tree, typed.parse("{rate: 1e-5, names: {a: 3M}}")) == Tree(
        1e-5, {"a": 3_000_000}
    )
    for wrong in ("{rate: true, names: {}}", "{rate: x, names: {}}", "{rate: 1, names: [1]}"):
        with pytest.raises(InvalidSetting):
            typed.build(Tree, typed.parse(wrong))


def test_the_example_trains_one_batch_end_to_end(config_file):
    config = read_config(config_file, ["sample.batch=16", "tile=5"])
    known = facts()
    drawn = stream(config, known).batch(0)
    assert len(drawn) == 16
    loss = objective(config, known)
    features = torch.randn(2, 16, 6, requires_grad=True)
    outcome = loss(features[0], features[1], torch.from_numpy(known.classes[drawn]))
    outcome.loss.backward()
    assert bool(features.grad.isfinite().all())
    assert features.grad.abs().sum() > 0
    assert loss.logits[0].log_scale.item() == pytest.approx(math.log(10))
    assert loss.logits[0].bias.item() == -10.0
    assert loss.logits[1].log_scale.item() == pytest.approx(math.log(20))
    first, second = loss.terms
    assert (first.balance, first.focal.gamma, first.weight) == ("mass", 2.0, 0.7)
    assert torch.equal(second.target.table, phylogenetic_table(known.covariance))


@pytest.mark.parametrize(
    ("sample", "kind"),
    [
        ("{}", Shuffled),
        ("{order: balanced}", Balanced),
        ("{order: repeat}", Repeated),
        ("{order: classes, images_per_class: 2}", ClassesTimesImages),
        ("{order: groups, group_by: view}", Homogeneous),
        ("{near: {by: phylogenetic}}", Neighbours),
    ],
)
def test_every_order_of_samples_can_be_set(sample, kind):
    config = make(f"sample: {sample}")
    settings = typed.override(typed.parse(typed.dump(config)), "sample.batch=8")
    made = stream(typed.build(Config, settings), facts())
    assert type(made) is kind
    assert len(made.batch(0)) == 8


def test_targets_can_be_set_and_shuffled():
    known = facts()
    made = objective(make("loss: [{target: taxonomic, shuffle: 3}]"), known).terms[0].target
    assert torch.equal(made.table, shuffled(taxonomic_table(RANKS), 3))
    by_path = objective(make("loss: [{target: patristic, temperature: 2}]"), known)
    assert float(by_path.terms[0].target.table[0, 1]) == pytest.approx(math.exp(-3 / 2))


def test_parts_that_need_what_is_not_there_say_so():
    bare = Facts(facts().classes, RANKS)
    with pytest.raises(InvalidSetting, match="need a tree"):
        objective(make("loss: [{target: phylogenetic}]"), bare)
    with pytest.raises(InvalidSetting, match="no column 'side'"):
        stream(make("sample: {order: groups, group_by: side}"), facts())
    with pytest.raises(InvalidSetting, match="scale-and-bias"):
        objective(make("loss: [{logits: 1}]"), facts())


def test_split_presets_and_plans():
    assert split_plan(make("")) == PRESETS["D10"]
    assert split_plan(make("split: {preset: S29-42}")).bounds == (19, 99, 499)
    own = split_plan(make("split: {preset: plan, known: 0.05, unknown: {genus: 0.1}}"))
    assert (own.known, own.unknown) == (0.05, {"genus": 0.1})


def test_freezing_adapting_and_layer_decay_reach_the_network():
    def network():
        image = {"image_size": 16, "patch_size": 8, "width": 16, "layers": 4, "head_width": 8}
        text = {"context_length": 8, "vocab_size": 50, "width": 16, "heads": 2, "layers": 3}
        return CLIP(12, image, text)

    model = network()
    text = "model: {id: clip_vitb32, freeze: [text], layer_decay: {image: 0.5}}"
    groups = trainable(model, typed.build(Config, typed.parse(text)))
    assert not model.token_embedding.weight.requires_grad
    assert min(group.lr_factor for group in groups) == 0.5**5
    assert {group.weight_decay for group in groups} == {
        0.0,
        architecture("clip_vitb32").defaults.weight_decay,
    }
    adapted = network()
    text = "model: {id: clip_vitb32, lora: {towers: [image, text], rank: 2}}"
    groups = trainable(adapted, typed.build(Config, typed.parse(text)))
    assert sum(p.numel() for g in groups for p in g.parameters) < 0.5 * sum(
        p.numel() for p in adapted.parameters()
    )


def test_an_empty_mapping_left_alone_is_not_called_inert():
    config = make("data: {source: museum}")
    assert typed.inert(config) == []
    assert typed.inert(make("data: {source: museum, within: {genus: Pica}}")) == [
        "data.within has no effect: source is museum, not database"
    ]


@pytest.mark.parametrize("name", ["museum", "specimen-tiny", "demo-museum"])
def test_the_committed_settings_are_read_and_all_have_effect(name):
    config = read_config(ROOT / "trainer" / "configs" / f"{name}.yaml")
    assert typed.inert(config) == []
    check([*config.captions.templates, *config.captions.prompts])


def test_the_committed_campaign_is_read_and_compares_different_settings():
    campaign = read_campaign(ROOT / "trainer" / "configs" / "longtail.yaml")
    labels = [trial.label for trial in campaign.trials]
    assert {labels.count(label) for label in labels} == {3}
    assert labels[:3] == ["shuffle", "start", "balanced"]
    assert all(typed.inert(trial.config) == [] for trial in campaign.trials)

"""What the commands do: train, evaluate, split. A run is a folder."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import InvalidSetting, UnreadableSource
from core.settings import Settings, launch
from trainer import typed
from trainer.assemble import objective, trainable
from trainer.clusters import spherical_k_means
from trainer.config import Config, HeadSettings, SplitSettings, read_config
from trainer.engine import Engine, Hooks, identity
from trainer.engine_files import BEST, LAST, plain, read_checkpoint
from trainer.evaluate import Result, measures
from trainer.launch import Place, joined
from trainer.lora import merge_lora
from trainer.measure import Judge
from trainer.models import family_defaults
from trainer.network import Released, Towers, load
from trainer.prepared import Divided, Prepared, Say, divide
from trainer.splits import write_split
from trainer.taxonomy import faults
from trainer.trackers import tracker

RESULT_FORMAT = "biocosmos-result-1"
CONFIG, RESULT, SPLIT, CLUSTERS = "config.yaml", "result.json", "split.json", "clusters.npy"


Tick = Callable[[int, int, float], None]
"""Takes the steps done, how many there are, and the last loss."""


@dataclass(frozen=True)
class Told:
    """Where sentences and progress go."""

    say: Say
    tick: Tick


@dataclass(frozen=True)
class Made:
    """What a result is written of."""

    config: Config
    label: str
    step: int
    divided: Divided
    found: dict[str, Result]
    mix: float = 1.0

    def row(self) -> dict[str, Any]:
        """The result as reports and cards read it."""
        config, exact = self.config, sum(leak.exact for leak in self.divided.leaks)
        return {
            "format": RESULT_FORMAT,
            "label": self.label,
            "setting": setting_hash(config),
            "seed": config.seed,
            "model": config.model.id,
            "step": self.step,
            "mix": self.mix,
            "data": {
                "classes": len(self.divided.collection.taxonomy.names),
                "pictures": {k: len(v) for k, v in self.divided.split.partitions.items()},
                "leaks": {"copies": exact, "near": len(self.divided.leaks) - exact},
                "licences": list(config.data.licences) if config.data else [],
            },
            "measures": measures(self.found),
            "partitions": self.found,
        }


def run_folder(config: Config) -> Path:
    """Where a run goes that is given no folder: by the meaning of its settings, and its seed."""
    return Path("runs") / setting_hash(config) / str(config.seed)


def eval_name(mix: float = 1.0) -> str:
    """What a measurement of a run is called in its folder."""
    return "eval.json" if mix == 1 else f"eval-mix-{mix:g}.json"


def setting_hash(config: Config) -> str:
    """The same for runs that differ in nothing but their seed and the machine."""
    return identity(replace(config, seed=0))


def train(config: Config, settings: Settings, folder: Path, label: str, told: Told) -> Path:
    """Train, or go on where a run stopped; measure at the end; returns the file of the result."""
    with joined(config.run.device, launch()) as place:
        say: Say = told.say if place.leads else _silent
        released = load(config.model, config.seed)
        if config.loss and released.text_length == 0:
            raise InvalidSetting(f"{config.model.id} reads no texts: set loss: [] and a head")
        prepared = Prepared(config, settings, released, place, say)
        if place.leads:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / CONFIG).write_text(typed.dump(config), encoding="utf-8")
            write_split(prepared.divided.split, folder / SPLIT)
        _introduce(config, prepared.divided, released, say)
        assert config.data is not None  # Prepared has refused it
        part = prepared.part(["train"], margin=config.data.margin)
        judge = Judge(config, prepared, place)
        facts = prepared.facts(part)
        if config.head is not None and config.head.labels == "cluster":
            facts = replace(facts, labels=_clusters(config, prepared, judge, released, folder, say))
        loss = objective(config, facts, place.device)
        measured = _Measured(judge, say)
        track = tracker(config.run.track if place.leads else (), config, folder, label)
        hooks = Hooks(say, lambda done, lost: told.tick(done, engine.steps, lost), measured, track)
        engine = Engine(config, released, loss, prepared.loader(part, facts), folder, place, hooks)
        engine.train()
        step = engine.done
        if config.run.best:
            step = engine.take_best()
            measured(engine.towers.eval())
        elif not measured.latest:
            with engine.judged() as towers:
                measured(towers)
        made = Made(config, label, step, prepared.divided, measured.latest)
        return _write(folder / RESULT, made, place)


def evaluate(
    config: Config,
    settings: Settings,
    run: Path | None,
    out: Path,
    label: str,
    say: Say,
    mix: float = 1.0,
) -> Path:
    """Measure the starting model, or the best (else the last) checkpoint of the run `run`.

    See `restore` for `mix`.
    """
    with joined(config.run.device, launch()) as place:
        released = load(config.model, config.seed)
        kept = config if run is None else replace(config, split=_split_of(config, run))
        prepared = Prepared(kept, settings, released, place, say if place.leads else _silent)
        step = 0 if run is None else restore(config, released, run, mix)
        towers = Towers(released).to(place.device).eval()
        found = Judge(config, prepared, place)(towers)
        return _write(out, Made(config, label, step, prepared.divided, found, mix), place)


def restore(config: Config, released: Released, run: Path, mix: float = 1.0) -> int:
    """Put the best (else the last) weights of a run into `released`; returns their step.

    Adapters are merged. The objective's scale and bias become the network's own. With `mix` below 1
    the weights lie so far on the straight line from the starting model's to the run's (Wortsman et
    al. 2022, WiSE-FT): often better away from the training data, at little cost on it.
    """
    if not 0 <= mix <= 1:
        raise InvalidSetting(f"mix is a share of the run's weights within [0, 1], not {mix}")
    start = {name: w.detach().clone() for name, w in released.network.state_dict().items()}
    trainable(released.network, config)
    path = run / "ckpt" / BEST
    path = path if path.exists() else run / "ckpt" / LAST
    state = read_checkpoint(path, torch.device("cpu"))
    try:
        weights = dict(state["weights"])
        weights.update(state.get("average") or {})
        prefix = "towers.network."
        own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        released.network.load_state_dict(own)
        _scale(released, weights)
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UnreadableSource(f"{path} is of another model than the settings: {reason}") from error
    merge_lora(released.network)
    if mix < 1:
        _mix(released.network, start, mix)
    return int(state["step"])


@torch.no_grad()
def _mix(network: torch.nn.Module, start: dict[str, torch.Tensor], share: float) -> None:
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.lerp(start[name], value, share))


def read_run(run: Path, overrides: Sequence[str] = ()) -> Config:
    """The settings a run was made with; raises InvalidSetting where there is no run."""
    return read_config(run / CONFIG, overrides)


def split(config: Config, settings: Settings, out: Path) -> Divided:
    """Draw a split and write it."""
    found = divide(config, settings)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_split(found.split, out)
    return found


def _clusters(
    config: Config, prepared: Prepared, judge: Judge, released: Released, folder: Path, say: Say
) -> NDArray[np.int64]:
    """Which pictures look alike to the starting model; kept, so that a run goes on with them."""
    kept = folder / CLUSTERS
    if kept.exists():
        return np.asarray(np.load(kept, allow_pickle=False))
    towers = Towers(released).to(judge.place.device).eval()
    vectors = torch.from_numpy(judge.images(towers, prepared.part(["train"])))
    towers.train()
    own = config.head or HeadSettings()
    labels = spherical_k_means(vectors, own.clusters, own.iterations, config.seed).numpy()
    say(f"{own.clusters} clusters of {len(labels)} pictures")
    if judge.place.leads:
        part = kept.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, labels, allow_pickle=False)
        part.replace(kept)
    return labels


def _split_of(config: Config, run: Path) -> SplitSettings:
    """The very split a run was trained on, whatever has become of the data since."""
    return replace(config.split, file=str(run / SPLIT))


def _introduce(config: Config, found: Divided, released: Released, say: Say) -> None:
    for line in typed.inert(config):
        say(f"note: {line}")
    for fault in faults(found.collection.taxonomy):
        if fault.kind != "unknown rank":
            say(f"note: {fault.kind}: {fault.detail}")
    family, own = family_defaults(config.model.id, released.network), config.optim
    decay = family.weight_decay if own.weight_decay is None else own.weight_decay
    say(f"AdamW with weight decay {decay:g} and beta2 {own.beta2 or family.beta2:g}")
    sizes = ", ".join(f"{len(ids)} {name}" for name, ids in found.split.partitions.items())
    say(f"{len(found.collection.taxonomy.names)} classes; pictures: {sizes}")
    if found.leaks:
        say(f"note: {len(found.leaks)} pairs of like pictures lie on both sides of the split")


def _scale(released: Released, weights: dict[str, torch.Tensor]) -> None:
    """Only the first pair can be published: open_clip's networks have one."""
    with torch.no_grad():
        for name, own in (("logit_scale", "log_scale"), ("logit_bias", "bias")):
            target = getattr(released.network, name, None)
            if isinstance(target, torch.nn.Parameter):
                target.copy_(weights[f"objective._logits.0.{own}"])


class _Measured:
    """Judges towers, says the headlines, and keeps what was found last."""

    def __init__(self, judge: Judge, say: Say) -> None:
        self.latest: dict[str, Result] = {}
        self._judge, self._say = judge, say

    def __call__(self, towers: Towers) -> dict[str, float]:
        self.latest = self._judge(towers)
        found = measures(self.latest)
        self._say("  ".join(f"{name} {value:.4f}" for name, value in _headlines(found)))
        return found


def _headlines(found: dict[str, float]) -> list[tuple[str, float]]:
    return [(name, value) for name, value in found.items() if name.count(".") < 2]


def _write(path: Path, made: Made, place: Place) -> Path:
    if place.leads:
        row = made.row()
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(plain(row), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        part.replace(path)
    return path


def _silent(_: str) -> None:
    pass

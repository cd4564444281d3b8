"""The training loop: every step is a function of (seed, step), so a killed run resumes exactly."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as c10d
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from core.errors import Conflict, InvalidSetting, TrainingError
from trainer.ahead import Load, ahead
from trainer.assemble import trainable
from trainer.config import Config
from trainer.config_run import MACHINE, RunSettings
from trainer.ema import Average
from trainer.engine_files import BEST, LAST, MetricLog, read_checkpoint, write_checkpoint
from trainer.engine_step import Batch, Report, Stepped, Stepper, autocast_dtype
from trainer.launch import Place
from trainer.losses import Objective
from trainer.models import family_defaults
from trainer.network import Released, Towers
from trainer.schedules import Schedule
from trainer.typed import content_hash

_PATIENCE = 10
"""Steps in a row that may be left out because a number was not finite."""
Evaluate = Callable[[Towers], dict[str, float]]


@dataclass(frozen=True)
class Hooks:
    """What the engine tells, and asks, the outside."""

    say: Callable[[str], None] = lambda _: None
    """Takes sentences for a person."""
    tick: Callable[[int, float], None] = lambda _, __: None
    """Takes the steps done and the last loss after every step."""
    evaluate: Evaluate | None = None
    """Gives measures of the weights as they stand; asked on every rank."""
    track: Callable[[dict[str, Any]], None] = lambda _: None
    """Takes every row of metrics.jsonl, on the rank that writes it."""


class Engine:
    """One run in `folder`: builds, resumes, trains, writes `metrics.jsonl` and `ckpt/`."""

    def __init__(
        self,
        config: Config,
        released: Released,
        objective: Objective,
        load: Load,
        folder: Path,
        place: Place,
        hooks: Hooks | None = None,
    ) -> None:
        self.config, self.place, self._hooks = config, place, hooks or Hooks()
        self._run, self._folder = config.run, folder
        self._load = (lambda step: load(step).pinned()) if place.device.type == "cuda" else load
        batch = config.sample.batch
        if batch % place.world:
            raise InvalidSetting(f"a batch of {batch} cannot be shared by {place.world} ranks")
        self.steps = math.ceil(config.run.samples / batch)
        self.micro = min(config.run.micro or batch, batch // place.world)
        torch.use_deterministic_algorithms(self._run.deterministic, warn_only=True)
        self.towers, self.objective = Towers(released).to(place.device), objective
        self._stepper = make_stepper(config, released, self.towers, objective, place)
        ema = config.optim.ema
        self._average = None if ema is None else Average(self._whole(), ema)
        self._schedule = Schedule(config.schedule, self.steps, batch)
        self.log = MetricLog(folder / "metrics.jsonl")
        self.done, self._best, self._stale, self._left_out = 0, -math.inf, 0, 0
        self._resume()

    def train(self) -> None:
        """Run to the end; raises TrainingError where a run cannot go on."""
        log_every = self._run.log_every * self.config.sample.batch
        until = self.done if self._stopped else self.steps
        with ahead(self._load, self.done, until, self._run.workers) as batches:
            begun, since = time.monotonic(), self.done
            waiting: list[tuple[int, Stepped]] = []
            for number, batch in zip(range(self.done, until), batches, strict=True):
                waiting.append((number, self._step(batch, number)))
                if self._average is not None:
                    self._average.update(number)
                self.done = number + 1
                noted = self._due(log_every)
                # A step is read while the next is computed, so that a GPU never waits for us.
                while len(waiting) > (0 if noted or self._pauses() else 1):
                    found = self._settled(*waiting.pop(0))
                if noted:
                    pace = (self.done - since) * self.config.sample.batch
                    self._note(found, pace / (time.monotonic() - begun))
                self._after()
                if self._stopped:
                    self._hooks.say(f"stopped: {self._stale} evaluations without a better one")
                    break
                if noted:
                    begun, since = time.monotonic(), self.done

    @contextmanager
    def judged(self) -> Iterator[Towers]:
        """The towers with the weights to evaluate and publish, in evaluation mode."""
        self.towers.eval()
        try:
            with nullcontext() if self._average is None else self._average.in_place():
                yield self.towers
        finally:
            self.towers.train()

    def take_best(self) -> int:
        """Put the best weights into the towers, for evaluation only; returns their step."""
        path = self._folder / "ckpt" / BEST
        if not path.exists():
            return self.done
        state = read_checkpoint(path, self.place.device)
        self._whole().load_state_dict(state["weights"])
        return int(state["step"])

    def _step(self, batch: Batch, number: int) -> Stepped:
        factor = self._schedule.factor(number)
        while True:
            try:
                return self._stepper.step(batch, number, factor, self.micro)
            except torch.OutOfMemoryError as error:
                if self.place.world > 1 or self.micro == 1:
                    raise TrainingError(
                        f"out of memory at step {number} with {self.micro} samples at a time: set "
                        f"run.micro={max(1, self.micro // 2)} or run.checkpoint_activations=true; "
                        "the run resumes where it was saved"
                    ) from error
            # Outside the handler, which would keep the failed step's tensors alive.
            self.micro = (self.micro + 1) // 2
            self._hooks.say(f"out of memory at step {number}: going on with micro={self.micro}")
            self._stepper.optimiser.zero_grad(set_to_none=True)
            if self.place.device.type == "cuda":
                torch.cuda.empty_cache()

    def _settled(self, number: int, step: Stepped) -> Report:
        found = step.read()
        self._check(found, number)
        self._hooks.tick(number + 1, found.loss)
        return found

    def _check(self, found: Report, number: int) -> None:
        self._left_out = 0 if found.applied else self._left_out + 1
        scaling = self._stepper.scaler.is_enabled() and math.isfinite(found.loss)
        if found.applied or (scaling and self._left_out <= 2 * _PATIENCE):
            return
        if self._run.on_nan == "stop" or self._left_out > _PATIENCE:
            raise TrainingError(
                f"the loss of step {number} is {found.loss} and its gradient {found.gradient_norm}:"
                " lower optim.lr, lengthen schedule.warmup, or set run.precision=fp32; "
                "run.on_nan=skip leaves such steps out. The run resumes where it was saved"
            )
        self._hooks.say(f"step {number} left out: its loss or gradient is not finite")

    def _note(self, found: Report, pace: float) -> None:
        row = {
            "step": self.done,
            "samples": self.done * self.config.sample.batch,
            "loss": found.loss,
            "terms": found.values,
            "floors": found.floors,
            "gradient_norm": found.gradient_norm,
            "rate": self.config.optim.lr * self._schedule.factor(self.done - 1),
            "scales": [float(pair.log_scale.detach().exp()) for pair in self.objective.logits],
            "biases": [float(pair.bias.detach()) for pair in self.objective.logits],
            "samples_per_s": pace,
        }
        if self.place.device.type == "cuda":
            row["gpu_mb"] = torch.cuda.max_memory_allocated(self.place.device) / 2**20
        self._add(row)

    def _add(self, row: dict[str, Any]) -> None:
        if self.place.leads:
            self.log.add(row)
            self._hooks.track(row)

    def _after(self) -> None:
        last = self.done == self.steps
        if self._hooks.evaluate is not None and (last or self._due(self._run.every)):
            with self.judged() as towers:
                measures = self._hooks.evaluate(towers)
            self._add({"step": self.done, "measures": measures})
            self._keep_best(measures)
        if last or self._due(self._run.save) or self._stopped:
            self._save()

    def _keep_best(self, measures: dict[str, float]) -> None:
        name = self._run.best
        judge = name or next(iter(measures), "")
        if judge not in measures:
            raise InvalidSetting(f"no measure {judge!r}: there are {', '.join(measures)}")
        self._schedule.plateau.see(measures[judge])
        self._stale += 1
        if name and measures[name] > self._best:
            self._best, self._stale = measures[name], 0
            if self.place.leads:
                with self.judged():
                    kept = {"weights": self._whole().state_dict(), "step": self.done}
                    write_checkpoint(self._folder / "ckpt" / BEST, kept | {name: self._best})

    def _save(self) -> None:
        if self.place.leads:
            state: dict[str, Any] = {
                "config": identity(self.config),
                "step": self.done,
                "weights": self._whole().state_dict(),
                "optimiser": self._stepper.optimiser.state_dict(),
                "scaler": self._stepper.scaler.state_dict(),
                "average": None if self._average is None else self._average.shadow,
                "plateau": self._schedule.plateau.state(),
                "best": self._best,
                "stale": self._stale,
            }
            write_checkpoint(self._folder / "ckpt" / LAST, state)
        if self.place.world > 1:
            c10d.barrier()

    def _resume(self) -> None:
        path = self._folder / "ckpt" / LAST
        if path.exists():
            state = read_checkpoint(path, self.place.device)
            if state["config"] != identity(self.config):
                raise Conflict(f"{self._folder} holds a run with other settings: choose another")
            self._whole().load_state_dict(state["weights"])
            self._stepper.optimiser.load_state_dict(state["optimiser"])
            self._stepper.scaler.load_state_dict(state["scaler"])
            if self._average is not None:
                self._average.shadow = state["average"]
            for key, value in state["plateau"].items():
                setattr(self._schedule.plateau, key, value)
            self.done, self._best, self._stale = state["step"], state["best"], state["stale"]
            self._hooks.say(f"resumed at step {self.done} of {self.steps}")
        if self.place.leads:
            self.log.rewind(self.done)

    @property
    def _stopped(self) -> bool:
        """Whether `run.stop_after` ends the run here."""
        return self._run.stop_after is not None and self._stale >= self._run.stop_after

    def _pauses(self) -> bool:
        """Whether weights are looked at now, so that the step must have been found good."""
        return self.done == self.steps or self._due(self._run.every) or self._due(self._run.save)

    def _due(self, samples: int) -> bool:
        every = max(1, round(samples / self.config.sample.batch))
        return self.done % every == 0

    def _whole(self) -> nn.Module:
        return nn.ModuleDict({"towers": self.towers, "objective": self.objective})


def make_stepper(
    config: Config, released: Released, towers: Towers, objective: Objective, place: Place
) -> Stepper:
    """What takes the steps of a run; freezes and adapts the network as set."""
    groups = trainable(released.network, config)
    return Stepper(
        wrapped(towers, config.run, place),
        objective,
        groups,
        config.optim,
        config.optim.beta2 or family_defaults(config.model.id, released.network).beta2,
        autocast_dtype(config.run.precision, place.device),
        config.seed,
    )


def wrapped(towers: Towers, run: RunSettings, place: Place) -> nn.Module:
    """The towers as they are called in training: checkpointed, compiled, data-parallel."""
    if run.checkpoint_activations:
        towers.network.set_grad_checkpointing(True)  # type: ignore[operator]
    module: nn.Module = torch.compile(towers) if run.compile else towers  # type: ignore[assignment]
    if place.world > 1:
        own = [place.device] if place.device.type == "cuda" else None
        module = DistributedDataParallel(module, device_ids=own)
    return module


def identity(config: Config) -> str:
    """Hash of what decides the numbers; how the machine computes them may change."""
    plain = RunSettings()
    machine = {name: getattr(plain, name) for name in MACHINE}
    return content_hash(replace(config, run=replace(config.run, **machine)))

"""What can be set about the optimiser, its learning rate and the course of a run."""

from dataclasses import dataclass, field
from typing import Literal

from core.errors import InvalidSetting
from trainer.typed import when

Precision = Literal["auto", "fp32", "bf16", "fp16"]
_PERIODIC = ("exp", "coswr", "cos_exp", "coswr_exp")


@dataclass(frozen=True)
class OptimSettings:
    """AdamW; `weight_decay` and `beta2` None take those of the model's family.

    `clip` is the largest norm of all gradients together. `ema` keeps a moving average of the
    weights, which is then what is evaluated and published.
    """

    lr: float = 1e-5
    weight_decay: float | None = None
    beta1: float = 0.9
    beta2: float | None = None
    eps: float = 1e-6
    clip: float | None = 1.0
    ema: float | None = None

    def __post_init__(self) -> None:
        if self.lr <= 0 or self.eps <= 0 or (self.clip is not None and self.clip <= 0):
            raise InvalidSetting("lr, eps and clip must be above 0")
        if self.ema is not None and not 0 < self.ema < 1:
            raise InvalidSetting(f"the moving average needs a decay within (0, 1), not {self.ema}")


@dataclass(frozen=True)
class ScheduleSettings:
    """The learning rate over time as a factor of `optim.lr`; see `schedules`. Times in samples."""

    name: Literal["cosine", "linear", "wsd", "exp", "plateau", "coswr", "cos_exp", "coswr_exp"] = (
        "cosine"
    )
    warmup: int = 0
    floor: float = 1e-4
    period: int = field(default=100_000, metadata=when("name", *_PERIODIC))
    gamma: float = field(default=0.98, metadata=when("name", "exp", "cos_exp", "coswr_exp"))
    """What is left of the rate after each period."""
    ratio: float = field(default=10.0, metadata=when("name", "cos_exp", "coswr_exp"))
    """Peak over valley of each wave."""
    cooldown: float = field(default=0.2, metadata=when("name", "wsd"))
    """Share of the run, at its end, over which the rate falls."""
    factor: float = field(default=0.618, metadata=when("name", "plateau"))
    patience: int = field(default=1, metadata=when("name", "plateau"))
    rest: int = field(default=1, metadata=when("name", "plateau"))
    """Evaluations after a drop that are not judged."""

    def __post_init__(self) -> None:
        if self.warmup < 0 or not 0 <= self.floor <= 1 or self.period < 1 or self.ratio < 1:
            raise InvalidSetting(
                "a schedule has warmup >= 0, floor in [0, 1], period and ratio >= 1"
            )
        if not (0 < self.gamma <= 1 and 0 < self.cooldown <= 1 and 0 < self.factor < 1):
            raise InvalidSetting("gamma and cooldown lie in (0, 1], factor in (0, 1)")


@dataclass(frozen=True)
class RunSettings:
    """Length, cadence and machine. `samples`, `every` and `save` count samples over all ranks; with
    0 samples the starting model is measured, as a setting of a campaign.

    `every` is when to evaluate, `save` when to write a checkpoint. `micro` is how many samples one
    rank passes through the network at a time; the loss still sees the whole batch.
    `best` names the measure by which the best checkpoint is kept; "" keeps none. With `stop_after`
    the run ends once so many evaluations in a row have not bettered it.
    """

    samples: int = 1_000_000
    every: int = 100_000
    save: int = 50_000
    precision: Precision = "auto"
    micro: int | None = None
    checkpoint_activations: bool = False
    compile: bool = False
    on_nan: Literal["stop", "skip"] = "stop"
    best: str = ""
    stop_after: int | None = None
    device: str = "auto"
    workers: int = 2
    log_every: int = 10
    deterministic: bool = False
    """On a GPU: bit-equal again, by slower sums; a processor's sums are so anyhow."""
    track: tuple[Literal["tensorboard", "wandb"], ...] = ()
    """Where measures are shown besides metrics.jsonl; see `trackers`."""

    def __post_init__(self) -> None:
        least = (self.samples + 1, self.every, self.save, self.workers, self.log_every)
        if self.stop_after is not None and (self.stop_after < 1 or not self.best):
            raise InvalidSetting("stop_after counts evaluations, 1 or more, by run.best")
        if min(least) < 1 or (self.micro is not None and self.micro < 1):
            raise InvalidSetting(
                "samples, every, save, workers, log_every and micro must be 1 or more"
            )


@dataclass(frozen=True)
class EvalSettings:
    """What is measured at `run.every` and at the end, and on which partitions, by their prefix.

    `draws` of the bootstrap give intervals, 0 none; `shots` are SimpleShot's pictures of a class.
    """

    partitions: tuple[str, ...] = ("val",)
    draws: int = 1000
    shots: tuple[int, ...] = (1, 5)
    folds: int = 5
    index: bool = True
    """Embed the training pictures too: look for held-out ones among them, as the search engine
    does, and name them by the nearest mean of a class."""
    questions: str = ""
    """A YAML file of questions in words, or "museum" for the sample museum's; see `questions`."""

    def __post_init__(self) -> None:
        if (
            not self.partitions
            or self.draws < 0
            or self.folds < 1
            or min(self.shots, default=1) < 1
        ):
            raise InvalidSetting("evaluation needs a partition, draws >= 0, folds and shots >= 1")


MACHINE = (
    "micro",
    "checkpoint_activations",
    "compile",
    "device",
    "workers",
    "log_every",
    "track",
    "deterministic",
)
"""Settings of `run` that say how, not what: they may change when a run is resumed."""

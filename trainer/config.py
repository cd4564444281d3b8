"""What can be set about the model, the split, the sampling and the loss of a training run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.errors import InvalidSetting
from trainer import typed
from trainer.config_data import AugmentSettings, CaptionSettings, DataSettings
from trainer.config_run import EvalSettings, OptimSettings, RunSettings, ScheduleSettings
from trainer.terms import Combine, Focal, Kind, Similarity
from trainer.typed import when
from trainer.weights import Pairing, Population

_PAIRWISE = ("sigmoid", "mse", "huber")


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapters instead of full training of these towers."""

    towers: tuple[Literal["image", "text"], ...]
    rank: int = 8
    alpha: float | None = None


@dataclass(frozen=True)
class ModelSettings:
    """Which network, and which of its layers learn how fast. See `layers.freeze` for selectors.

    `id` is an id of `models` or `unicom`, an open_clip name, `hf-hub:org/name` or a directory in
    open_clip form; `pretrained` a tag or file where the id does not say. `random` starts from the
    random weights of the run's seed instead. `patch_dropout` is the share of patches left out in
    training, `drop_path` that of residual branches (stochastic depth), in timm image towers.
    `non_causal` lets every token see all others; `projection` adds a head to a timm image tower.
    `mean` and `std`, three numbers within 0 and 1 each, normalise pixels in place of the released
    ones; `python -m trainer look` prints those of the training pictures.
    """

    id: str
    pretrained: str = ""
    random: bool = False
    freeze: tuple[str, ...] = ()
    layer_decay: dict[str, float] = field(default_factory=dict)
    lora: LoraSettings | None = None
    patch_dropout: float = 0.0
    non_causal: bool = False
    projection: Literal["", "linear", "mlp"] = ""
    drop_path: float = 0.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("patch_dropout", "drop_path"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidSetting(f"{name} lies within [0, 1), not {getattr(self, name)}")
        if {len(self.mean), len(self.std)} not in ({0}, {3}) or min(self.std, default=1) <= 0:
            raise InvalidSetting("mean and std are three numbers each, std above 0, or neither")


@dataclass(frozen=True)
class SplitSettings:
    """A preset by name, or "plan" with shares of one's own; see `splits.Plan`.

    "test" holds everything out, in a partition of that name: for a model trained elsewhere.
    """

    preset: Literal["D10", "S29-42", "P38-42", "plan", "test"] = "D10"
    seed: int = 42
    known: float = field(default=0.1, metadata=when("preset", "plan"))
    unknown: dict[str, float] | None = field(default=None, metadata=when("preset", "plan"))
    bounds: tuple[int, ...] = field(default=(20, 100), metadata=when("preset", "plan"))
    tail: float = field(default=1.0, metadata=when("preset", "plan"))
    file: str = ""
    """A split written before, instead of a new draw."""
    also: tuple[str, ...] = ()
    """Held-out partitions, by prefix, to train on after all: [val] before a test."""
    small: int | None = None
    """About so many pictures of each partition only, for a trial run."""
    leaks: Literal["refuse", "near", "say"] = "refuse"
    """Pictures on both sides: refuse any, allow near copies, or only say so."""


@dataclass(frozen=True)
class NearSettings:
    """A share of each batch from taxa near those drawn: hard negatives."""

    share: float = 0.25
    taxa: int = 5
    by: Literal["taxonomic", "phylogenetic"] = "taxonomic"

    def __post_init__(self) -> None:
        if not 0 < self.share < 1 or self.taxa < 1:
            raise InvalidSetting("near taxa need a share between 0 and 1 and 1 taxon or more")


@dataclass(frozen=True)
class SampleSettings:
    """How batches are made; `batch` is the global batch over all ranks."""

    batch: int = 1024
    order: Literal["shuffle", "balanced", "repeat", "classes", "groups"] = "shuffle"
    tau: float = field(default=0.5, metadata=when("order", "balanced", "classes"))
    tau_end: float | None = field(default=None, metadata=when("order", "balanced", "classes"))
    tau_steps: int = field(default=0, metadata=when("order", "balanced", "classes"))
    repeat_below: float = field(default=0.001, metadata=when("order", "repeat"))
    images_per_class: int = field(default=4, metadata=when("order", "classes"))
    group_by: str = field(default="", metadata=when("order", "groups"))
    near: NearSettings | None = None

    def __post_init__(self) -> None:
        if self.order == "groups" and not self.group_by:
            raise InvalidSetting("batches by groups need group_by, a column of the data")


@dataclass(frozen=True)
class ImbalanceSettings:
    """Weights against imbalance; see `weights`. `beta` set replaces gamma."""

    per: Literal["pair", "class"] = "pair"
    gamma: float = 0.5
    beta: float | None = None
    pairing: Pairing = field(default="naive", metadata=when("per", "pair"))
    mean_over: Population = "class"


@dataclass(frozen=True)
class LossSettings:
    """One term of the loss; see `terms.Term` and `targets`."""

    kind: Kind = "sigmoid"
    target: Literal["instance", "class", "truth", "taxonomic", "phylogenetic", "patristic"] = (
        "class"
    )
    power: float = field(default=1.0, metadata=when("target", "taxonomic", "phylogenetic"))
    temperature: float = field(default=1.0, metadata=when("target", "patristic"))
    shuffle: int | None = field(
        default=None, metadata=when("target", "taxonomic", "phylogenetic", "patristic")
    )
    similarity: Similarity = "cos"
    weight: float = 1.0
    imbalance: ImbalanceSettings | None = None
    focal: Focal | None = None
    balance: Literal["mass"] | float | None = field(default=None, metadata=when("kind", *_PAIRWISE))
    combine: Combine = field(default="product", metadata=when("kind", *_PAIRWISE))
    mean_one: bool = field(default=False, metadata=when("kind", *_PAIRWISE))
    mean_one_combined: bool = field(default=False, metadata=when("kind", *_PAIRWISE))
    unit: bool = False
    prior: float = 0.0
    hard: float = 0.0
    logits: int = 0
    delta: float = field(default=0.1, metadata=when("kind", "huber"))


@dataclass(frozen=True)
class HeadSettings:
    """Cluster discrimination beside, or instead of, the loss of pairs; see `heads`.

    `labels` are the classes, or clusters of the pictures as the starting model sees them. `scale`
    is s, `multiply`, `angle` and `cosine` are the margins m1, m2 and m3. `filter` leaves out other
    centres whose cosine is above it: they may be the same thing twice. `rate` is the share of
    centres compared with in a step, and `lr_factor` how much faster they learn than the network.
    """

    labels: Literal["class", "cluster"] = "class"
    clusters: int = field(default=1000, metadata=when("labels", "cluster"))
    iterations: int = field(default=20, metadata=when("labels", "cluster"))
    weight: float = 1.0
    scale: float = 32.0
    multiply: float = 1.0
    angle: float = 0.3
    cosine: float = 0.0
    exact: bool = False
    filter: float = 0.0
    rate: float = 1.0
    lr_factor: float = 10.0

    def __post_init__(self) -> None:
        if not (0 < self.rate <= 1 and self.scale > 0 and self.lr_factor > 0 and self.weight > 0):
            raise InvalidSetting(
                "a head needs scale, weight and lr_factor above 0 and rate within (0, 1]"
            )
        if self.multiply < 1 or not 0 <= self.angle < 1.6 or not 0 <= self.cosine < 1:
            raise InvalidSetting("margins: multiply >= 1, angle in [0, 1.6), cosine in [0, 1)")


@dataclass(frozen=True)
class LogitSettings:
    """A scale-and-bias pair; `scale` and `bias` None take what the model was released with."""

    scale: float | None = None
    bias: float | None = None
    freeze_scale: bool = False
    freeze_bias: bool = False
    cap: bool = False

    def __post_init__(self) -> None:
        if self.scale is not None and self.scale <= 0:
            raise InvalidSetting(f"the logit scale must be above 0, not {self.scale}")


@dataclass(frozen=True)
class Config:
    """Everything that decides what is learnt from given data."""

    model: ModelSettings
    seed: int = 42
    split: SplitSettings = field(default_factory=SplitSettings)
    sample: SampleSettings = field(default_factory=SampleSettings)
    loss: tuple[LossSettings, ...] = field(default_factory=lambda: (LossSettings(),))
    logits: tuple[LogitSettings, ...] = field(default_factory=lambda: (LogitSettings(),))
    head: HeadSettings | None = None
    tile: int | None = None
    """Side of a tile of the loss; None is 1,024 on a processor and 2,048 on a GPU."""
    data: DataSettings | None = None
    captions: CaptionSettings = field(default_factory=CaptionSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    optim: OptimSettings = field(default_factory=OptimSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    run: RunSettings = field(default_factory=RunSettings)
    eval: EvalSettings = field(default_factory=EvalSettings)


def read_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML file and apply "a.b=c" overrides in order; raises InvalidSetting."""
    try:
        settings = typed.parse(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"cannot read the settings in {path}: {error}") from error
    for change in overrides:
        settings = typed.override(settings, change)
    return typed.build(Config, settings)

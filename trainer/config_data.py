"""What can be set about the pictures, their captions and how they are varied."""

from dataclasses import dataclass, field
from typing import Literal

from core.errors import InvalidSetting
from trainer.typed import when

_LAYOUTS = ("cub", "lepidoptera", "nymphalidae", "bryozoa", "vlm4bio")


@dataclass(frozen=True)
class DataSettings:
    """Where pictures come from; see `sources`. `level` is the rank whose taxa are the classes.

    `path` is a folder with one subfolder for each class, or a table with a header (CSV or TSV).
    `licences`, `within` (rank to name) and `views` narrow what is taken from the database; without
    `views` label pictures are left out. Pictures are kept in `packs` at `margin` times the side
    that the network reads, so that training has room to crop.
    """

    source: Literal[
        "folder", "table", "museum", "database",
        "cub", "lepidoptera", "nymphalidae", "bryozoa", "vlm4bio",
    ]  # fmt: skip
    path: str = field(default="", metadata=when("source", "folder", "table", *_LAYOUTS))
    taxa: str = field(default="", metadata=when("source", *_LAYOUTS))
    """A table with a column `name` and ranks or `common_name`, for what a layout does not say."""
    level: str = "species"
    tree: str = ""
    """A Newick file with the classes as tips, for phylogenetic and patristic targets."""
    tree_lacks: Literal["refuse", "leave out", "graft"] = "refuse"
    """What becomes of classes that are no tips of the tree; see `graft`."""
    licences: tuple[str, ...] = field(default=(), metadata=when("source", "database"))
    within: dict[str, str] = field(default_factory=dict, metadata=when("source", "database"))
    views: tuple[str, ...] = field(default=(), metadata=when("source", "database"))
    least: int = 2
    """Images that a class needs to be taken at all."""
    museum_seed: int = field(default=101, metadata=when("source", "museum"))
    specimens: int = field(default=2080, metadata=when("source", "museum"))
    even: bool = field(default=False, metadata=when("source", "museum"))
    """The same number of specimens for every species, instead of a long tail."""
    breadth: int = field(default=1, metadata=when("source", "museum"))
    """How many times the species of the demo museum."""
    labels: int = field(default=0, metadata=when("source", "museum"))
    """One specimen in so many also shows its label, which is a class of its own; 0 for none."""
    reduce: float = field(default=0.5, metadata=when("source", "museum"))
    packs: str = "runs/packs"
    stage: str = ""
    """A folder on a disk of each machine's own, where packs are copied to before they are read."""
    margin: float = 1.14

    def __post_init__(self) -> None:
        if self.source not in ("museum", "database") and not self.path:
            raise InvalidSetting(f"data of the kind {self.source} need data.path")
        if self.margin < 1 or self.least < 1:
            raise InvalidSetting("the margin and the least number of images must be 1 or more")
        if self.reduce < 0.3:
            raise InvalidSetting(f"drawings are legible from reduce 0.3 on, not {self.reduce}")
        if not 1 <= self.breadth <= 4 or self.labels < 0:
            raise InvalidSetting("the museum's breadth is 1 to 4, and labels 0 or more")


@dataclass(frozen=True)
class CaptionSettings:
    """Templates, one drawn for each picture; see `captions` for what braces hold.

    `own` is the share of captions that are the data's own words instead: the column `caption` of a
    table, or what the sample museum says of looks. `prompts` are those of evaluation: a class is
    the mean of all of them.
    """

    own: float = 0.0
    templates: tuple[str, ...] = ("{mixed}", "a photo of {mixed}", "a photo of {a} {mixed}")
    prompts: tuple[str, ...] = ("a photo of {sci}",)

    def __post_init__(self) -> None:
        if not self.templates or not self.prompts:
            raise InvalidSetting("captions need one template and one prompt or more")
        if not 0 <= self.own <= 1:
            raise InvalidSetting(f"the share of own captions lies within [0, 1], not {self.own}")


@dataclass(frozen=True)
class AugmentSettings:
    """How a training picture is varied: a square of `crop` to 1 of its area, mirroring, colours.

    `brightness`, `contrast` and `saturation` are the largest relative changes, made with
    probability `jitter`, as is a turn of the colour circle by up to `hue` of it. With probability
    `sharpen` edges are made up to `sharpness` times as sharp, or as soft; with probability `blur`
    the picture is blurred by up to `radius` pixels.
    """

    crop: float = 0.9
    mirror: bool = False
    jitter: float = 0.0
    brightness: float = 0.1
    contrast: float = 0.2
    saturation: float = 0.1
    hue: float = 0.01
    sharpen: float = 0.0
    sharpness: float = 1.333
    blur: float = 0.0
    radius: float = 1.0

    def __post_init__(self) -> None:
        if not (
            0 < self.crop <= 1 and all(0 <= p <= 1 for p in (self.jitter, self.sharpen, self.blur))
        ):
            raise InvalidSetting("crop lies in (0, 1]; jitter, sharpen and blur in [0, 1]")
        if not 0 <= self.hue <= 0.5 or self.sharpness < 1 or self.radius < 0:
            raise InvalidSetting("hue lies in [0, 0.5], sharpness is 1 or more, radius 0 or more")
        if not all(0 <= c < 1 for c in (self.brightness, self.contrast, self.saturation)):
            raise InvalidSetting("changes of colour lie in [0, 1)")

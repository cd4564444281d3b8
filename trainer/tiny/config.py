"""The strict configuration of a specimen-tiny run."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from core.errors import InvalidSetting


@dataclass(frozen=True)
class TinyConfig:
    """Every knob of a run; sizes in pixels, `reduce` relative to the demo museum's pictures."""

    seed: int
    out: Path
    work: Path
    museum_seed: int
    specimens: int
    reduce: float
    embed_dim: int
    image_size: int
    vision: dict[str, Any]
    text: dict[str, Any]
    steps: int
    batch: int
    learning_rate: float
    warmup: int
    weight_decay: float
    threads: int
    log_every: int
    save_every: int

    @property
    def model_cfg(self) -> dict[str, Any]:
        """The open_clip model configuration."""
        return {
            "embed_dim": self.embed_dim,
            "vision_cfg": {"image_size": self.image_size, **self.vision},
            "text_cfg": dict(self.text),
        }


def read_config(path: Path) -> TinyConfig:
    """Read a YAML file. Raises InvalidSetting naming the keys that are missing or unknown."""
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {f.name for f in fields(TinyConfig)}
    wrong = sorted(known ^ set(values))
    if wrong:
        raise InvalidSetting(f"{path}: missing or unknown keys: {', '.join(wrong)}")
    return TinyConfig(**{**values, "out": Path(values["out"]), "work": Path(values["work"])})

"""Copies of a run's measures for TensorBoard or Weights & Biases; metrics.jsonl stays the truth."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.errors import InvalidSetting
from trainer.config import Config
from trainer.typed import content_hash

Row = Mapping[str, Any]
Track = Callable[[Row], None]
"""Takes a row of metrics.jsonl."""


def tracker(names: Sequence[str], config: Config, folder: Path, label: str) -> Track:
    """Tells all of `names`; InvalidSetting in one line where a package is missing."""
    makers = {"tensorboard": _tensorboard, "wandb": _wandb}
    told = [makers[name](config, folder, label) for name in names]

    def track(row: Row) -> None:
        for tell in told:
            tell(row)

    return track


def flat(row: Row) -> Iterator[tuple[str, float]]:
    """The numbers of a row by their names, those in lists and mappings too: `terms/0`."""
    for key, value in row.items():
        if isinstance(value, list):
            value = {str(at): part for at, part in enumerate(value)}
        if isinstance(value, Mapping):
            yield from ((f"{key}/{inner}", number) for inner, number in flat(value))
        elif isinstance(value, int | float) and key != "step":
            yield key, float(value)


def _tensorboard(config: Config, folder: Path, label: str) -> Track:
    del config, label  # the files lie in the folder of the run, which has both
    _package("tensorboard")
    writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(folder))

    def track(row: Row) -> None:
        for name, value in flat(row):
            writer.add_scalar(name, value, row["step"])
        writer.flush()

    return track


def _wandb(config: Config, folder: Path, label: str) -> Track:
    run = _package("wandb").init(
        project="biocosmos",
        dir=str(folder),
        name=label,
        id=content_hash(config),
        resume="allow",
        config=asdict(config),
    )
    return lambda row: run.log(dict(flat(row)), step=row["step"])


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InvalidSetting(
            f"run.track names {name}, which is not installed: pip install {name}"
        ) from error

"""A campaign: settings x data sets x seeds, expanded into trials and frozen before any runs."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InvalidSetting
from trainer import typed
from trainer.commands import setting_hash
from trainer.config import Config

FROZEN = "trial.yaml"
_KEYS = ("base", "settings", "grid", "data", "seeds", "retries", "launch", "slurm")
_LABEL = re.compile(r"[\w.,=+-]+")

Changes = Mapping[str, Any]
"""Path of a setting, as `sample.tau`, to its value."""


@dataclass(frozen=True)
class Trial:
    """One run of a campaign."""

    data: str
    setting: str
    seed: int
    config: Config

    @property
    def label(self) -> str:
        """What reports call it: runs of one label differ in their seed only."""
        return f"{self.data} {self.setting}" if self.data else self.setting

    @property
    def folder(self) -> Path:
        """Where it goes, below the campaign's folder."""
        return Path(self.data, self.setting, str(self.seed))


@dataclass(frozen=True)
class Campaign:
    """What a campaign file says; trials are ordered by seed, so that all settings have one early.

    `retries` counts attempts that got no further than the one before; `launch` is the command that
    starts a trial instead of this Python, such as torchrun; `slurm` are options of sbatch.
    """

    trials: tuple[Trial, ...]
    retries: int = 2
    launch: tuple[str, ...] = ()
    slurm: tuple[str, ...] = ()


def read_campaign(path: Path) -> Campaign:
    """Read and expand a campaign; every trial's settings are checked here, before any runs.

    Raises InvalidSetting for an unknown key, a label that cannot name a folder, a trial whose
    settings are wrong, and two settings that mean the same.
    """
    try:
        given = typed.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"cannot read the campaign in {path}: {error}") from error
    given = _mapping(given, "the campaign")
    for key in given:
        if key not in _KEYS:
            raise InvalidSetting(f"no key {key} in a campaign: there are {', '.join(_KEYS)}")
    base = _base(given, path)
    seeds = _seeds(given.get("seeds", [42]))
    named = list(itertools.product(_data(given), _settings(given)))
    trials = [
        _trial(base, seed, data, setting, own | changes)
        for seed in seeds
        for (data, own), (setting, changes) in named
    ]
    _refuse_twins(trials)
    return Campaign(
        tuple(trials),
        _count(given.get("retries", 2)),
        _words(given.get("launch", []), "launch"),
        _words(given.get("slurm", []), "slurm"),
    )


def _base(given: Mapping[str, Any], path: Path) -> Any:
    base = given.get("base")
    if isinstance(base, str):
        try:
            return typed.parse((path.parent / base).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidSetting(f"base: cannot read {base}: {error}") from error
    return _mapping(base, "base (settings, or a file of them beside the campaign)")


def _settings(given: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Named settings, each at every point of the grid."""
    grid = {
        key: _list(value, key) for key, value in _mapping(given.get("grid", {}), "grid").items()
    }
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    for name, changes in _mapping(given.get("settings", {"base": {}}), "settings").items():
        own = _mapping({} if changes is None else changes, f"settings.{name}")
        for point in points:
            label = ",".join([name, *(f"{k.split('.')[-1]}={v}" for k, v in point.items())])
            yield _label(label), {**own, **point}


def _data(given: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    if "data" not in given:
        return [("", {})]
    found = _mapping(given["data"], "data")
    return [(_label(name), dict(_mapping(own, f"data.{name}"))) for name, own in found.items()]


def _trial(base: Any, seed: int, data: str, setting: str, changes: Changes) -> Trial:
    settings = base
    for key, value in {**changes, "seed": seed}.items():
        settings = typed.assign(settings, key, value)
    try:
        config = typed.build(Config, settings)
    except InvalidSetting as error:
        raise InvalidSetting(f"setting {setting}: {error.detail}") from error
    return Trial(data, setting, seed, config)


def _refuse_twins(trials: list[Trial]) -> None:
    """Two labels of one meaning would be counted as independent evidence."""
    seen: dict[tuple[str, int], str] = {}
    for trial in trials:
        key = (setting_hash(trial.config), trial.seed)
        other = seen.setdefault(key, trial.label)
        if other != trial.label:
            raise InvalidSetting(f"{other} and {trial.label} are the same settings")


def _seeds(given: Any) -> list[int]:
    seeds = _list(given, "seeds")
    if any(type(seed) is not int or seed < 0 for seed in seeds) or len(set(seeds)) < len(seeds):
        raise InvalidSetting(f"seeds must be different whole numbers, not {given!r}")
    return seeds


def _count(given: Any) -> int:
    if type(given) is not int or given < 0:
        raise InvalidSetting(f"retries must be a whole number from 0, not {given!r}")
    return given


def _words(given: Any, name: str) -> tuple[str, ...]:
    words = given if isinstance(given, list) else None
    if words is None or not all(isinstance(word, str) for word in words):
        raise InvalidSetting(f"{name} must be a list of words, not {given!r}")
    return tuple(words)


def _list(given: Any, name: str) -> list[Any]:
    if not isinstance(given, list) or not given:
        raise InvalidSetting(f"{name} must be a list of one value or more, not {given!r}")
    return given


def _mapping(given: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise InvalidSetting(f"{name} must be a mapping, not {given!r}")
    return given


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text) or text.startswith("."):
        raise InvalidSetting(f"{text!r} cannot name a folder; use letters, digits and . , = + - _")
    return text

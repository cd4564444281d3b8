"""Learning-rate schedules: the factor of the peak rate as a pure function of the step.

Only the plateau remembers anything, because it follows what is measured.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

from trainer.config_run import ScheduleSettings


@dataclass
class Plateau:
    """Multiplies the rate by `factor` when a measure has not risen for `patience` evaluations."""

    settings: ScheduleSettings
    level: float = 1.0
    best: float = -math.inf
    waited: int = 0
    resting: int = 0

    def see(self, value: float) -> None:
        """Take note of one evaluation, higher is better; after a drop the best is judged afresh."""
        if value > self.best:
            self.best, self.waited = value, 0
        elif self.resting == 0:
            self.waited += 1
        self.resting = max(0, self.resting - 1)
        if self.waited > self.settings.patience:
            self.level = max(self.level * self.settings.factor, self.settings.floor)
            self.best, self.waited, self.resting = value, 0, self.settings.rest

    def state(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        return {key: value for key, value in asdict(self).items() if key != "settings"}


class Schedule:
    """Factor of the peak learning rate at every step of a run of `steps` steps."""

    def __init__(self, settings: ScheduleSettings, steps: int, batch: int) -> None:
        self.plateau = Plateau(settings)
        self._settings = settings
        self._warmup = min(math.ceil(settings.warmup / batch), steps)
        self._rest = max(steps - 1 - self._warmup, 1)
        self._period = max(settings.period / batch, 1.0)

    def factor(self, step: int) -> float:
        """In [floor, 1] after the warm-up, which ends at exactly 1; `step` counts from 0."""
        if step < self._warmup:
            return (step + 1) / self._warmup
        return max(self._shape()(step - self._warmup), self._settings.floor)

    def _shape(self) -> Callable[[int], float]:
        shapes: dict[str, Callable[[int], float]] = {
            "cosine": self._cosine,
            "linear": self._linear,
            "wsd": self._wsd,
            "exp": self._exp,
            "plateau": lambda _: self.plateau.level,
            "coswr": self._coswr,
            "cos_exp": lambda t: self._wave(t, 2 * math.pi * t / self._period),
            "coswr_exp": lambda t: self._wave(t, math.pi * (t % self._period) / self._period),
        }
        return shapes[self._settings.name]

    def _cosine(self, t: int) -> float:
        return self._between(0.5 * (1 + math.cos(math.pi * min(t / self._rest, 1))))

    def _linear(self, t: int) -> float:
        return self._between(1 - min(t / self._rest, 1))

    def _wsd(self, t: int) -> float:
        """Warm up, stay, decay (Hu et al. 2024, MiniCPM), linearly."""
        left = (1 - min(t / self._rest, 1)) / self._settings.cooldown
        return self._between(min(left, 1))

    def _exp(self, t: int) -> float:
        return float(self._settings.gamma ** (t / self._period))

    def _coswr(self, t: int) -> float:
        """Cosine annealing with warm restarts (Loshchilov and Hutter 2017)."""
        return self._between(0.5 * (1 + math.cos(math.pi * (t % self._period) / self._period)))

    def _wave(self, t: int, angle: float) -> float:
        """A cosine between a decaying peak and that peak over `ratio`."""
        peak = self._exp(t)
        valley = peak / self._settings.ratio
        return valley + (peak - valley) * 0.5 * (1 + math.cos(angle))

    def _between(self, share: float) -> float:
        return self._settings.floor + (1 - self._settings.floor) * share

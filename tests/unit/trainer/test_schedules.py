"""Every schedule against its formula; the warm-up ends at exactly the nominal rate."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidSetting
from trainer.config_run import ScheduleSettings
from trainer.schedules import Plateau, Schedule

NAMES = ("cosine", "linear", "wsd", "exp", "plateau", "coswr", "cos_exp", "coswr_exp")


def make(name, steps=101, batch=10, **own):
    return Schedule(ScheduleSettings(name=name, **own), steps, batch)


@pytest.mark.parametrize("name", NAMES)
@given(warmup=st.integers(0, 300), steps=st.integers(1, 200), batch=st.integers(1, 40))
def test_the_peak_is_exactly_nominal(name, warmup, steps, batch):
    """The predecessor's warm-up ended below the nominal rate, at 0.983 of it for 16k batches."""
    schedule = make(name, steps, batch, warmup=warmup)
    factors = [schedule.factor(step) for step in range(steps)]
    assert max(factors) == 1.0
    first = math.ceil(warmup / batch)
    if first < steps:
        assert factors[first] == 1.0
    assert factors[:first] == sorted(factors[:first])
    assert min(factors) > 0


@pytest.mark.parametrize("name", ["cosine", "linear", "wsd"])
def test_a_falling_rate_ends_at_its_floor(name):
    schedule = make(name, floor=0.01, warmup=100)
    assert schedule.factor(100) == pytest.approx(0.01)
    assert schedule.factor(99) > 0.01


def test_the_formulas():
    assert make("cosine", floor=0).factor(50) == pytest.approx(0.5)
    assert make("linear", floor=0).factor(25) == pytest.approx(0.75)
    wsd = make("wsd", floor=0, cooldown=0.5)
    assert (wsd.factor(50), wsd.factor(75)) == (1.0, pytest.approx(0.5))
    exp = make("exp", period=100, gamma=0.5, floor=0.1)
    assert [exp.factor(s) for s in (0, 10, 20, 90)] == pytest.approx([1, 0.5, 0.25, 0.1])
    restart = make("coswr", period=100, floor=0.2)
    assert [restart.factor(s) for s in (0, 5, 10)] == pytest.approx([1, 0.6, 1])
    wave = {"period": 100, "gamma": 0.5, "ratio": 10.0, "floor": 0.0}
    half = 0.5**0.5
    assert make("cos_exp", **wave).factor(5) == pytest.approx(half / 10)
    assert make("cos_exp", **wave).factor(10) == pytest.approx(0.5)
    assert make("coswr_exp", **wave).factor(5) == pytest.approx(half * 0.55)
    assert make("coswr_exp", **wave).factor(10) == pytest.approx(0.5)


def test_a_plateau_drops_after_its_patience_and_rests_then():
    plateau = Plateau(ScheduleSettings(name="plateau", factor=0.5, patience=1, rest=1))
    levels = []
    for value in (0.3, 0.4, 0.4, 0.39, 0.2, 0.39, 0.38, 0.5):
        plateau.see(value)
        levels.append(plateau.level)
    assert levels == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert "settings" not in plateau.state()


def test_nonsense_is_refused():
    with pytest.raises(InvalidSetting):
        ScheduleSettings(floor=2)
    with pytest.raises(InvalidSetting):
        ScheduleSettings(gamma=0)

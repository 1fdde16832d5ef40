"""The band alarms as often as it says, and hardly ever tells what it cannot know.

BACKTESTS in the environment says how many are simulated, each with two hundred healthy years.
"""

import math
import os
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.monitoring.band import (
    FIRST_DAY,
    RATES,
    Band,
    Level,
    band_of,
    judge,
    power,
    sprt_days,
)
from trading.engine.types import EngineError, FloatArray

BACKTESTS = int(os.environ.get("BACKTESTS", "25"))
PATHS = 500 if BACKTESTS < 100 else 10_000
YEARS = 200
DAY = 0.01 / math.sqrt(252)
"""Mean of a day whose deviation is 1 %, for an annual ratio of 1."""


def days(rng: np.random.Generator, count: int, sharpe: float = 1.0) -> FloatArray:
    """Fat-tailed daily returns of deviation 1 %."""
    values: FloatArray = 0.01 * rng.standard_t(5, count) / math.sqrt(5 / 3) + sharpe * DAY
    return values


@cache
def example() -> tuple[FloatArray, Band]:
    returns = days(np.random.default_rng(1), 1000)
    return returns - returns.mean() + DAY, band_of(returns - returns.mean() + DAY, paths=2000)


def test_healthy_years_reach_each_line_as_often_as_it_says() -> None:
    """Backtest and year come from one market: the mean of the backtest is a guess like ours."""
    rates = np.zeros((BACKTESTS, len(RATES)))
    for seed, row in enumerate(rates):
        rng = np.random.default_rng(seed)
        band = band_of(days(rng, 600), paths=PATHS, seed=seed)
        levels = [judge(band, days(rng, 252)).level for _ in range(YEARS)]
        row[:] = [np.mean([found >= level for found in levels]) for level in RATES]
    error = 4.0 / math.sqrt(BACKTESTS)  # years of one backtest share its mean: they are not YEARS
    amber, red, kill = rates.mean(axis=0)
    assert amber == pytest.approx(RATES[Level.AMBER], abs=0.1 * error)
    assert red == pytest.approx(RATES[Level.RED] + 0.005, abs=0.05 * error)  # drawdowns alarm, too
    assert kill == pytest.approx(RATES[Level.KILL], abs=0.025 * error)


def test_a_year_as_expected_is_green() -> None:
    _, band = example()
    found = judge(band, np.full(252, band.mean[-1] / 252))
    assert found.level is Level.GREEN
    assert found.drawdown == 0.0


@pytest.mark.parametrize("level", [Level.AMBER, Level.RED, Level.KILL])
def test_a_step_below_a_line_is_its_level(level: Level) -> None:
    """One bad day after thirty as expected, small enough to be no drawdown in itself."""
    _, band = example()
    live = np.diff(band.mean[:30], prepend=0.0)
    just = live.copy()
    just[-1] += (band.line(level) - band.mean)[29] - 1e-9
    assert judge(band, just).level is level
    just[-1] += 2e-9
    assert judge(band, just).level is Level(level - 1)


def test_what_was_crossed_stays_crossed() -> None:
    _, band = example()
    live = np.diff(band.mean, prepend=0.0)
    live[100] -= 0.3
    live[101] += 0.5
    assert judge(band, live).level >= Level.RED
    assert judge(band, live[:100]).level is Level.GREEN


def test_a_drawdown_beyond_the_limit_is_red_above_the_lines_too() -> None:
    _, band = example()
    live = np.full(252, 0.0)
    live[50], live[100] = 1.0, -band.drawdown - 1e-9
    found = judge(band, live)
    assert (found.level, found.deviations < 0.0) == (Level.RED, False)
    assert found.drawdown > band.drawdown


def test_the_first_days_tell_nothing_but_a_drawdown() -> None:
    _, band = example()
    live = np.zeros(FIRST_DAY - 1)
    live[0] = -0.9 * band.drawdown
    assert judge(band, live).level is Level.GREEN
    assert judge(band, np.append(live, 0.0)).level is Level.KILL
    live[0] = -1.1 * band.drawdown
    assert judge(band, live).level is Level.RED
    assert judge(band, live[:0]).level is Level.GREEN


@given(st.integers(0, 1000))
def test_a_year_only_gets_worse(seed: int) -> None:
    _, band = example()
    live = days(np.random.default_rng(seed), 252, -1.0)
    levels = [judge(band, live[:k]).level for k in range(0, 253, 21)]
    assert levels == sorted(levels)


def test_the_lines_are_ordered_and_widen() -> None:
    _, band = example()
    amber, red, kill = (band.line(level) for level in RATES)
    assert (amber > red).all()
    assert (red > kill).all()
    assert band.deviation[-1] > 10.0 * band.deviation[0]
    assert band.days == 252


def test_the_power_is_poor_and_grows_with_the_damage() -> None:
    """A ratio of 1 that became 0 is told within a year in about one case of seven."""
    returns, band = example()
    reds = [power(band, returns, sharpe, paths=1000)[Level.RED] for sharpe in (1.0, 0.0, -2.0)]
    assert reds[0] < 0.05
    assert 0.05 < reds[1] < 0.3
    assert 0.5 < reds[2] < 0.95


def test_wald_needs_five_years_to_tell_one_from_nothing() -> None:
    assert sprt_days(1.0) == pytest.approx(1340, abs=10)
    assert sprt_days(2.0) == pytest.approx(sprt_days(1.0) / 4.0)


def test_the_same_returns_give_the_same_band() -> None:
    returns, _ = example()
    first, second = (band_of(returns, paths=100, seed=3) for _ in range(2))
    assert first.limits == second.limits
    np.testing.assert_array_equal(first.mean, second.mean)


def test_too_little_is_an_error() -> None:
    returns, band = example()
    with pytest.raises(EngineError, match="was 59 for 252"):
        band_of(returns[:59])
    with pytest.raises(EngineError, match="was 100 for 252"):
        band_of(np.zeros(100))
    with pytest.raises(EngineError, match="Expected at most 252 days, was 253"):
        judge(band, np.zeros(253))

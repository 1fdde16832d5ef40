"""A year of live equity against what the backtest lets expect, watched every day.

Pointwise lines would alarm far more often than they say, because they are looked at again and
again: here one number holds for the whole year, the quantile of the largest deviation of bootstrap
paths from their mean. The mean of a backtest is itself uncertain, so each path has a drift of its
own. The power is poor: `power` says how poor, `sprt_days` how long certainty takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from trading.engine.stats import DAYS_PER_YEAR, deviation_of
from trading.engine.types import EngineError, FloatArray
from trading.engine.validation.bootstrap import block_length, resamples

FIRST_DAY: Final = 10
"""Before it there is too little to judge."""
FEWEST: Final = 60
"""Days of returns that a band needs."""


class Level(IntEnum):
    """How bad it is; the higher, the worse."""

    GREEN = 0
    AMBER = 1
    """Trade half the size."""
    RED = 2
    """Back to demo, until somebody decides otherwise."""
    KILL = 3


RATES: Final[Mapping[Level, float]] = {Level.AMBER: 0.20, Level.RED: 0.05, Level.KILL: 0.01}
"""Share of years in which a healthy strategy reaches each line."""
DRAWDOWN_RATE: Final = 0.01
"""Share of years in which a healthy one falls deeper than the limit."""


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Mean and deviation of summed returns by day, and how many deviations below are too many."""

    mean: FloatArray
    deviation: FloatArray
    limits: Mapping[Level, float]
    drawdown: float
    """Sum of returns that may be lost from a peak within the year."""

    @property
    def days(self) -> int:
        return len(self.mean)

    def line(self, level: Level) -> FloatArray:
        """The summed return below which a level begins, by day; from `FIRST_DAY` on it counts."""
        return self.mean - self.limits[level] * self.deviation


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a year looks like so far; a line once crossed stays crossed until the year ends."""

    level: Level
    deviations: float
    """The most that the sum ever was below the mean, in deviations; 0 before `FIRST_DAY`."""
    drawdown: float
    """The deepest fall of the sum from its peak."""


def band_of(
    returns: FloatArray, *, days: int = DAYS_PER_YEAR, paths: int = 10_000, seed: int = 0
) -> Band:
    """The band for `days` of live returns, from daily returns out of sample (net of costs)."""
    sums = _sums(returns, days, paths, seed)
    mean, deviation = sums.mean(axis=0), sums.std(axis=0)
    worst = _worst((sums - mean) / deviation)
    limits = {level: float(np.quantile(worst, 1.0 - rate)) for level, rate in RATES.items()}
    drawdown = float(np.quantile(_deepest(sums), 1.0 - DRAWDOWN_RATE))
    return Band(mean, deviation, limits, drawdown)


def judge(band: Band, live: FloatArray) -> Judgement:
    """The year so far, day by day. EngineError where it is over: begin a new one then."""
    if len(live) > band.days:
        raise EngineError(f"Expected at most {band.days} days, was {len(live)}")
    if not len(live):
        return Judgement(Level.GREEN, 0.0, 0.0)
    levels, worst, deepest = _judged(band, live[None, :])
    return Judgement(Level(int(levels[0])), float(worst[0]), float(deepest[0]))


def power(
    band: Band, returns: FloatArray, sharpe: float, *, paths: int = 2000, seed: int = 1
) -> dict[Level, float]:
    """How often a year of a strategy whose true annual ratio is `sharpe` reaches each level.

    Its days are those of `returns`, resampled, with another mean.
    """
    mean = sharpe / math.sqrt(DAYS_PER_YEAR) * deviation_of(returns)
    moved = returns - returns.mean() + mean
    parts = resamples(moved, paths=paths, days=band.days, seed=seed)
    levels = np.concatenate([_judged(band, part)[0] for part in parts])
    return {level: float((levels >= level).mean()) for level in RATES}


def sprt_days(better: float, worse: float = 0.0, error: float = 0.05) -> float:
    """Days that Wald's sequential test needs to tell two annual ratios apart, when one is true.

    Both errors are `error`, returns are normal; the mean number of days (Wald 1947).
    """
    gap = (better - worse) / math.sqrt(DAYS_PER_YEAR)
    odds = math.log((1.0 - error) / error)
    return (1.0 - 2.0 * error) * odds / (gap * gap / 2.0)


def _sums(returns: FloatArray, days: int, paths: int, seed: int) -> FloatArray:
    """Summed returns of resampled years, each with the mean of a resampled history."""
    if len(returns) < FEWEST or days < FIRST_DAY or deviation_of(returns) == 0.0:
        raise EngineError(
            f"Expected {FEWEST} days of returns that vary for a band of {FIRST_DAY} days,"
            f" was {len(returns)} for {days}"
        )
    block = block_length(returns)
    years = resamples(returns, paths=paths, block=block, days=days, seed=seed)
    histories = resamples(returns, paths=paths, block=block, seed=seed + 1)
    drifts = np.concatenate([part.mean(axis=1) for part in histories])
    shift = (drifts - returns.mean())[:, None]
    return np.cumsum(np.concatenate(list(years)) + shift, axis=1)


def _judged(band: Band, live: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Level, largest deviation and deepest fall of some years (rows) so far."""
    sums, days = np.cumsum(live, axis=1), live.shape[1]
    deepest = _deepest(sums)
    worst = np.zeros(len(live))
    if days >= FIRST_DAY:
        worst = _worst((sums - band.mean[:days]) / band.deviation[:days])
    levels = np.where(deepest > band.drawdown, float(Level.RED), float(Level.GREEN))
    for level, limit in band.limits.items():
        levels = np.where(worst > limit, np.maximum(levels, float(level)), levels)
    return levels, worst, deepest


def _worst(deviations: FloatArray) -> FloatArray:
    """How many deviations each path (row) falls below the mean at worst; < 0 = it never does."""
    result: FloatArray = -deviations[:, FIRST_DAY - 1 :].min(axis=1)
    return result


def _deepest(sums: FloatArray) -> FloatArray:
    peaks = np.maximum.accumulate(np.maximum(sums, 0.0), axis=1)
    result: FloatArray = (peaks - sums).max(axis=1)
    return result

"""How much a Sharpe ratio is worth: its probability, deflated for what was tried, least lengths.

Ratios here are per observation (a daily one is the annual one / sqrt(252)) and kurtosis is raw (3
for the normal distribution): with annual ratios or excess kurtosis the formulas are wrong. Bailey
and Lopez de Prado, "The Sharpe Ratio Efficient Frontier" (2012) and "The Deflated Sharpe Ratio"
(2014).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from trading.engine.stats.basics import deviation_of, kurtosis, ratio, skewness
from trading.engine.stats.distributions import normal_cdf, normal_quantile
from trading.engine.types import EngineError, FloatArray

EULER_GAMMA: Final = 0.5772156649015329


@dataclass(frozen=True, slots=True)
class SharpeSample:
    """A Sharpe ratio per observation and what its error depends on."""

    sharpe: float
    count: int
    """Observations."""
    skewness: float = 0.0
    kurtosis: float = 3.0

    @property
    def variance(self) -> float:
        """Of the estimate, times (count - 1): 1 - g3 SR + (g4 - 1) / 4 SR^2 (Mertens 2002)."""
        sr = self.sharpe
        return 1.0 - self.skewness * sr + (self.kurtosis - 1.0) / 4.0 * sr * sr


def sharpe_sample(returns: FloatArray) -> SharpeSample | None:
    """The sample that returns are; None without variation."""
    skew, tails = skewness(returns), kurtosis(returns)
    if skew is None or tails is None:
        return None
    return SharpeSample(float(returns.mean()) / deviation_of(returns), len(returns), skew, tails)


def probabilistic_sharpe(sample: SharpeSample, benchmark: float = 0.0) -> float | None:
    """PSR: the probability that the true ratio is above `benchmark`, both per observation."""
    if sample.count < 2 or sample.variance <= 0.0:
        return None
    excess = (sample.sharpe - benchmark) * math.sqrt(sample.count - 1)
    return normal_cdf(excess / math.sqrt(sample.variance))


def expected_maximum(trials: float) -> float:
    """What the best of `trials` independent standard normal values is expected to be.

    (1 - g) z(1 - 1/N) + g z(1 - 1/(N e)), an approximation for large N; 0 of one trial.
    """
    if trials <= 1.0:
        return 0.0
    first, second = (normal_quantile(1.0 - 1.0 / n) for n in (trials, trials * math.e))
    return max(0.0, (1.0 - EULER_GAMMA) * first + EULER_GAMMA * second)


def least_track_record(
    sample: SharpeSample, benchmark: float = 0.0, confidence: float = 0.95
) -> float | None:
    """MinTRL: observations until PSR(benchmark) reaches `confidence`; None where it never does."""
    if sample.sharpe <= benchmark:
        return None
    z = normal_quantile(confidence) / (sample.sharpe - benchmark)
    return 1.0 + sample.variance * z * z


def least_backtest_years(trials: float, annual_sharpe: float = 1.0) -> float:
    """MinBTL: years below which the best of `trials` without any edge is expected to show it.

    Bailey, Borwein, Lopez de Prado and Zhu, "Pseudo-Mathematics and Financial Charlatanism" (2014).
    """
    if annual_sharpe <= 0.0:
        raise EngineError(f"Expected an annual Sharpe ratio > 0, was {annual_sharpe}")
    return (expected_maximum(trials) / annual_sharpe) ** 2


@dataclass(frozen=True, slots=True)
class Tally:
    """Everything ever tried, abandoned and buggy runs too: numbers to keep for good.

    `count` trials, of which `measured` had a Sharpe ratio (per observation); their `mean`, and
    `squares`, the sum of squared deviations from it. Tallies add up (Chan, Golub, LeVeque 1979).
    """

    count: int = 0
    measured: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, sharpes: Iterable[float | None]) -> Tally:
        """Trials by their ratios; None is a trial without one."""
        everything = list(sharpes)
        known = np.array([value for value in everything if value is not None])
        if not len(known):
            return cls(len(everything))
        mean = float(known.mean())
        return cls(len(everything), len(known), mean, float(((known - mean) ** 2).sum()))

    def __add__(self, other: Tally) -> Tally:
        measured, gap = self.measured + other.measured, other.mean - self.mean
        share = other.measured / measured if measured else 0.0
        squares = self.squares + other.squares + gap * gap * self.measured * share
        return Tally(self.count + other.count, measured, self.mean + gap * share, squares)

    @property
    def variance(self) -> float | None:
        """Sample variance of the ratios."""
        return ratio(self.squares, self.measured - 1)

    def benchmark(self, effective: float | None = None) -> float | None:
        """SR0: the ratio that the best of these trials is expected to show without any edge.

        `effective` is the number of independent trials among them, all of them if not given.
        """
        trials = self.count if effective is None else effective
        if trials <= 1:
            return 0.0
        return (
            None if self.variance is None else math.sqrt(self.variance) * expected_maximum(trials)
        )


def deflated_sharpe(
    sample: SharpeSample, tally: Tally, effective: float | None = None
) -> float | None:
    """DSR: the probability that the true ratio is above 0, given how many were tried."""
    benchmark = tally.benchmark(effective)
    return None if benchmark is None else probabilistic_sharpe(sample, benchmark)


def effective_trials(returns: FloatArray) -> float:
    """(sum of l)^2 / sum of l^2 over the eigenvalues l of the trials' correlation matrix.

    `returns` has a row per day and a column per trial; columns without variation count one each.
    """
    moving = returns[:, returns.std(axis=0) > 1e-14]
    still, n = returns.shape[1] - moving.shape[1], moving.shape[1]
    if n < 2:
        return float(n + still)
    matrix = np.corrcoef(moving, rowvar=False)
    return float(n * n / (matrix * matrix).sum() + still)

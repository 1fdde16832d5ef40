"""What daily returns say: growth, ratios of reward and risk, tails.

252 days make a year, the risk-free rate is 0. What is undefined (no loss, no variation) is None.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from trading.engine.stats.basics import (
    autocorrelation,
    deviation_of,
    dot,
    line_of,
    mean_of,
    ratio,
)
from trading.engine.types import FloatArray

DAYS_PER_YEAR: Final = 252
Z95: Final = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


def cagr(start: float, end: float, days: float) -> float | None:
    """(end / start)^(365 / days) - 1; None for less than 30 days or a lost account."""
    if days < 30.0 or start <= 0.0 or end <= 0.0:
        return None
    return float((end / start) ** (365.0 / days) - 1.0)


def volatility(returns: FloatArray) -> float | None:
    """Sample standard deviation of daily returns x sqrt(252)."""
    return deviation_of(returns) * math.sqrt(DAYS_PER_YEAR) if len(returns) > 1 else None


def sharpe(returns: FloatArray) -> float | None:
    """mean(r) / sd(r) x sqrt(252), sample standard deviation (Sharpe 1994)."""
    daily = ratio(mean_of(returns), deviation_of(returns))
    return None if daily is None else daily * math.sqrt(DAYS_PER_YEAR)


def sharpe_interval(annual: float | None, count: int) -> tuple[float | None, float | None]:
    """95 % interval of an annual Sharpe ratio of `count` daily returns.

    Standard error sqrt((1 + SR^2 / 2) / n) of the daily ratio, for independent returns (Lo 2002).
    """
    if annual is None:
        return None, None
    daily = annual / math.sqrt(DAYS_PER_YEAR)
    error = math.sqrt((1.0 + daily * daily / 2.0) / count) * math.sqrt(DAYS_PER_YEAR)
    return annual - Z95 * error, annual + Z95 * error


def sortino(returns: FloatArray) -> float | None:
    """mean(r) / sqrt(mean(min(0, r)^2)) x sqrt(252): all days are in the denominator's mean."""
    downside = mean_of(np.minimum(0.0, returns) ** 2) or 0.0
    daily = ratio(mean_of(returns), math.sqrt(downside))
    return None if daily is None else daily * math.sqrt(DAYS_PER_YEAR)


def omega(returns: FloatArray) -> float | None:
    """Sum of gains / sum of losses of daily returns, threshold 0 (Keating and Shadwick 2002)."""
    return ratio(float(np.maximum(returns, 0.0).sum()), float(np.maximum(-returns, 0.0).sum()))


def gain_to_pain(returns: FloatArray) -> float | None:
    """Sum of r / sum of |negative r| (Schwager)."""
    return ratio(float(returns.sum()), float(np.maximum(-returns, 0.0).sum()))


def smart_sharpe(returns: FloatArray) -> float | None:
    """Sharpe / sqrt(1 + 2 sum_{k<n} (n - k) / n rho^k), rho the autocorrelation at lag one.

    The variance of a sum of n values of an AR(1) process over that of independent ones (Lo 2002).
    A negative rho counts as 0: what reverts day by day is paid no premium.
    """
    plain, rho = sharpe(returns), autocorrelation(returns)
    if plain is None or rho is None:
        return None
    lags = np.arange(1, len(returns))
    penalty = 1.0 + 2.0 * float(((1.0 - lags / len(returns)) * max(rho, 0.0) ** lags).sum())
    return plain / math.sqrt(penalty)


def tail_ratio(returns: FloatArray) -> float | None:
    """95 % quantile / |5 % quantile|; None where that is not a loss."""
    if not len(returns):
        return None
    low, high = np.quantile(returns, [0.05, 0.95])
    return ratio(float(high), -float(low))


def value_at_risk(returns: FloatArray, share: float) -> float | None:
    """The daily loss that `share` of the days stay under, from history; negative = a gain."""
    return -float(np.quantile(returns, 1.0 - share)) if len(returns) else None


def expected_shortfall(returns: FloatArray, share: float) -> float | None:
    """Mean loss of the days beyond the value at risk (CVaR)."""
    limit = value_at_risk(returns, share)
    return None if limit is None else -float(returns[returns <= -limit].mean())


def k_ratio(daily: FloatArray) -> float | None:
    """Slope of log equity over days / its standard error x sqrt(252) / n (Kestner 2013)."""
    if not (daily > 0.0).all():
        return None
    line = line_of(np.log(daily))
    if line is None or line.slope_error < 1e-14:
        return None
    return line.slope / line.slope_error * math.sqrt(DAYS_PER_YEAR) / len(daily)


@dataclass(frozen=True, slots=True)
class Compared:
    """Daily returns beside those of a benchmark; alpha, error and Treynor are annual."""

    alpha: float
    beta: float
    tracking_error: float
    information_ratio: float | None
    treynor: float | None


def compared(returns: FloatArray, benchmark: FloatArray) -> Compared | None:
    """Least squares r = alpha + beta b (Jensen 1968); None where the benchmark does not vary."""
    if len(returns) != len(benchmark) or deviation_of(benchmark) == 0.0:
        return None
    centred = benchmark - benchmark.mean()
    beta = dot(centred, returns) / dot(centred, centred)
    mean, year = float(returns.mean()), DAYS_PER_YEAR
    error = deviation_of(returns - benchmark) * math.sqrt(year)
    return Compared(
        alpha=year * (mean - beta * float(benchmark.mean())),
        beta=beta,
        tracking_error=error,
        information_ratio=ratio(year * float((returns - benchmark).mean()), error),
        treynor=year * mean / beta if abs(beta) > 1e-12 else None,
    )

"""The formulas behind a report: pure functions over daily equity, returns and trades.

Conventions: returns are those of the equity sampled at the end of each trading day (17:00 New
York), 252 of them make a year, the risk-free rate is 0. What is undefined (no trades, no loss, no
variation) is None, never a stand-in number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from trading.engine.kernels import kernel
from trading.engine.types import FloatArray, IntArray

DAYS_PER_YEAR: Final = 252
Z95: Final = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


def day_ends(time: IntArray, rollovers: IntArray) -> IntArray:
    """The last row of each trading day that has bars; a bar belongs to the day it opens in."""
    if not len(time):
        return np.empty(0, np.int64)
    after = np.unique(np.append(np.searchsorted(time, rollovers), len(time)))
    return after[after > 0] - 1


def daily_returns(daily: FloatArray) -> FloatArray:
    """r[i] = E[i+1] / E[i] - 1; none at all when the equity was lost on the way."""
    if not (daily > 0.0).all():
        return np.empty(0)
    result: FloatArray = daily[1:] / daily[:-1] - 1.0
    return result


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


def ulcer(daily: FloatArray) -> float | None:
    """sqrt(mean(drawdown^2)) of the daily equity, drawdown as a share of its peak (Martin 1987)."""
    if len(daily) < 2 or not (daily > 0.0).all():
        return None
    peaks = np.maximum.accumulate(daily)
    return math.sqrt(float(np.mean((1.0 - daily / peaks) ** 2)))


@dataclass(frozen=True, slots=True)
class Drawdown:
    """`money` and `share` are the deepest falls from a peak, which may be two different ones;
    `seconds` the longest time from a peak until it was reached again, or to the end; `rows` the
    number of bars below their peak."""

    money: float
    share: float
    seconds: int
    rows: int


def deepest_drawdown(time: IntArray, equity: FloatArray, start: float) -> Drawdown:
    """Drawdowns at every bar's close; the start is the first peak."""
    return Drawdown(*_scan_drawdowns(time, equity, start))


@kernel
def _scan_drawdowns(
    time: IntArray, equity: FloatArray, start: float
) -> tuple[float, float, int, int]:
    """The numbers of `Drawdown`, peak by peak."""
    money, share, seconds, rows = 0.0, 0.0, 0, 0
    peak = trough = start
    since = time[0] if len(time) else 0
    for i in range(len(equity) + 1):
        if i < len(equity) and equity[i] < peak:
            trough = min(trough, equity[i])
            rows += 1
            continue
        if trough < peak:
            fall = peak - trough
            money = max(money, fall)
            share = max(share, fall / peak) if peak > 0.0 else share
            seconds = max(seconds, time[min(i, len(time) - 1)] - since)
        if i < len(equity):
            peak = trough = equity[i]
            since = time[i]
    return money, share, seconds, rows


def wilson(wins: int, count: int) -> tuple[float | None, float | None]:
    """95 % interval of a share (Wilson 1927)."""
    if count == 0:
        return None, None
    share, weight = wins / count, Z95 * Z95 / count
    middle = (share + weight / 2.0) / (1.0 + weight)
    spread = Z95 * math.sqrt(share * (1.0 - share) / count + weight / (4.0 * count))
    return middle - spread / (1.0 + weight), middle + spread / (1.0 + weight)


def mean_interval(values: FloatArray) -> tuple[float | None, float | None]:
    """95 % interval of a mean, normal approximation: mean -+ 1.96 sd / sqrt(n)."""
    if len(values) < 2:
        return None, None
    mean, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
    return mean - Z95 * error, mean + Z95 * error


def sqn(r: FloatArray) -> float | None:
    """System quality number sqrt(min(N, 100)) x mean(R) / sd(R) (Van Tharp)."""
    quality = ratio(mean_of(r), deviation_of(r))
    return None if quality is None else quality * math.sqrt(min(len(r), 100))


def longest_run(flags: npt.NDArray[np.bool_]) -> int:
    """Most True in a row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0


def mean_of(values: FloatArray) -> float | None:
    """Arithmetic mean; None of nothing."""
    return float(values.mean()) if len(values) else None


def deviation_of(values: FloatArray) -> float:
    """Sample standard deviation; 0 of fewer than two values and of float noise alone."""
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return deviation if deviation > 1e-14 else 0.0


def ratio(numerator: float | None, denominator: float) -> float | None:
    """A quotient; None unless the denominator is above 0."""
    return None if numerator is None or denominator <= 0.0 else numerator / denominator

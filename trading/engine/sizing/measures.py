"""How much a symbol moves, measured over the newest bars: by the ATR, or as annual volatility."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np

from trading.engine.sizing.rules import Method, SizingRule
from trading.engine.sizing.scales import DAYS_PER_YEAR
from trading.engine.ticks import RecordArray, ticks_of
from trading.engine.types import Bars, FloatArray

DAY: Final = 86400


class Measure(NamedTuple):
    """What the rule's method wants to know, None where it does not or nobody can tell."""

    atr: Decimal | None = None
    """Price units."""
    annual_volatility: Decimal | None = None
    """A share."""


def measure_of(rule: SizingRule, bars: Bars, tick_size: Decimal, seconds: int) -> Measure:
    """The measure at the newest of `bars`, which last `seconds` each."""
    if not rule.bars or len(bars) < rule.bars:
        return Measure()
    rows = ticks_of(bars.tail(rule.bars), float(tick_size)).rows
    found = float(measures(rule, rows, seconds)[-1])
    if np.isnan(found):
        return Measure()
    value = Decimal(repr(found))
    return Measure(atr=value * tick_size) if rule.method is Method.ATR else Measure(None, value)


def measures(rule: SizingRule, rows: RecordArray, seconds: int) -> FloatArray:
    """The measure at every row of bars in ticks, NaN where it is not known; one NaN when the
    method needs none.

    ATR: the plain mean of the true ranges of the window, ticks. Volatility: the root of the mean
    squared log return of closes over the window, x sqrt(bars in 252 days of 24 hours).
    """
    if not rule.bars:
        return np.array([np.nan])
    if rule.method is Method.ATR:
        found = _means(_true_ranges(rows), rule.window)
    else:
        close = rows["close"].astype(np.float64)
        returns = np.log(close[1:] / close[:-1])
        found = np.sqrt(_means(returns * returns, rule.window) * (DAYS_PER_YEAR * DAY / seconds))
    result = np.full(len(rows), np.nan)
    result[rule.window :] = np.where(found > 0.0, found, np.nan)
    return result


def _true_ranges(rows: RecordArray) -> FloatArray:
    """From the second row on; whole numbers, so that sums are exact."""
    before = rows["close"][:-1]
    high, low = np.maximum(rows["high"][1:], before), np.minimum(rows["low"][1:], before)
    ranges: FloatArray = (high - low).astype(np.float64)
    return ranges


def _means(values: FloatArray, window: int) -> FloatArray:
    """Means of every `window` values in a row."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    means: FloatArray = (sums[window:] - sums[:-window]) / window
    return means

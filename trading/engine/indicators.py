"""Indicators over arrays, oldest first; row i uses rows [0..i] only; NaN until there is enough."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from trading.engine.types import FloatArray


@njit(cache=True)
def rolling_max(values: FloatArray, window: int) -> FloatArray:
    """Highest of the last `window` values, NaN in the first window - 1 rows.

    Two running maxima per block of `window` (van Herk 1992, Gil and Werman 1993): three
    comparisons a row whatever the window.
    """
    n = len(values)
    out = np.full(n, np.nan)
    suffix = np.empty(window)
    for start in range(0, n - window + 1, window):
        running = -np.inf
        for k in range(window - 1, -1, -1):
            running = max(running, values[start + k])
            suffix[k] = running
        out[start + window - 1] = suffix[0]
        prefix = -np.inf
        for k in range(1, min(window, n - start - window + 1)):
            prefix = max(prefix, values[start + window - 1 + k])
            out[start + window - 1 + k] = max(suffix[k], prefix)
    return out


def rolling_min(values: FloatArray, window: int) -> FloatArray:
    """Lowest of the last `window` values, NaN in the first window - 1 rows."""
    result: FloatArray = -rolling_max(-values, window)
    return result


@njit(cache=True)
def ema(values: FloatArray, alpha: float) -> FloatArray:
    """Exponential mean y[i] = y[i-1] + alpha (x[i] - y[i-1]), started at the first value."""
    out = np.empty(len(values))
    if len(values) == 0:
        return out
    level = values[0]
    for i in range(len(values)):
        level += alpha * (values[i] - level)
        out[i] = level
    return out


@njit(cache=True)
def true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """max(high, previous close) - min(low, previous close); the first row is high - low."""
    out = np.empty(len(close))
    for i in range(len(close)):
        before = close[i - 1] if i > 0 else close[i]
        out[i] = max(high[i], before) - min(low[i], before)
    return out


def atr(high: FloatArray, low: FloatArray, close: FloatArray, window: int) -> FloatArray:
    """Average true range, Wilder's exponential form with alpha 1 / window (Wilder 1978)."""
    result: FloatArray = ema(true_range(high, low, close), 1.0 / window)
    return result


def memory(alpha: float, tolerance: float = 1e-12) -> int:
    """Rows after which an exponential mean has forgotten its start down to `tolerance`."""
    return 1 if alpha >= 1.0 else math.ceil(math.log(tolerance) / math.log(1.0 - alpha))

"""Indicators over arrays, oldest first; row i uses rows [0..i] only; NaN until there is enough.

Long results are allocated by numpy and filled by compiled loops: numpy asks the system for huge
pages, which halves the time of a pass over a million rows.
"""

from __future__ import annotations

import math

import numpy as np

from trading.engine.kernels import kernel
from trading.engine.types import FloatArray


@kernel
def channel(high: FloatArray, low: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Highest high and lowest low of the last `window` rows, NaN in the first window - 1.

    Running extremes from both ends of blocks of `window` (van Herk 1992, Gil and Werman 1993):
    three comparisons a row whatever the window.
    """
    n = len(high)
    top, bottom = np.full(n, np.nan), np.full(n, np.nan)
    tops, bottoms = np.empty(window), np.empty(window)  # extremes from row k to the block's end
    for start in range(0, n - window + 1, window):
        block, next_block = slice(start, start + window), slice(start + window - 1, n)
        highs, lows = high[block], low[block]
        up, down = -np.inf, np.inf
        for k in range(window - 1, -1, -1):
            up, down = _widened(up, down, highs[k], lows[k])
            tops[k], bottoms[k] = up, down
        highs, lows = high[next_block], low[next_block]
        above, below = top[next_block], bottom[next_block]
        above[0], below[0] = up, down
        up, down = -np.inf, np.inf
        for k in range(1, min(window, len(highs))):
            up, down = _widened(up, down, highs[k], lows[k])
            above[k], below[k] = _widened(up, down, tops[k], bottoms[k])
    return top, bottom


@kernel
def _widened(up: float, down: float, high: float, low: float) -> tuple[float, float]:
    """The range [down, up] with [low, high] in it."""
    return (high if high > up else up), (low if low < down else down)


def ema(values: FloatArray, alpha: float) -> FloatArray:
    """Exponential mean y[i] = y[i-1] + alpha (x[i] - y[i-1]), started at the first value."""
    out = np.empty(len(values))
    _fill_ema(values, alpha, out)
    return out


@kernel
def _fill_ema(values: FloatArray, alpha: float, out: FloatArray) -> None:
    level = values[0] if len(values) else 0.0
    for i in range(len(values)):
        level += alpha * (values[i] - level)
        out[i] = level


def atr(high: FloatArray, low: FloatArray, close: FloatArray, window: int) -> FloatArray:
    """Average true range, Wilder's exponential form with alpha 1 / window (Wilder 1978).

    The mean starts with high - low of the first row.
    """
    out = np.empty(len(close))
    _fill_atr(high, low, close, 1.0 / window, out)
    return out


@kernel
def _fill_atr(
    high: FloatArray, low: FloatArray, close: FloatArray, alpha: float, out: FloatArray
) -> None:
    if len(close) == 0:
        return
    level, before = high[0] - low[0], close[0]
    for i in range(len(close)):
        level += alpha * (true_range(high[i], low[i], before) - level)
        out[i], before = level, close[i]


@kernel
def true_range(high: float, low: float, before: float) -> float:
    """Range of a bar together with the close before it."""
    up, down = _widened(before, before, high, low)
    return up - down


def memory(alpha: float, tolerance: float = 1e-12) -> int:
    """Rows after which an exponential mean has forgotten its start down to `tolerance`."""
    return 1 if alpha >= 1.0 else math.ceil(math.log(tolerance) / math.log(1.0 - alpha))

"""Whether bars are fit to be simulated: one compiled pass over all of them."""

from __future__ import annotations

import numpy as np

from trading.engine.kernels import kernel
from trading.engine.types import Bars, EngineError, FloatArray, IntArray

_LARGEST = 2.0**53
"""Above it a float no longer holds every whole number of ticks."""


def check_bars(bars: Bars) -> bool:
    """Raise EngineError at the first bar that cannot be; return whether any bar has a spread.

    Times ascend; prices are finite, above 0 and inside [low, high]; spreads are not negative.
    """
    prices = (bars.open, bars.high, bars.low, bars.close)
    bad, has_spread = _first_bad(bars.time, prices, bars.spread)
    if bad < 0:
        return has_spread
    at = np.datetime_as_string(bars.time[bad].astype("datetime64[s]"))
    if bad > 0 and bars.time[bad] <= bars.time[bad - 1]:
        before = np.datetime_as_string(bars.time[bad - 1].astype("datetime64[s]"))
        raise EngineError(f"Bar {bad}: expected a time after {before}, was {at}")
    row = {name: float(getattr(bars, name)[bad]) for name in ("open", "high", "low", "close")}
    if bars.spread[bad] >= 0.0:
        raise EngineError(f"Bar {bad} ({at}): expected 0 < low <= open, close <= high, was {row}")
    raise EngineError(f"Bar {bad} ({at}): expected a spread >= 0, was {bars.spread[bad]}")


@kernel
def _first_bad(
    time: IntArray,
    prices: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    spread: FloatArray,
) -> tuple[int, bool]:
    """The first row that cannot be, or -1; and whether any spread is above 0."""
    opens, highs, lows, closes = prices
    has_spread = False
    for i in range(len(time)):
        low, high = lows[i], highs[i]
        is_good = 0.0 < low <= opens[i] <= high < _LARGEST and low <= closes[i] <= high
        if not is_good or not 0.0 <= spread[i] < _LARGEST:
            return i, has_spread
        if i > 0 and time[i] <= time[i - 1]:
            return i, has_spread
        has_spread |= spread[i] > 0.0
    return -1, has_spread

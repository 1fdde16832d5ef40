"""Bars in whole ticks, checked on the way: one compiled pass over all of them.

The simulator compares whole numbers, and finds a bar in one place instead of five.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from trading.engine.kernels import kernel
from trading.engine.types import Bars, EngineError, FloatArray, IntArray

RecordArray = npt.NDArray[np.void]


class TickRow(Protocol):
    """One bar in ticks, bid side; a record of `TICK_ROW`."""

    open: int
    high: int
    low: int
    close: int
    spread: int


TICK_ROW: Final = np.dtype([(name, np.int32) for name in TickRow.__annotations__], align=True)
_MOST: Final = float(np.iinfo(np.int32).max // 2)
"""Ticks of a price that can be had with a spread on top."""


class TickBars(NamedTuple):
    """Open times and records of `TICK_ROW`."""

    time: IntArray
    rows: RecordArray

    def between(self, start: int, stop: int) -> TickBars:
        """The bars of rows [start, stop)."""
        return TickBars(self.time[start:stop], self.rows[start:stop])


def ticks_of(bars: Bars, tick_size: float) -> TickBars:
    """Prices rounded to the nearest tick, halves up; EngineError at the first bar that cannot be.

    Times ascend; a tick <= low <= open, close <= high; spreads are not negative.
    """
    rows = np.empty(len(bars), TICK_ROW)
    prices = (bars.open, bars.high, bars.low, bars.close)
    bad = _fill(bars.time, prices, bars.spread, 1.0 / tick_size, rows)
    if bad >= 0:
        raise EngineError(_complaint(bars, bad, tick_size))
    return TickBars(bars.time, rows)


@kernel
def _fill(
    time: IntArray,
    prices: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    spread: FloatArray,
    scale: float,
    rows: RecordArray,
) -> int:
    """Fill the rows in; the first row that cannot be, or -1."""
    opens, highs, lows, closes = prices
    for t in range(len(rows)):
        open_, close = opens[t] * scale + 0.5, closes[t] * scale + 0.5
        high, low = highs[t] * scale + 0.5, lows[t] * scale + 0.5
        width = spread[t] * scale + 0.5
        is_bar = 1.0 <= low <= open_ <= high <= _MOST and low <= close <= high
        if not is_bar or not 0.5 <= width <= _MOST or (t > 0 and time[t] <= time[t - 1]):
            return t
        row = rows[t]
        row.open, row.high = np.int32(open_), np.int32(high)
        row.low, row.close = np.int32(low), np.int32(close)
        row.spread = np.int32(width)
    return -1


@kernel
def spreads_in(rows: RecordArray) -> tuple[int, int]:
    """Sum of the spreads in ticks, and the number of rows without one."""
    total, without = 0, 0
    for row in rows:
        total += row.spread
        without += int(row.spread == 0)
    return total, without


def _complaint(bars: Bars, bad: int, tick_size: float) -> str:
    """What was expected of row `bad` and what was found."""
    at, before = (np.datetime_as_string(bars.time[[bad, bad - 1]].astype("datetime64[s]"))).tolist()
    if bad > 0 and bars.time[bad] <= bars.time[bad - 1]:
        return f"Bar {bad}: expected a time after {before}, was {at}"
    if not 0.0 <= bars.spread[bad] <= _MOST * tick_size:
        return f"Bar {bad} ({at}): expected a spread >= 0, was {bars.spread[bad]}"
    found = {name: float(getattr(bars, name)[bad]) for name in ("open", "high", "low", "close")}
    return (
        f"Bar {bad} ({at}): expected {tick_size:g} <= low <= open, close <= high "
        f"<= {_MOST * tick_size:g}, was {found}"
    )

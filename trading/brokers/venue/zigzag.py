"""The venue's market: prices that turn around at every minute, as a function of time alone.

Low in even minutes, high in odd ones, still in between: a strategy of two short means changes its
mind at every M1 bar. The quotes of a minute begin exactly at its open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, isfinite
from time import monotonic
from typing import Final

import numpy as np

from trading.brokers.market import SIMULATED_SYMBOLS, SimulatedSymbol
from trading.engine.bars import bars_from_ticks, timeframe_seconds
from trading.engine.types import Bars, EngineError, Quote

QUOTE_SECONDS: Final = 10
"""Market time between two quotes of a symbol; a divisor of a minute."""
MOST_BARS: Final = 50_000
SYMBOLS: Final = {name: SIMULATED_SYMBOLS[name] for name in ("EURUSD", "GBPUSD", "XAUUSD")}
"""What the venue trades, with the specification of the simulated market."""


@dataclass(frozen=True, slots=True)
class MarketClock:
    """Market time from epoch second `start` on, `speed` times as fast as the wall; 0 stands."""

    start: float
    speed: float
    origin: float

    @classmethod
    def starting(cls, start: datetime, speed: float) -> MarketClock:
        """A clock that begins to run now."""
        if start.tzinfo is None:
            raise EngineError(f"Expected a start with its time zone, was {start}")
        if not (isfinite(speed) and speed >= 0):
            raise EngineError(f"Expected a speed of at least 0, was {speed}")
        return cls(start.timestamp(), speed, monotonic())

    def time(self) -> float:
        """Epoch seconds."""
        return self.start + self.speed * (monotonic() - self.origin)


def spec_of(symbol: str) -> SimulatedSymbol:
    """The specification of a symbol; EngineError when the venue does not trade it."""
    if symbol not in SYMBOLS:
        raise EngineError(f"Expected one of {', '.join(SYMBOLS)}, was {symbol!r}")
    return SYMBOLS[symbol]


def zigzag_quote(symbol: str, time: float, amplitude: int) -> Quote:
    """The quote in force at epoch second `time`; `amplitude` is the swing in ticks."""
    spec = spec_of(symbol)
    since = int(time // QUOTE_SECONDS) * QUOTE_SECONDS
    up = amplitude * (since // 60 % 2)
    bid = spec.start_price + up * spec.instrument.tick_size
    ask = bid + spec.spread * spec.instrument.tick_size
    return Quote(symbol, datetime.fromtimestamp(since, UTC), bid, ask)


def zigzag_bars(symbol: str, timeframe: str, span: tuple[float, float], amplitude: int) -> Bars:
    """The complete bars that open in [start, end), as the quotes make them; epoch seconds."""
    step = timeframe_seconds(timeframe)
    spec = spec_of(symbol)
    first, last = (ceil(time / step) * step for time in span)
    if (last - first) // step > MOST_BARS:
        raise EngineError(f"Expected at most {MOST_BARS} bars, was {(last - first) // step}")
    times = np.arange(first, max(first, last), QUOTE_SECONDS, dtype=np.float64)
    low, high, spread = (
        float(zigzag_quote(symbol, 0, 0).bid),
        float(zigzag_quote(symbol, 60, amplitude).bid),
        float(spec.spread * spec.instrument.tick_size),
    )
    bids = np.where(times // 60 % 2 == 1, high, low)
    return bars_from_ticks(times, bids, np.full(len(times), spread), timeframe)

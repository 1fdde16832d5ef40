"""The simulated market's clock, and filling the gaps of a series from its stream."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from trading.brokers.base import Stream, Unavailable
from trading.brokers.market import SimulatedMarket as Market
from trading.brokers.market import SimulatedStream
from trading.engine.types import TIMEFRAMES
from trading.models import SimulatedMarket, Symbol
from trading.selectors.bars import bars_tail
from trading.services.bars import bars_store

BACKFILL = timedelta(days=14)
"""How far back a series without any bar is filled."""
log = structlog.get_logger(__name__)


def simulated_stream(*, market: SimulatedMarket) -> SimulatedStream:
    """A stream that goes on where the market's clock stood."""
    return SimulatedStream(Market(seed=market.seed), market.market_time, speed=market.speed)


def market_clock_save(*, market: SimulatedMarket, at: datetime) -> None:
    """Remember the market's clock, so that the next start goes on from there."""
    SimulatedMarket.objects.filter(pk=market.pk).update(market_time=at)


def bars_backfill(*, stream: Stream, symbol: Symbol, timeframe: str) -> int:
    """Store the closed bars that are missing between the newest stored one and now.

    Returns how many were added; a stream that cannot answer leaves the gap for the next time.
    """
    now = stream.now()
    newest = bars_tail(symbol=symbol, timeframe=timeframe, count=1)
    start = now - BACKFILL
    if len(newest):
        after = int(newest.time[-1]) + TIMEFRAMES[timeframe]
        start = max(start, datetime.fromtimestamp(after, UTC))
    try:
        bars = stream.history(symbol.name, timeframe, start, now)
    except Unavailable as e:
        log.warning("history unavailable", symbol=str(symbol), error=str(e))
        return 0
    return bars_store(symbol=symbol, timeframe=timeframe, bars=bars).added if len(bars) else 0

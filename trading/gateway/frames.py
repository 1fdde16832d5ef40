"""Market frames for the browsers: coalesced, at most four a second."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from trading import broadcast
from trading.broadcast import CandlePayload, MarketFrame, QuotePayload
from trading.engine.bars import Bar
from trading.engine.types import Quote
from trading.gateway.clock import Closing, Series
from trading.selectors.dashboard import (
    account_payloads,
    deployment_payloads,
    position_payloads,
)

PERIOD = 0.25


class FramePublisher:
    """Collects what moved and sends it when it is time."""

    def __init__(self) -> None:
        self._sent = 0.0
        self._closed: list[CandlePayload] = []

    def closed(self, closing: Closing) -> None:
        """A bar that must be in the next frame."""
        self._closed.append(_candle((closing.symbol, closing.timeframe), closing.bar))

    def publish(self, quotes: Mapping[str, Quote], forming: Mapping[Series, Bar]) -> None:
        """Send a frame if the last one is old enough."""
        if not quotes or monotonic() - self._sent < PERIOD:
            return
        self._sent = monotonic()
        closed, self._closed = self._closed, []
        frame: MarketFrame = {
            "type": "market",
            "quotes": [_quote(quote) for quote in quotes.values()],
            "candles": closed + [_candle(series, bar) for series, bar in forming.items()],
            "accounts": account_payloads(),
            "positions": position_payloads(),
            "deployments": deployment_payloads(),
        }
        broadcast.market(frame)


def _candle(series: Series, bar: Bar) -> CandlePayload:
    return {
        "symbol": series[0],
        "timeframe": series[1],
        "time": bar.time,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
    }


def _quote(quote: Quote) -> QuotePayload:
    return {
        "symbol": quote.symbol,
        "time": int(quote.time.timestamp()),
        "bid": str(quote.bid),
        "ask": str(quote.ask),
    }

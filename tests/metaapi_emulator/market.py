"""The emulator's market: zigzag prices as a function of time, unless a test has pinned them.

Low in even minutes, high in odd ones, as at the venue of the drills.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from tests.metaapi_emulator.formats import (
    broker_clock,
    from_broker_clock,
    iso,
    number,
    times,
)
from trading.brokers.market import SIMULATED_SYMBOLS, SimulatedSymbol
from trading.brokers.venue.zigzag import MarketClock
from trading.engine.types import Quote

ACCOUNT_CURRENCY: Final = "USD"
MINUTES: Final = {
    **{f"{n}m": n for n in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)},
    **{f"{n}h": 60 * n for n in (1, 2, 3, 4, 6, 8, 12)},
    "1d": 1440,
    "1w": 10_080,
    "1mn": 0,
}
"""The timeframes of MT5 and their minutes; a month has no fixed number of them."""
MT4_TIMEFRAMES: Final = ("1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1mn")
TICKS_A_MINUTE: Final = 6
FASTEST_ONE_SECOND: Final = 10.0


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle; `end` is where the next one opens, UTC."""

    start: datetime
    end: datetime
    low_first: bool
    """Whether it opens at the low price of the zigzag."""


class Market:
    """Quotes and candles of the simulated symbols; `amplitude` is the swing in ticks.

    `speed` is how fast its clock runs; 0 = it stands at `start` and only pins move prices.
    """

    def __init__(self, start: datetime, speed: float, amplitude: int) -> None:
        self.clock = MarketClock.starting(start, speed)
        self.amplitude = amplitude
        self.is_closed = False
        self.quote_seconds = 1 if speed <= FASTEST_ONE_SECOND else 10
        self._pinned: dict[str, tuple[Decimal, Decimal]] = {}
        self._next = int(self.clock.start // self.quote_seconds) * self.quote_seconds
        self.quotes = {name: self._quoted(name, self.now()) for name in SIMULATED_SYMBOLS}

    def now(self) -> datetime:
        """The market's clock."""
        return datetime.fromtimestamp(self.clock.time(), UTC)

    def due(self) -> list[Quote]:
        """The quotes since the last call, oldest first; each is in force from then on."""
        found = []
        while self._next <= self.clock.time() and self.clock.speed and not self.is_closed:
            at = datetime.fromtimestamp(self._next, UTC)
            found += [self._quoted(name, at) for name in SIMULATED_SYMBOLS]
            self._next += self.quote_seconds
        self.quotes.update({quote.symbol: quote for quote in found})
        return found

    def pin(self, symbol: str, bid: Decimal | None, ask: Decimal | None = None) -> Quote:
        """Hold a symbol at a price from now on, or (None) let it swing again; the new quote."""
        spec = SIMULATED_SYMBOLS[symbol]
        self._pinned.pop(symbol, None)
        if bid is not None:
            self._pinned[symbol] = (bid, ask or bid + spec.spread * spec.instrument.tick_size)
        self.quotes[symbol] = self._quoted(symbol, self.now())
        return self.quotes[symbol]

    def worth(self, symbol: str) -> Decimal:
        """Account currency for one unit of the symbol's profit currency."""
        instrument = SIMULATED_SYMBOLS[symbol].instrument
        if instrument.profit_currency == ACCOUNT_CURRENCY:
            return Decimal(1)
        return 1 / self.quotes[symbol].bid

    def price(self, symbol: str) -> dict[str, Any]:
        """The quote in force as MetaApi's price."""
        quote, instrument = self.quotes[symbol], SIMULATED_SYMBOLS[symbol].instrument
        value = number(instrument.tick_value * self.worth(symbol))
        return {
            "symbol": symbol,
            "bid": number(quote.bid),
            "ask": number(quote.ask),
            "profitTickValue": value,
            "lossTickValue": value,
            "accountCurrencyExchangeRate": 1,
            **times("", quote.time),
        }

    def tick(self, symbol: str) -> dict[str, Any]:
        """The quote in force as MetaApi's tick."""
        quote = self.quotes[symbol]
        side = {"bid": number(quote.bid), "ask": number(quote.ask), "side": "buy"}
        return {"symbol": symbol, **times("", quote.time), **side}

    def candles(
        self, symbol: str, timeframe: str, until: datetime, limit: int
    ) -> list[dict[str, Any]]:
        """The last `limit` candles that open no later than `until`, oldest first; the newest may
        still be forming. Pins do not reach into them."""
        backwards = islice(_opens(timeframe, min(until, self.now())), limit)
        return [self._candle(symbol, timeframe, candle) for candle in reversed(list(backwards))]

    def _quoted(self, symbol: str, at: datetime) -> Quote:
        spec = SIMULATED_SYMBOLS[symbol]
        quote = Quote(symbol, at, *self._swing(spec, is_high=bool(at.minute % 2)))
        if symbol in self._pinned:
            bid, ask = self._pinned[symbol]
            return replace(quote, bid=bid, ask=ask)
        return quote

    def _swing(self, spec: SimulatedSymbol, *, is_high: bool) -> tuple[Decimal, Decimal]:
        tick = spec.instrument.tick_size
        bid = spec.start_price + self.amplitude * is_high * tick
        return bid, bid + spec.spread * tick

    def _candle(self, symbol: str, timeframe: str, candle: Candle) -> dict[str, Any]:
        spec = SIMULATED_SYMBOLS[symbol]
        low, high = (number(self._swing(spec, is_high=up)[0]) for up in (False, True))
        seen = min(candle.end, max(self.now(), candle.start + timedelta(seconds=1)))
        minutes = -int((candle.start - seen).total_seconds() // 60)
        first, other = (low, high) if candle.low_first else (high, low)
        last = first if minutes % 2 else other
        touched = {first} if minutes == 1 else {low, high}
        return {
            "symbol": symbol,
            "timeframe": timeframe,
            **times("", candle.start),
            "open": first,
            "high": max(touched),
            "low": min(touched),
            "close": last,
            "tickVolume": TICKS_A_MINUTE * minutes,
            "spread": spec.spread,
            "volume": 0,
        }


def _opens(timeframe: str, until: datetime) -> Iterator[Candle]:
    """Candles backwards from the one `until` lies in, by the broker's clock."""
    shown, start = broker_clock(until), None
    while True:
        start = _open_of(timeframe, shown if start is None else start - timedelta(minutes=1))
        opens, ends = from_broker_clock(start), from_broker_clock(_next_open(timeframe, start))
        yield Candle(opens, ends, low_first=opens.minute % 2 == 0)


def _open_of(timeframe: str, shown: datetime) -> datetime:
    midnight = shown.replace(hour=0, minute=0, second=0, microsecond=0)
    if timeframe == "1mn":
        return midnight.replace(day=1)
    if timeframe == "1w":
        return midnight - timedelta(days=(midnight.weekday() + 1) % 7)
    step = timedelta(minutes=MINUTES[timeframe])
    return midnight + (shown - midnight) // step * step


def _next_open(timeframe: str, start: datetime) -> datetime:
    if timeframe == "1mn":
        return start + timedelta(days=monthrange(start.year, start.month)[1])
    return start + timedelta(minutes=MINUTES[timeframe])


def forming(market: Market, symbol: str, timeframe: str) -> dict[str, Any]:
    """The candle that is forming now."""
    return market.candles(symbol, timeframe, market.now(), 1)[0]


def book(market: Market, symbol: str) -> dict[str, Any]:
    """A depth of market of one level."""
    quote = market.quotes[symbol]
    sides = (("BOOK_TYPE_SELL", quote.ask), ("BOOK_TYPE_BUY", quote.bid))
    rows = [{"type": kind, "price": number(price), "volume": 1} for kind, price in sides]
    return {"symbol": symbol, "time": iso(quote.time), "book": rows}

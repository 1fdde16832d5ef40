"""The bar clock closes each bar once, by the next quote or by the time."""

from datetime import timedelta
from decimal import Decimal

from tests.desk import NOON, SPREAD
from trading.engine.types import Quote
from trading.gateway.clock import BarClock


def quote(seconds: int, bid: str = "1.10000", symbol: str = "EURUSD") -> Quote:
    return Quote(symbol, NOON + timedelta(seconds=seconds), Decimal(bid), Decimal(bid) + SPREAD)


def clock(*timeframes: str) -> BarClock:
    made = BarClock()
    made.watch(("EURUSD", timeframe) for timeframe in timeframes)
    return made


def test_the_first_quote_of_a_minute_closes_the_one_before() -> None:
    bars = clock("M1")
    assert bars.on_quote(quote(1)) == []
    assert bars.on_quote(quote(30, "1.10010")) == []
    (closing,) = bars.on_quote(quote(60))
    assert (closing.bar.open, closing.bar.close) == (1.1, 1.1001)
    assert closing.bar.time == NOON.timestamp()


def test_a_bar_whose_beginning_was_missed_is_partial_and_the_next_is_not() -> None:
    bars = clock("M1")
    closings = [c for s in (30, 60, 120) for c in bars.on_quote(quote(s))]
    assert [c.is_partial for c in closings] == [True, False]


def test_the_last_bar_before_a_weekend_closes_when_the_market_opens_again() -> None:
    bars = clock("M1")
    bars.on_quote(quote(1))
    weekend = 48 * 3600
    (closing,) = bars.on_quote(quote(weekend))
    assert closing.bar.time == NOON.timestamp()


def test_every_timeframe_has_its_own_bars() -> None:
    bars = clock("M1", "M5")
    bars.on_quote(quote(1))
    assert [c.timeframe for c in bars.on_quote(quote(301))] == ["M1", "M5"]


def test_other_symbols_and_unwatched_series_are_left_alone() -> None:
    bars = clock("M1")
    bars.on_quote(quote(1, symbol="GBPUSD"))
    assert bars.forming() == {}
    bars.on_quote(quote(1))
    bars.watch([])
    assert bars.on_quote(quote(61)) == []

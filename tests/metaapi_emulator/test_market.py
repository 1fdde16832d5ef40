"""Quotes and candles."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metaapi_emulator.formats import broker_time, parsed_time
from tests.metaapi_emulator.market import MINUTES, Market
from trading.brokers.venue.zigzag import MarketClock

START = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)


@given(st.sampled_from(sorted(MINUTES)), st.integers(1, 30), st.integers(0, 600_000))
def test_candles_of_every_timeframe_follow_each_other(
    timeframe: str, limit: int, minutes: int
) -> None:
    market = Market(START, 0, 200)
    until = START - timedelta(minutes=minutes)
    candles = market.candles("EURUSD", timeframe, until, limit)
    times = [parsed_time(candle["time"]) for candle in candles]
    assert len(candles) == limit and times == sorted(set(times)) and times[-1] <= until
    for candle in candles:
        prices = (candle["open"], candle["close"])
        assert candle["low"] <= min(prices) <= max(prices) <= candle["high"]


@pytest.mark.parametrize(
    ("timeframe", "open_time"),
    [("1mn", "2026-01-01"), ("1w", "2026-01-11"), ("1d", "2026-01-14"), ("4h", "2026-01-14")],
)
def test_long_candles_open_by_the_brokers_clock(timeframe: str, open_time: str) -> None:
    (candle,) = Market(START, 0, 200).candles("EURUSD", timeframe, START, 1)
    assert candle["brokerTime"].startswith(open_time)
    assert candle["brokerTime"][11:13] in ("00", "12")


def test_a_minute_is_flat_and_two_minutes_swing() -> None:
    market = Market(START, 0, 200)
    minute, both = (market.candles("EURUSD", t, START, 2)[0] for t in ("1m", "2m"))
    assert minute["high"] == minute["low"] == minute["close"]
    assert round(both["close"] - both["open"], 5) == 0.002


def test_a_candle_that_is_forming_ends_now() -> None:
    market = Market(START, 0, 200)
    market.clock = MarketClock.starting(START + timedelta(seconds=90), 0)
    (candle,) = market.candles("EURUSD", "5m", market.now(), 1)
    assert candle["tickVolume"] == 12 and candle["close"] == candle["high"]


def test_a_pin_holds_until_it_is_taken_away() -> None:
    market = Market(START, 0, 200)
    assert market.pin("EURUSD", Decimal("1.3")).ask == Decimal("1.30006")
    assert market.pin("EURUSD", None).bid == Decimal("1.12000")


def test_quotes_fall_due_as_the_clock_runs() -> None:
    market = Market(START, 6_000, 200)
    bids: set[Decimal] = set()
    while len(bids) < 2:
        bids |= {quote.bid for quote in market.due() if quote.symbol == "EURUSD"}
    assert bids == {Decimal("1.12"), Decimal("1.122")}


def test_the_brokers_clock_is_seven_hours_ahead_of_new_york() -> None:
    assert broker_time(START) == "2026-01-14 14:00:00.000"
    assert broker_time(START.replace(month=7)) == "2026-07-14 15:00:00.000"

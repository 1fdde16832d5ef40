"""History chunks and live candles read as one series."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.bars import MONDAY, random_bars
from tests.factories import make_symbol
from trading.engine.types import BAR_COLUMNS, Bars, EngineError
from trading.models import BarChunk, Candle, Symbol
from trading.selectors.bars import (
    SymbolUnknown,
    bars_between,
    bars_tail,
    chunks_verify,
    symbol_get,
)
from trading.services.bars import bars_store

pytestmark = pytest.mark.django_db
HOURS = 24 * 100  # January to April 2024


@pytest.fixture
def symbol() -> Symbol:
    return make_symbol(source="history", name="EURUSD")


@pytest.fixture
def history(symbol: Symbol) -> Bars:
    bars = random_bars(HOURS)
    bars_store(symbol=symbol, timeframe="H1", bars=bars)
    return bars


def live(symbol: Symbol, bars: Bars) -> None:
    """Store bars as live candles."""
    for row in zip(*(getattr(bars, name).tolist() for name in BAR_COLUMNS), strict=True):
        values = dict(zip(BAR_COLUMNS[1:], row[1:], strict=True))
        opened = datetime.fromtimestamp(row[0], UTC)
        Candle.objects.create(symbol=symbol, timeframe="H1", open_time=opened, **values)


def assert_same(one: Bars, other: Bars) -> None:
    for name in BAR_COLUMNS:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def at(hour: int) -> datetime:
    return datetime.fromtimestamp(MONDAY, UTC) + timedelta(hours=hour)


def test_history_reads_back_exactly(symbol: Symbol, history: Bars) -> None:
    assert_same(bars_between(symbol=symbol, timeframe="H1"), history)


@pytest.mark.parametrize(("start", "end"), [(5, 9), (700, 800), (0, 2400), (-9, 3), (9, 9)])
def test_a_range_includes_its_start_and_not_its_end(
    symbol: Symbol, history: Bars, start: int, end: int
) -> None:
    bars = bars_between(symbol=symbol, timeframe="H1", start=at(start), end=at(end))
    assert_same(bars, history.slice(max(start, 0), end))


def test_nothing_stored_reads_as_no_bars(symbol: Symbol) -> None:
    assert len(bars_between(symbol=symbol, timeframe="H1")) == 0
    assert len(bars_tail(symbol=symbol, timeframe="H1", count=5)) == 0


def test_an_unknown_timeframe_is_an_error(symbol: Symbol) -> None:
    with pytest.raises(EngineError, match="was 'H3'"):
        bars_between(symbol=symbol, timeframe="H3")


def test_live_candles_follow_the_history(symbol: Symbol) -> None:
    bars = random_bars(1000)
    bars_store(symbol=symbol, timeframe="H1", bars=bars.slice(0, 900))
    live(symbol, bars.slice(900))
    assert_same(bars_between(symbol=symbol, timeframe="H1"), bars)


def test_candles_alone_are_a_series(symbol: Symbol) -> None:
    bars = random_bars(20)
    live(symbol, bars)
    assert_same(bars_between(symbol=symbol, timeframe="H1", start=at(5)), bars.slice(5))
    assert_same(bars_tail(symbol=symbol, timeframe="H1", count=7), bars.tail(7))


def test_the_chunk_stands_where_a_candle_differs(symbol: Symbol, history: Bars) -> None:
    other = random_bars(30, start=MONDAY + (HOURS - 20) * 3600, seed=9)
    other.spread[:] = 0.00007
    live(symbol, other)
    for bars in (
        bars_between(symbol=symbol, timeframe="H1"),
        bars_tail(symbol=symbol, timeframe="H1", count=500),
    ):
        assert bars.close[-30:-10].tolist() == history.close[-20:].tolist()
        assert bars.close[-10:].tolist() == other.close[-10:].tolist()
        assert bars.spread[-30:].tolist() == [0.00007] * 30


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 800, 2399, 2500])
def test_the_tail_is_the_end_of_the_whole_series(symbol: Symbol, count: int) -> None:
    bars = random_bars(HOURS)
    bars_store(symbol=symbol, timeframe="H1", bars=bars.slice(0, HOURS - 10))
    live(symbol, bars.slice(HOURS - 15))
    tail = bars_tail(symbol=symbol, timeframe="H1", count=count)
    assert_same(tail, bars.tail(count) if count else Bars.empty())


def test_the_tail_reads_no_more_chunks_than_it_needs(symbol: Symbol, history: Bars) -> None:
    oldest = BarChunk.objects.filter(symbol=symbol).order_by("month")[:3]
    BarChunk.objects.filter(pk__in=oldest).update(data=b"damaged")
    with CaptureQueriesContext(connection) as queries:
        assert_same(bars_tail(symbol=symbol, timeframe="H1", count=200), history.tail(200))
    assert len(queries) == 3


def test_a_damaged_chunk_is_named(symbol: Symbol, history: Bars) -> None:
    chunk = BarChunk.objects.get(month="2024-02-01")
    BarChunk.objects.filter(pk=chunk.pk).update(data=bytes(chunk.data)[:-20])
    with pytest.raises(EngineError, match=r"history:EURUSD H1 2024-02 \(696 bars\): Expected"):
        bars_between(symbol=symbol, timeframe="H1")


def test_a_chunk_in_the_place_of_another_is_noticed(symbol: Symbol, history: Bars) -> None:
    january = BarChunk.objects.get(month="2024-01-01")
    BarChunk.objects.filter(month="2024-03-01").update(data=january.data)
    with pytest.raises(EngineError, match="2024-03"):
        bars_between(symbol=symbol, timeframe="H1")


def test_verifying_reads_every_chunk(symbol: Symbol, history: Bars) -> None:
    assert chunks_verify(symbol=symbol, timeframe="H1") == HOURS
    BarChunk.objects.filter(month="2024-02-01").update(sha256="0" * 64)
    with pytest.raises(EngineError, match=r"2024-02.*expected checksum 0000"):
        chunks_verify(symbol=symbol, timeframe="H1")


def test_a_symbol_is_found_by_its_name(symbol: Symbol) -> None:
    assert symbol_get(name="EURUSD") == symbol
    assert symbol_get(name="history:EURUSD") == symbol


def test_a_name_of_two_sources_needs_the_source(symbol: Symbol) -> None:
    simulated = make_symbol(source="simulated", name="EURUSD")
    with pytest.raises(SymbolUnknown, match="one of history:EURUSD, simulated:EURUSD"):
        symbol_get(name="EURUSD")
    assert symbol_get(name="simulated:EURUSD") == simulated


def test_an_unknown_symbol_names_the_known(symbol: Symbol) -> None:
    with pytest.raises(SymbolUnknown, match=r"known symbol .history:EURUSD., was 'GBPUSD'"):
        symbol_get(name="GBPUSD")

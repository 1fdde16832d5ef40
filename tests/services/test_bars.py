"""Storing bars into monthly chunks, and moving live candles there."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.bars import MONDAY, random_bars
from tests.factories import make_symbol
from tests.selectors.test_bars import assert_same, live
from trading.engine.bars import bars_join
from trading.engine.chunks import bars_digest
from trading.engine.types import EngineError
from trading.models import BarChunk, Candle, Symbol
from trading.selectors.bars import bars_between, chunks_verify
from trading.services.bars import StoreResult, bars_store, candles_compact

pytestmark = pytest.mark.django_db


@pytest.fixture
def symbol() -> Symbol:
    return make_symbol(source="history", name="EURUSD")


def test_each_calendar_month_is_one_chunk(symbol: Symbol) -> None:
    bars = random_bars(24 * 40, start=MONDAY + 20 * 86400)
    assert bars_store(symbol=symbol, timeframe="H1", bars=bars) == StoreResult(added=960)
    months = BarChunk.objects.order_by("month").values_list("month", "rows", "first", "last")
    assert list(months) == [
        (date(2024, 1, 1), 264, moment(2024, 1, 21), moment(2024, 1, 31, 23)),
        (date(2024, 2, 1), 696, moment(2024, 2, 1), moment(2024, 2, 29, 23)),
    ]


def moment(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def test_storing_the_same_bars_again_changes_nothing(symbol: Symbol) -> None:
    bars = random_bars(1000)
    bars_store(symbol=symbol, timeframe="H1", bars=bars)
    before = list(BarChunk.objects.values())
    again = bars_store(symbol=symbol, timeframe="H1", bars=bars)
    assert again == StoreResult(identical=1000)
    assert list(BarChunk.objects.values()) == before


def test_newer_bars_are_added_and_changed_ones_replaced(symbol: Symbol) -> None:
    bars = random_bars(1000)
    bars_store(symbol=symbol, timeframe="H1", bars=bars.slice(0, 900))
    bars.volume[899] += 1
    result = bars_store(symbol=symbol, timeframe="H1", bars=bars.slice(800))
    assert result == StoreResult(added=100, identical=99, revised=1)
    assert_same(bars_between(symbol=symbol, timeframe="H1"), bars)
    assert chunks_verify(symbol=symbol, timeframe="H1") == 1000


def test_series_are_kept_apart(symbol: Symbol) -> None:
    hours, minutes = random_bars(50), random_bars(50, seconds=60, seed=2)
    other = make_symbol(source="history", name="GBPUSD")
    bars_store(symbol=symbol, timeframe="H1", bars=hours)
    bars_store(symbol=symbol, timeframe="M1", bars=minutes)
    bars_store(symbol=other, timeframe="H1", bars=hours.slice(0, 7))
    assert_same(bars_between(symbol=symbol, timeframe="H1"), hours)
    assert_same(bars_between(symbol=symbol, timeframe="M1"), minutes)
    assert_same(bars_between(symbol=other, timeframe="H1"), hours.slice(0, 7))


def test_bars_out_of_order_are_refused_whole(symbol: Symbol) -> None:
    bars = random_bars(1000)
    muddled = bars_join([bars, bars.slice(3, 4)])
    with pytest.raises(EngineError, match="Expected bars in order"):
        bars_store(symbol=symbol, timeframe="H1", bars=muddled)
    assert not BarChunk.objects.exists()


def test_storing_nothing_is_nothing(symbol: Symbol) -> None:
    result = bars_store(symbol=symbol, timeframe="H1", bars=random_bars(0))
    assert result == StoreResult()


def test_compaction_moves_old_candles_and_reads_the_same(symbol: Symbol) -> None:
    bars = random_bars(800)
    bars_store(symbol=symbol, timeframe="H1", bars=bars.slice(0, 700))
    live(symbol, bars.slice(690))
    cut = datetime.fromtimestamp(MONDAY, UTC) + timedelta(hours=790)
    assert candles_compact(symbol=symbol, timeframe="H1", before=cut) == 100
    assert Candle.objects.count() == 10
    assert_same(bars_between(symbol=symbol, timeframe="H1"), bars)
    assert chunks_verify(symbol=symbol, timeframe="H1") == 790


def test_compaction_keeps_the_chunks_bar(symbol: Symbol) -> None:
    bars_store(symbol=symbol, timeframe="H1", bars=random_bars(10))
    live(symbol, random_bars(10, seed=5))
    before = bars_between(symbol=symbol, timeframe="H1")
    cut = datetime.fromtimestamp(MONDAY, UTC) + timedelta(hours=10)
    candles_compact(symbol=symbol, timeframe="H1", before=cut)
    assert_same(bars_between(symbol=symbol, timeframe="H1"), before)


def test_compaction_goes_step_by_step(symbol: Symbol) -> None:
    bars = random_bars(10)
    live(symbol, bars)
    cut = datetime.fromtimestamp(MONDAY, UTC) + timedelta(days=1)
    moved = [candles_compact(symbol=symbol, timeframe="H1", before=cut, limit=7) for _ in range(3)]
    assert moved == [7, 3, 0]
    assert_same(bars_between(symbol=symbol, timeframe="H1"), bars)


def test_the_checksum_is_of_the_bars(symbol: Symbol) -> None:
    bars = random_bars(100)
    bars_store(symbol=symbol, timeframe="H1", bars=bars)
    assert BarChunk.objects.get().sha256 == bars_digest(bars)

"""The simulated market: a pure function of seed, symbol and time, and a plausible one."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from trading.brokers.market import SIMULATED_SYMBOLS, SimulatedMarket
from trading.brokers.market.sessions import NEW_YORK
from trading.engine.types import TIMEFRAMES, EngineError, Quote

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
FRIDAY_CLOSE = datetime(2026, 3, 6, 22, tzinfo=UTC)  # 17:00 New York, winter time
SUNDAY_OPEN = datetime(2026, 3, 8, 21, tzinfo=UTC)  # 17:00 New York, summer time since that morning
MARKET = SimulatedMarket(seed=7)

questions = st.tuples(
    st.sampled_from(sorted(SIMULATED_SYMBOLS)),
    st.datetimes(datetime(2025, 12, 1), datetime(2026, 3, 1), timezones=st.just(UTC)),  # noqa: DTZ001  zone: timezones
)


def quotes(market: SimulatedMarket, asked: list[tuple[str, datetime]]) -> list[Quote]:
    return [market.quote(symbol, at) for symbol, at in asked]


@settings(max_examples=20, deadline=None)
@given(st.lists(questions, min_size=1, max_size=6))
def test_prices_do_not_depend_on_what_was_asked_before(asked: list[tuple[str, datetime]]) -> None:
    fresh = quotes(SimulatedMarket(seed=7), asked)
    assert quotes(MARKET, asked) == fresh
    assert quotes(MARKET, asked[::-1]) == fresh[::-1]


def test_another_process_sees_the_same_prices() -> None:
    code = (
        "from datetime import UTC, datetime; from trading.brokers.market import SimulatedMarket; "
        "print(repr(SimulatedMarket(seed=7).quote('XAUUSD', datetime(2026, 3, 2, tzinfo=UTC))))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == repr(MARKET.quote("XAUUSD", MONDAY))


def test_another_seed_gives_other_prices() -> None:
    ours = MARKET.ticks("EURUSD", MONDAY, MONDAY + timedelta(hours=1))
    theirs = SimulatedMarket(seed=8).ticks("EURUSD", MONDAY, MONDAY + timedelta(hours=1))
    assert not set(ours.bids.tolist()) & set(theirs.bids.tolist())


def test_symbols_do_not_move_alike() -> None:
    week = (MONDAY, MONDAY + timedelta(days=5))
    moves = [np.diff(np.log(MARKET.bars(s, "H1", *week).close)) for s in MARKET.symbols]
    correlations = np.corrcoef(moves) - np.eye(len(moves))
    assert np.abs(correlations).max() < 0.5


@pytest.mark.parametrize("symbol", SIMULATED_SYMBOLS)
def test_quotes_lie_on_the_grid_with_a_positive_spread(symbol: str) -> None:
    tick = SIMULATED_SYMBOLS[symbol].instrument.tick_size
    for hours in range(120):
        quote = MARKET.quote(symbol, MONDAY + timedelta(hours=hours))
        assert quote.bid % tick == 0 == quote.ask % tick
        assert quote.bid > 0
        assert quote.spread >= tick


def test_ticks_are_the_floats_nearest_to_the_quotes() -> None:
    times, bids, spreads = MARKET.ticks("XAUUSD", MONDAY, MONDAY + timedelta(minutes=10))
    assert len(times) > 50
    for time, bid, spread in zip(times.tolist(), bids.tolist(), spreads.tolist(), strict=True):
        quote = MARKET.quote("XAUUSD", datetime.fromtimestamp(time, UTC))
        assert (float(quote.bid), float(quote.spread)) == (bid, spread)


def test_ticks_end_before_the_end_and_join_without_a_seam() -> None:
    start, middle, end = (FRIDAY_CLOSE + timedelta(hours=h) for h in (-30, -24, 60))
    whole = MARKET.ticks("EURUSD", start, end)
    parts = MARKET.ticks("EURUSD", start, middle), MARKET.ticks("EURUSD", middle, end)
    for column, first, second in zip(whole, *parts, strict=True):
        assert column.tolist() == [*first.tolist(), *second.tolist()]
    assert np.all(np.diff(whole.times) > 0)


def test_nothing_moves_between_friday_and_sunday() -> None:
    assert not len(MARKET.ticks("EURUSD", FRIDAY_CLOSE, SUNDAY_OPEN).times)
    assert MARKET.is_open(FRIDAY_CLOSE - timedelta(seconds=1))
    assert not MARKET.is_open(FRIDAY_CLOSE)
    assert not MARKET.is_open(SUNDAY_OPEN - timedelta(seconds=1))
    assert MARKET.is_open(SUNDAY_OPEN)
    saturday = FRIDAY_CLOSE + timedelta(days=1)
    assert MARKET.quote("EURUSD", saturday).time < FRIDAY_CLOSE


def test_the_next_opening_is_now_or_on_sunday() -> None:
    assert MARKET.next_open(FRIDAY_CLOSE) == SUNDAY_OPEN
    assert MARKET.next_open(SUNDAY_OPEN) == SUNDAY_OPEN
    assert MARKET.next_open(MONDAY) == MONDAY


def test_the_week_opens_with_a_gap() -> None:
    openings = [SUNDAY_OPEN + timedelta(weeks=w) for w in range(20)]
    before = [MARKET.quote("XAUUSD", at - timedelta(hours=1)).bid for at in openings]
    after = [MARKET.quote("XAUUSD", at + timedelta(minutes=1)).bid for at in openings]
    gaps = [abs(b / a - 1) for a, b in zip(before, after, strict=True)]
    assert sorted(gaps)[10] > Decimal("0.0005")
    assert max(gaps) < Decimal("0.05")


def test_spreads_widen_at_the_rollover_and_at_the_opening_of_the_week() -> None:
    rollover = datetime(2026, 3, 3, 17, tzinfo=NEW_YORK)
    usual = mean_spread(rollover - timedelta(hours=6))
    assert 3 * usual <= mean_spread(rollover) <= 14 * usual
    assert 3 * usual <= mean_spread(rollover - timedelta(days=2)) <= 14 * usual
    asia = mean_spread(rollover + timedelta(hours=3))
    assert usual < asia < 2.5 * usual


def mean_spread(at: datetime) -> float:
    """Over twenty weeks, within four minutes of this time in New York."""
    minutes = timedelta(minutes=4)
    weeks = [at + timedelta(weeks=w) for w in range(20)]
    return float(
        np.mean([MARKET.ticks("EURUSD", w - minutes, w + minutes).spreads.mean() for w in weeks])
    )


def test_london_and_new_york_are_livelier_than_asia() -> None:
    bars = MARKET.bars("EURUSD", "H1", MONDAY, MONDAY + timedelta(days=60))
    hour = bars.time % 86_400 // 3600
    asia, overlap = hour < 5, (hour >= 13) & (hour < 16)
    assert bars.volume[overlap].mean() > 1.5 * bars.volume[asia].mean()
    ranges = bars.high - bars.low
    assert ranges[overlap].mean() > 1.5 * ranges[asia].mean()


def test_days_come_in_regimes_with_fat_tails() -> None:
    bars = MARKET.bars("EURUSD", "D1", MONDAY - timedelta(days=365), MONDAY)
    ranges = np.log(bars.high / bars.low)[np.diff(bars.time, append=0) == 86_400]
    assert np.quantile(ranges, 0.9) > 2 * np.quantile(ranges, 0.1)
    minutes = MARKET.bars("EURUSD", "M1", MONDAY, MONDAY + timedelta(days=5))
    moves = np.diff(np.log(minutes.close))
    assert np.mean((moves / moves.std()) ** 4) > 4  # 3 for a normal distribution


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_bars_are_valid_and_aligned(timeframe: str) -> None:
    bars = MARKET.bars("USDJPY", timeframe, MONDAY, MONDAY + timedelta(days=12))
    assert np.all(bars.time % TIMEFRAMES[timeframe] == 0)
    assert np.all(np.diff(bars.time) > 0)
    assert np.all(bars.low <= np.minimum(bars.open, bars.close))
    assert np.all(np.maximum(bars.open, bars.close) <= bars.high)
    assert np.all(bars.low > 0)
    assert np.all(bars.volume >= 1)
    assert np.all(bars.spread > 0)


def test_bars_of_a_range_open_inside_it() -> None:
    start, end = MONDAY + timedelta(minutes=3), MONDAY + timedelta(minutes=20, seconds=1)
    bars = MARKET.bars("EURUSD", "M5", start, end)
    opens = [int(MONDAY.timestamp()) + 300 * n for n in (1, 2, 3, 4)]
    assert bars.time.tolist() == opens
    assert not len(MARKET.bars("EURUSD", "M5", start, start + timedelta(minutes=1)))
    assert not len(MARKET.bars("EURUSD", "M5", end, start))


def test_hours_are_made_of_their_minutes() -> None:
    hours = MARKET.bars("GBPUSD", "H1", MONDAY, MONDAY + timedelta(days=2))
    minutes = MARKET.bars("GBPUSD", "M1", MONDAY, MONDAY + timedelta(days=2))
    bucket = minutes.time // 3600 * 3600
    for row, time in enumerate(hours.time):
        inside = bucket == time
        assert hours.high[row] == minutes.high[inside].max()
        assert hours.low[row] == minutes.low[inside].min()
        assert hours.close[row] == minutes.close[inside][-1]
        assert hours.volume[row] == minutes.volume[inside].sum()


@pytest.mark.parametrize("symbol", SIMULATED_SYMBOLS)
def test_decades_stay_plausible(symbol: str) -> None:
    start = float(SIMULATED_SYMBOLS[symbol].start_price)
    for year in range(2001, 2190, 7):
        bid = float(MARKET.quote(symbol, datetime(year, 6, 1, tzinfo=UTC)).bid)
        assert start / 2.5 < bid < start * 2.5


def test_what_it_cannot_answer_is_refused() -> None:
    with pytest.raises(EngineError, match=r"Expected one of EURUSD, .*was 'EURCHF'"):
        MARKET.quote("EURCHF", MONDAY)
    with pytest.raises(EngineError, match="with a time zone"):
        MARKET.quote("EURUSD", MONDAY.replace(tzinfo=None))
    with pytest.raises(EngineError, match="Expected a time from 2000-01-02 to 2199"):
        MARKET.quote("EURUSD", datetime(1999, 12, 31, tzinfo=UTC))
    with pytest.raises(EngineError, match=r"Expected a timeframe of M1, .*was 'M2'"):
        MARKET.bars("EURUSD", "M2", MONDAY, MONDAY)
    with pytest.raises(EngineError, match="Expected a seed"):
        SimulatedMarket(seed=-1)

"""The stream of the simulated market: nothing lost, in order, and a clock that never leaps."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, count, repeat
from threading import current_thread

import pytest
import structlog

from tests.processes import wait_for
from trading.brokers.base import Unavailable
from trading.brokers.market import SimulatedMarket, SimulatedStream
from trading.engine.bars import Bar, BarBuilder, bars_of
from trading.engine.types import BAR_COLUMNS, EngineError, Quote

MARKET = SimulatedMarket(seed=3)
SYMBOLS = ("XAUUSD", "EURUSD", "GBPUSD")
WEDNESDAY = datetime(2026, 3, 4, 21, 50, tzinfo=UTC)  # ten minutes before the rollover
FRIDAY = datetime(2026, 3, 6, 21, 59, tzinfo=UTC)  # a minute before the close
SUNDAY_OPEN = datetime(2026, 3, 8, 21, tzinfo=UTC)


def ticking(*seconds: float) -> Callable[[], float]:
    """A wall clock that moves on by these steps, one at every look, and then stands still."""
    readings = _readings(seconds)
    return lambda: next(readings)


def _readings(steps: tuple[float, ...]) -> Iterator[float]:
    reading = 0.0
    for step in chain([0.0], steps, repeat(0.0)):
        reading += step
        yield reading


def hurrying() -> Callable[[], float]:
    """A wall clock on which two seconds pass at every look."""
    readings = count(0.0, 2.0)
    return lambda: next(readings)


def streamed(stream: SimulatedStream, until: datetime) -> list[Quote]:
    """What the stream delivers until its clock has passed `until`."""
    received: list[Quote] = []
    stream.start(SYMBOLS, received.append)
    try:
        assert wait_for(lambda: stream.now() >= until)
    finally:
        stream.stop()
    return received


def expected(start: datetime, end: datetime) -> list[Quote]:
    """Every quote of the symbols from `start` to before `end`, in the order promised."""
    ticks = [
        (time, rank, symbol)
        for rank, symbol in enumerate(SYMBOLS)
        for time in MARKET.ticks(symbol, start, end).times.tolist()
    ]
    return [MARKET.quote(s, datetime.fromtimestamp(t, UTC)) for t, _, s in sorted(ticks)]


def test_every_tick_arrives_once_and_in_order() -> None:
    stream = SimulatedStream(MARKET, WEDNESDAY, speed=120, wall=hurrying())
    received = streamed(stream, WEDNESDAY + timedelta(hours=1))
    assert received == expected(WEDNESDAY, stream.now())


def test_a_real_clock_delivers_the_same() -> None:
    stream = SimulatedStream(MARKET, WEDNESDAY, speed=2_000)
    received = streamed(stream, WEDNESDAY + timedelta(minutes=15))
    assert received == expected(WEDNESDAY, stream.now())


@pytest.mark.parametrize("timeframe", ["M1", "M15", "H1"])
def test_bars_built_from_the_stream_are_those_of_history(timeframe: str) -> None:
    builder, closed = BarBuilder(timeframe), list[Bar | None]()
    stream = SimulatedStream(MARKET, FRIDAY - timedelta(hours=3), speed=1000, wall=hurrying())
    for quote in streamed(stream, SUNDAY_OPEN + timedelta(hours=1)):
        if quote.symbol == "EURUSD":
            tick = quote.time.timestamp(), float(quote.bid), float(quote.spread)
            closed.append(builder.add(*tick))
    built = bars_of([bar for bar in closed if bar is not None])
    first, last = (datetime.fromtimestamp(built.time[row], UTC) for row in (0, -1))
    history = MARKET.bars("EURUSD", timeframe, first, last + timedelta(seconds=1))
    for column in BAR_COLUMNS:
        # the stream began in the middle of the first bar
        assert getattr(built, column)[1:].tolist() == getattr(history, column)[1:].tolist()


def test_a_restart_repeats_and_misses_nothing() -> None:
    at, received = WEDNESDAY + timedelta(seconds=0.5), list[Quote]()
    for _ in range(5):
        stream = SimulatedStream(MARKET, at, speed=30, wall=hurrying())
        received += streamed(stream, at + timedelta(minutes=4))
        at = stream.now()
    assert received == expected(WEDNESDAY + timedelta(seconds=0.5), at)


def test_a_stopped_stream_can_go_on() -> None:
    stream = SimulatedStream(MARKET, WEDNESDAY, speed=30, wall=hurrying())
    received = streamed(stream, WEDNESDAY + timedelta(minutes=1))
    rested = stream.now()
    received += streamed(stream, rested + timedelta(minutes=1))
    assert received == expected(WEDNESDAY, stream.now())


def test_inside_the_callback_the_clock_shows_the_time_of_the_quote() -> None:
    stream = SimulatedStream(MARKET, WEDNESDAY, speed=30, wall=hurrying())
    seen: list[tuple[datetime, datetime]] = []
    stream.start(SYMBOLS, lambda quote: seen.append((quote.time, stream.now())))
    assert wait_for(lambda: len(seen) > 50)
    stream.stop()
    assert all(time == now for time, now in seen)


def test_the_weekend_is_skipped() -> None:
    stream = SimulatedStream(MARKET, FRIDAY, speed=8, wall=hurrying())
    received = streamed(stream, SUNDAY_OPEN + timedelta(seconds=30))
    assert received == expected(FRIDAY, stream.now())
    assert {quote.time.weekday() for quote in received} == {4, 6}
    assert stream.now() < SUNDAY_OPEN + timedelta(minutes=1)


def test_a_stream_started_on_saturday_begins_on_sunday() -> None:
    saturday = FRIDAY + timedelta(days=1)
    assert SimulatedStream(MARKET, saturday).now() == SUNDAY_OPEN
    assert SimulatedStream(MARKET, saturday, skip_closed=False).now() == saturday


def test_closed_hours_pass_in_silence_when_they_are_not_skipped() -> None:
    stream = SimulatedStream(MARKET, FRIDAY, speed=1000, skip_closed=False, wall=hurrying())
    received = streamed(stream, FRIDAY + timedelta(hours=2))
    assert received == expected(FRIDAY, FRIDAY + timedelta(minutes=1))
    assert stream.now() < SUNDAY_OPEN


def test_a_stalled_process_does_not_make_the_clock_leap() -> None:
    wall = ticking(1.0, 3600.0, 1.0, 5.5, 0.5)
    stream = SimulatedStream(MARKET, WEDNESDAY, speed=30, wall=wall)
    received = streamed(stream, WEDNESDAY + timedelta(seconds=75))
    assert stream.now() == WEDNESDAY + timedelta(seconds=75)
    assert received == expected(WEDNESDAY, stream.now())


def test_a_short_delay_is_made_up_for() -> None:
    stream = SimulatedStream(MARKET, WEDNESDAY, speed=30, wall=ticking(4.5))
    received = streamed(stream, WEDNESDAY + timedelta(seconds=135))
    assert received == expected(WEDNESDAY, WEDNESDAY + timedelta(seconds=135))


def test_stop_waits_for_the_callback_and_may_come_twice() -> None:
    stream = SimulatedStream(MARKET, WEDNESDAY, speed=120, wall=hurrying())
    received = streamed(stream, WEDNESDAY + timedelta(minutes=1))
    delivered = len(received)
    clock = stream.now()
    stream.stop()
    assert (len(received), stream.now()) == (delivered, clock)


def test_the_callback_may_stop_the_stream() -> None:
    stream = SimulatedStream(MARKET, WEDNESDAY, speed=120, wall=hurrying())
    threads: list[object] = []

    def stop_at_once(quote: Quote) -> None:
        threads.append(current_thread())
        stream.stop()

    stream.start(["EURUSD"], stop_at_once)
    assert wait_for(lambda: threads and not getattr(threads[0], "is_alive", bool)())
    assert len(threads) == 1


def test_an_error_of_the_callback_is_logged_and_the_market_goes_on() -> None:
    stream = SimulatedStream(MARKET, WEDNESDAY, speed=30, wall=hurrying())
    calls: list[Quote] = []

    def fail(quote: Quote) -> None:
        calls.append(quote)
        raise ValueError("no room")

    with structlog.testing.capture_logs() as logs:
        stream.start(["EURUSD"], fail)
        assert wait_for(lambda: len(calls) > 3)
        stream.stop()
    assert {entry["event"] for entry in logs} == {"quote callback failed"}


def test_history_ends_with_the_last_closed_bar() -> None:
    now = WEDNESDAY + timedelta(minutes=7, seconds=59)
    stream = SimulatedStream(MARKET, now)
    start = WEDNESDAY - timedelta(days=1)
    bars = stream.history("EURUSD", "M5", start, now + timedelta(days=1))
    assert bars.time[-1] == (WEDNESDAY).timestamp()
    assert bars.close.tolist() == MARKET.bars("EURUSD", "M5", start, now).close.tolist()[:-1]
    at_close = SimulatedStream(MARKET, WEDNESDAY + timedelta(minutes=10))
    assert len(at_close.history("EURUSD", "M5", WEDNESDAY, now)) == 2


def test_history_of_an_unknown_symbol_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="was 'EURCHF'"):
        SimulatedStream(MARKET, WEDNESDAY).history("EURCHF", "M5", WEDNESDAY, WEDNESDAY)


def test_a_wrong_start_is_refused() -> None:
    stream = SimulatedStream(MARKET, WEDNESDAY)
    with pytest.raises(EngineError, match="was 'EURCHF'"):
        stream.start(["EURUSD", "EURCHF"], print)
    with pytest.raises(EngineError, match="Expected a speed > 0"):
        SimulatedStream(MARKET, WEDNESDAY, speed=0)
    stream.start([], print)
    with pytest.raises(EngineError, match="was a running one"):
        stream.start(["EURUSD"], print)
    stream.stop()

"""The process: events, its market, its manners."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.brokers.venue.running import LONG_AGO, Site, entry, venue_process
from tests.desk import NOON
from tests.processes import wait_for
from trading.brokers.base import Unavailable
from trading.brokers.venue import Faults, VenueAdmin, VenueBroker, VenueStream
from trading.brokers.venue.zigzag import zigzag_quote
from trading.engine.bars import Bar, BarBuilder, bars_of
from trading.engine.strategies import build
from trading.engine.types import BAR_COLUMNS, EngineError, ExitReason, Fill, OrderKind, Quote


@pytest.fixture(scope="module")
def running_market() -> Iterator[str]:
    """A venue with twenty bars a second."""
    with venue_process("--speed", "1200", "--start", NOON.isoformat()) as address:
        yield address


def listening(site: Site) -> None:
    """Let the broker subscribe and wait until it has."""
    site.broker.feed([])
    assert wait_for(lambda: site.broker.is_listening)


def events(site: Site, count: int) -> list[Fill]:
    """What is pushed until `count` executions have come."""
    received: list[Fill] = []

    def enough() -> bool:
        received.extend(site.broker.feed([]))
        return len(received) >= count

    assert wait_for(enough)
    return received


def ask(address: str, sent: bytes) -> bytes:
    """What the server writes back to these bytes."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").readline()


def test_executions_are_pushed(site: Site) -> None:
    listening(site)
    receipt = site.broker.submit(entry())
    site.tick("1.09890")
    opened, stopped = events(site, 2)
    assert (opened,) == receipt.fills
    assert (stopped.reason, stopped.client_id) == (ExitReason.STOP, "client-1")
    assert [e["request"] is None for e in site.executions()] == [False, True]


def test_a_level_hit_without_a_listener_shows_in_the_snapshot(site: Site) -> None:
    site.broker.submit(entry())
    site.tick("1.10210")
    deals = site.broker.snapshot(LONG_AGO).deals
    assert [deal.reason for deal in deals] == [None, ExitReason.TAKE]
    assert site.broker.snapshot(NOON + timedelta(hours=1)).deals == ()


def test_an_event_may_come_twice_or_never(site: Site) -> None:
    listening(site)
    site.admin.set_faults(Faults(drop_event=1))
    site.broker.submit(entry("dropped"))
    site.admin.set_faults(Faults(duplicate_event=1))
    site.broker.submit(entry("doubled"))
    assert [fill.client_id for fill in events(site, 2)] == ["doubled", "doubled"]


def test_a_broken_event_connection_comes_back_by_itself(site: Site) -> None:
    listening(site)
    site.admin.set_faults(Faults(disconnect=1))
    site.broker.submit(entry("unheard"))
    assert wait_for(lambda: not site.broker.is_listening)
    site.admin.set_faults(Faults())
    assert wait_for(lambda: site.broker.is_listening)
    site.broker.submit(entry("heard"))
    assert [fill.client_id for fill in events(site, 1)] == ["heard"]


def test_a_resting_order_shows_and_its_execution_belongs_to_its_request(site: Site) -> None:
    price, until = Decimal("1.10100"), NOON + timedelta(hours=1)
    take = Decimal("1.10900")
    site.broker.submit(entry(kind=OrderKind.STOP, price=price, expires_at=until, take=take))
    (order,) = site.broker.snapshot(LONG_AGO).orders
    assert (order.client_id, order.price) == ("client-1", price)
    site.tick("1.10100")
    (executed,) = site.executions()
    assert executed["request"] == site.requests()[0]["number"]
    assert site.broker.cancel("client-1") is False


def test_the_same_entry_sent_twice_is_executed_twice(site: Site) -> None:
    site.broker.submit(entry())
    site.broker.submit(entry())
    assert len(site.broker.account().positions) == 2


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\n",
        b"\x00\xff\xfe\n",
        b"[1]\n",
        b"{}\n",
        b'{"op": ["now"]}\n',
        b'{"op": "account"}\n',
        b'{"op": "snapshot", "account": "a", "since": "yesterday"}\n',
        b'{"op": "submit", "account": "a", "request": {"lots": "NaN"}}\n',
        b'{"op": "close", "account": "a", "position_id": 7}\n',
        b'{"op": "subscribe", "symbols": ["EURCHF"]}\n',
        b'{"op": "set_faults", "faults": 3}\n',
        b'{"op": "tick", "symbol": "EURCHF"}\n',
        b"[" * 50_000 + b"\n",
    ],
)
def test_garbage_is_refused_and_survived(site: Site, sent: bytes) -> None:
    answer = json.loads(ask(site.address, sent))
    assert (answer["error"], answer["code"]) == ("rejected", "INVALID_REQUEST")
    assert site.broker.account().balance == Decimal(10_000)


@pytest.mark.parametrize("sent", [b"", b'{"op": "now"}', b"x" * 100_000, b'{"op": "subscribe"}\n'])
def test_half_a_line_or_a_sudden_end_is_survived(site: Site, sent: bytes) -> None:
    send_and_leave(site.address, sent)
    assert site.broker.account().balance == Decimal(10_000)


def send_and_leave(address: str, sent: bytes) -> None:
    """Write and go without reading."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(sent)


def quotes_of(address: str, symbol: str, count: int) -> list[Quote]:
    """The next quotes of a symbol."""
    received: list[Quote] = []
    stream = VenueStream(address)
    stream.start([symbol, "XAUUSD"], received.append)
    try:
        assert wait_for(lambda: len(received) >= 2 * count)
    finally:
        stream.stop()
    return [quote for quote in received if quote.symbol == symbol]


@pytest.mark.parametrize("timeframe", ["M1", "M5"])
def test_bars_built_from_the_quotes_are_those_of_history(
    running_market: str, timeframe: str
) -> None:
    builder, closed = BarBuilder(timeframe), list[Bar | None]()
    for quote in quotes_of(running_market, "EURUSD", 90):
        closed.append(builder.add(quote.time.timestamp(), float(quote.bid), float(quote.spread)))
    built = bars_of([bar for bar in closed if bar is not None])
    first, last = (datetime.fromtimestamp(built.time[row], UTC) for row in (0, -1))
    stream = VenueStream(running_market)
    history = stream.history("EURUSD", timeframe, first, last + timedelta(seconds=1))
    assert len(history) == len(built) >= 2
    for column in BAR_COLUMNS:
        # the stream began in the middle of the first bar
        assert getattr(built, column)[1:].tolist() == getattr(history, column)[1:].tolist()


def test_a_bar_begins_with_a_quote_and_has_several(running_market: str) -> None:
    quotes = quotes_of(running_market, "GBPUSD", 30)
    minutes = [quote.time.replace(second=0) for quote in quotes]
    second_bar = [q.time for q, m in zip(quotes, minutes, strict=True) if m == minutes[6]]
    assert second_bar[0].second == 0
    assert len(second_bar) == 6


def test_history_ends_with_the_last_closed_bar(running_market: str) -> None:
    stream = VenueStream(running_market)
    now = stream.now()
    bars = stream.history("EURUSD", "M1", now - timedelta(days=14), now + timedelta(days=1))
    assert now.timestamp() - 60 < bars.time[-1] + 60 <= stream.now().timestamp() + 60
    assert len(bars) >= 14 * 24 * 60 - 1
    with pytest.raises(Unavailable, match="was 'EURCHF'"):
        stream.history("EURCHF", "M1", now, now)


def test_a_trend_of_two_short_means_turns_around_at_every_bar(running_market: str) -> None:
    stream = VenueStream(running_market)
    bars = stream.history("EURUSD", "M1", NOON - timedelta(hours=12), stream.now())
    trend = build("ewma_trend", {"fast": 2, "slow": 3})
    sides = trend.signals(bars).side[-20:].tolist()
    assert sides in ([1, -1] * 10, [-1, 1] * 10)


def test_the_clock_runs_at_its_speed(running_market: str) -> None:
    near, far = VenueStream(running_market), VenueStream(running_market)
    first = near.now()
    assert near.speed == 1200
    assert wait_for(lambda: far.now() > first + timedelta(minutes=1), seconds=1)
    assert abs((near.now() - far.now()).total_seconds()) < 300


def test_a_pinned_price_holds_until_it_is_let_go(site: Site) -> None:
    site.admin.tick("GBPUSD", Decimal("1.20000"))
    site.admin.open_by_hand(site.account, symbol="GBPUSD")
    assert site.broker.account().positions[0].entry_price > Decimal("1.20000")
    site.admin.tick("GBPUSD", None)
    site.admin.open_by_hand(site.account, symbol="GBPUSD")
    bid = zigzag_quote("GBPUSD", NOON.timestamp(), 200).bid
    assert site.broker.account().positions[1].entry_price > bid


def test_a_stream_runs_once_and_knows_its_symbols(running_market: str) -> None:
    stream = VenueStream(running_market)
    with pytest.raises(EngineError, match="was 'EURCHF'"):
        stream.start(["EURCHF"], print)
    stream.start([], print)
    with pytest.raises(EngineError, match="was a running one"):
        stream.start([], print)
    stream.stop()
    stream.stop()


def test_a_new_account_has_the_balance_of_the_option_and_stop_ends_the_process() -> None:
    with venue_process("--balance", "500") as address:
        assert VenueBroker(address, "a").account().balance == Decimal(500)
        VenueAdmin(address).stop()
        assert wait_for(lambda: is_gone(address), seconds=5)


def is_gone(address: str) -> bool:
    try:
        VenueBroker(address, "a").account()
    except Unavailable:
        return True
    return False

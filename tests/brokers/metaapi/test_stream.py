"""A link through the real SDK, as long as nothing goes wrong."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.brokers.metaapi.linked import Desk, client_of
from tests.metaapi_emulator.running import EmulatorSite
from tests.metaapi_emulator.sdk import wait_for
from trading.brokers.base import Unavailable
from trading.brokers.metaapi.gateway import MetaApiStream
from trading.brokers.metaapi.stream import Hub, LinkState
from trading.engine.types import EngineError, Quote

HOUR = timedelta(hours=1)


def an_hour_ago() -> datetime:
    return datetime.now(UTC) - HOUR


def test_quotes_arrive_with_the_markets_own_time(desk: Desk) -> None:
    desk.site.pin(1.105)
    quote = wait_for(lambda: [q for q in desk.quotes if q.bid == Decimal("1.105")])[0]
    assert (quote.symbol, quote.ask) == ("EURUSD", Decimal("1.10506"))
    assert abs(datetime.now(UTC) - quote.time) < timedelta(seconds=5)


def test_quotes_of_symbols_that_are_added_arrive_too(desk: Desk) -> None:
    more: list[Quote] = []
    end = desk.link.subscribe(["USDJPY"], more.append)
    wait_for(lambda: more)
    assert {quote.symbol for quote in more} == {"USDJPY"}
    assert {quote.symbol for quote in desk.quotes} <= {"EURUSD"}
    end()
    count = len(more)
    desk.site.pin(149, "USDJPY")
    desk.site.pin(1.2)
    wait_for(lambda: desk.quotes[-1].bid == Decimal("1.2"))
    desk.site.pin(None, "USDJPY")
    assert len(more) == count


def test_an_unknown_symbol_does_not_keep_the_others_away(emulator: EmulatorSite, hub: Hub) -> None:
    desk = Desk(emulator, hub, emulator.open_account())
    desk.stream.start(["AAAAAA", "EURUSD"], desk.quotes.append)
    wait_for(lambda: desk.quotes)
    desk.stream.stop()


def test_a_position_opened_by_hand_is_seen_within_five_seconds(desk: Desk) -> None:
    opened = desk.hand()
    wait_for(desk.held, seconds=5)
    (seen,) = desk.broker.account().positions
    snapshot = desk.broker.snapshot(an_hour_ago())
    (position,), (deal,) = snapshot.account.positions, snapshot.deals
    assert (seen.id, position.id, deal.position_id) == (opened, opened, opened)
    assert seen.by_hand and position.by_hand and deal.by_hand
    assert snapshot.is_complete


def test_equity_follows_the_market(desk: Desk) -> None:
    desk.hand()
    wait_for(desk.held)
    desk.site.pin(1.10106)
    wait_for(lambda: desk.broker.account().equity == 10_010)
    assert desk.broker.account().balance == 10_000


def test_what_the_broker_executes_comes_as_fills_each_once(desk: Desk) -> None:
    position = desk.hand()
    desk.site.ask("hand/close", account=desk.account, position=position)
    fills = desk.fills(2)
    assert [(f.opens, f.position_id) for f in fills] == [(True, position), (False, position)]


def test_the_history_has_the_closed_bars_that_open_in_a_span(desk: Desk) -> None:
    end = desk.stream.now()
    start = end.replace(second=0, microsecond=0) - timedelta(minutes=1500)
    bars = desk.stream.history("EURUSD", "M1", start, end)
    assert (len(bars), bars.time[0]) == (1500, start.timestamp())
    assert bars.time[-1] + 60 <= desk.stream.now().timestamp()
    assert len(desk.stream.history("EURUSD", "M1", start, start)) == 0
    with pytest.raises(EngineError):
        desk.stream.history("EURUSD", "M2", start, end)


def test_the_clock_is_the_servers(desk: Desk) -> None:
    assert abs(desk.stream.now() - datetime.now(UTC)) < timedelta(seconds=2)
    assert desk.stream.speed == 1


def test_a_stream_runs_once_and_can_be_started_again(desk: Desk) -> None:
    with pytest.raises(EngineError):
        desk.stream.start(["EURUSD"], desk.quotes.append)
    desk.stream.stop()
    desk.stream.stop()
    assert desk.link.state is LinkState.DOWN
    with pytest.raises(Unavailable):
        desk.broker.account()
    desk.begin()
    desk.quotes.clear()
    desk.site.pin(1.107)
    wait_for(lambda: desk.quotes)


def test_a_link_that_was_never_started_knows_nothing(emulator: EmulatorSite, hub: Hub) -> None:
    desk = Desk(emulator, hub, emulator.open_account())
    assert desk.link.state is LinkState.CONNECTING
    for ask in (desk.broker.account, lambda: desk.broker.snapshot(an_hour_ago())):
        with pytest.raises(Unavailable):
            ask()
    assert desk.broker.feed([]) == []


def test_nobody_knows_the_clock_of_a_server_that_never_answered() -> None:
    dead = EmulatorSite("http://127.0.0.1:9")
    stream = MetaApiStream(None, client_of(dead, "a"))  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        stream.now()
    dead.http.close()


@pytest.mark.parametrize(
    ("kind", "action", "volume", "count"),
    [("mt4", "POSITION_PARTIAL", 0.04, 2), ("mt5-netting", "ORDER_TYPE_SELL", 0.3, 3)],
)
def test_a_part_and_a_reversal_come_as_a_snapshot_has_them(
    emulator: EmulatorSite, hub: Hub, kind: str, action: str, volume: float, count: int
) -> None:
    desk = Desk(emulator, hub, emulator.open_account(kind, has_costs=False))
    desk.begin()
    position = emulator.buy(desk.account, 0.1, clientId="c1")["positionId"]
    body = {"symbol": "EURUSD", "volume": volume, "positionId": position}
    emulator.trade(desk.account, action, **body)
    assert desk.fills(count) == list(desk.broker.snapshot(an_hour_ago()).deals)
    desk.stream.stop()

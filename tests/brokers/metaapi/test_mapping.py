"""Payloads as values of the engine."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brokers.metaapi.payloads import (
    MISSING,
    Payload,
    candle,
    closing,
    deal,
    information,
    order,
    position,
)
from trading.brokers.metaapi.mapping import (
    account_state,
    bars_of,
    fills_of,
    position_state,
    price_part,
    resting_order,
    reversed_positions,
    ticket_links,
)
from trading.brokers.metaapi.payload import PayloadError, parse
from trading.engine.types import BAR_COLUMNS, ExitReason, Fill, OrderKind

D = Decimal
NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)
JUNK = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), max_size=2)


def wire(payload: Any) -> Any:
    """The payload as it comes off the wire."""
    return parse(json.dumps(payload).encode())


def fills(*deals: Payload) -> tuple[Fill, ...]:
    return fills_of(wire(deals))


# --- the account


def test_account_information_is_the_money_of_the_account() -> None:
    state = account_state(wire(information(margin=MISSING)))
    assert (state.currency, state.balance, state.equity) == ("USD", D(10_000), D(10_010))
    assert (state.margin, state.leverage) == (D(0), 100)


@pytest.mark.parametrize("leverage", [MISSING, 0])
def test_the_leverage_we_know_serves_where_none_is_named(leverage: Any) -> None:
    assert account_state(wire(information(leverage=leverage)), leverage=30).leverage == 30


def test_a_position_has_its_side_levels_and_marks() -> None:
    state = position_state(wire(position()))
    assert (state.id, state.side, state.lots, state.entry_price) == ("7", 1, D("0.07"), D("1.1"))
    assert (state.stop, state.take, state.magic) == (D("1.09"), D("1.2"), 3)
    assert (state.client_id, state.opened_at) == ("client-1", NOON)
    assert (state.profit, state.swap, state.by_hand) == (D(12), D(-1), False)


def test_profit_and_swap_are_those_of_the_part_that_is_open() -> None:
    parts = {"unrealizedProfit": 5, "realizedProfit": 7, "unrealizedSwap": 0}
    state = position_state(wire(position(**parts)))
    assert (state.profit, state.swap) == (D(5), D(0))


@pytest.mark.parametrize(
    ("reason", "by_hand"),
    [
        ("POSITION_REASON_CLIENT", True),
        ("POSITION_REASON_MOBILE", True),
        ("POSITION_REASON_WEB", True),
        ("POSITION_REASON_EXPERT", False),
        ("POSITION_REASON_UNKNOWN", False),
        (MISSING, False),
    ],
)
def test_a_position_is_by_hand_where_the_broker_says_so(reason: Any, by_hand: bool) -> None:
    assert position_state(wire(position(reason=reason))).by_hand is by_hand


@pytest.mark.parametrize("level", [0, MISSING, None])
def test_no_stop_is_none(level: Any) -> None:
    state = position_state(wire(position(stopLoss=level, type="POSITION_TYPE_SELL")))
    assert (state.stop, state.take, state.side) == (None, D("1.2"), -1)


@pytest.mark.parametrize("name", ["id", "type", "symbol", "volume", "openPrice", "time"])
def test_a_position_without_what_matters_is_refused(name: str) -> None:
    with pytest.raises(PayloadError, match=f"position: expected '{name}', was absent; keys "):
        position_state(wire(position(**{name: MISSING})))


@given(st.sampled_from(sorted(position())), JUNK)
def test_any_junk_in_a_position_is_read_or_refused(name: str, junk: Any) -> None:
    try:
        position_state(wire(position(**{name: junk}, surprise=junk)))
    except PayloadError as e:
        assert f"'{name}'" in str(e)


@given(st.integers(1, 10_000), st.integers(1, 10**7), st.sampled_from([1, -1]), st.integers(0))
def test_lots_and_prices_of_a_position_are_exactly_those_sent(
    steps: int, ticks: int, side: int, magic: int
) -> None:
    lots, price = D(steps).scaleb(-2), D(ticks).scaleb(-5)
    kind = f"POSITION_TYPE_{'BUY' if side == 1 else 'SELL'}"
    sent = {"volume": float(lots), "openPrice": float(price), "stopLoss": float(price)}
    state = position_state(wire(position(**sent, type=kind, magic=magic % 2**31)))
    assert (state.lots, state.entry_price, state.stop, state.side) == (lots, price, price, side)


# --- pending orders


@pytest.mark.parametrize(
    ("kind", "side", "expected"),
    [
        ("BUY_STOP", 1, OrderKind.STOP),
        ("SELL_STOP", -1, OrderKind.STOP),
        ("BUY_LIMIT", 1, OrderKind.LIMIT),
        ("SELL_LIMIT", -1, OrderKind.LIMIT),
        ("SELL_STOP_LIMIT", -1, OrderKind.STOP),
    ],
)
def test_a_pending_order_has_its_kind_and_side(kind: str, side: int, expected: OrderKind) -> None:
    found = resting_order(wire(order(type=f"ORDER_TYPE_{kind}")))
    assert found is not None
    assert (found.id, found.side, found.kind, found.price) == ("8", side, expected, D("1.11"))
    assert (found.client_id, found.magic, found.stop) == ("client-2", 3, None)


@pytest.mark.parametrize(("left", "lots"), [(0.04, "0.04"), (0, "0.1"), (MISSING, "0.1")])
def test_the_lots_of_an_order_are_those_that_remain(left: Any, lots: str) -> None:
    found = resting_order(wire(order(currentVolume=left)))
    assert found is not None
    assert found.lots == D(lots)


def test_a_market_order_under_way_is_shown_and_a_close_by_is_not() -> None:
    under_way = resting_order(wire(order(type="ORDER_TYPE_SELL", openPrice=0)))
    assert under_way is not None
    assert (under_way.kind, under_way.price) == (OrderKind.MARKET, D("1.1"))
    assert resting_order(wire(order(type="ORDER_TYPE_CLOSE_BY"))) is None


@pytest.mark.parametrize("change", [{"openPrice": MISSING}, {"openPrice": 0}, {"type": "NEW"}])
def test_an_order_without_price_or_of_another_type_is_refused(change: Payload) -> None:
    with pytest.raises(PayloadError, match="order: expected"):
        resting_order(wire(order(**change)))


# --- deals


def test_a_deal_opens_and_another_closes_the_position() -> None:
    opened, closed = fills(closing(clientId="TE_7_x"), deal())
    assert (opened.opens, opened.side, opened.lots, opened.price) == (
        True,
        1,
        D("0.1"),
        D("1.10012"),
    )
    assert (opened.reason, opened.commission, opened.at) == (None, D("0.25"), NOON)
    assert (closed.opens, closed.side, closed.profit) == (False, 1, D(10))
    assert (closed.reason, closed.client_id) == (ExitReason.SIGNAL, "client-1")


@pytest.mark.parametrize(
    ("reason", "expected", "by_hand"),
    [
        ("SL", ExitReason.STOP, False),
        ("TP", ExitReason.TAKE, False),
        ("SO", ExitReason.STOP_OUT, False),
        ("EXPERT", ExitReason.SIGNAL, False),
        ("CLIENT", ExitReason.MANUAL, True),
        ("MOBILE", ExitReason.MANUAL, True),
        ("WEB", ExitReason.MANUAL, True),
        ("ROLLOVER", ExitReason.MANUAL, False),
        ("UNKNOWN", ExitReason.SIGNAL, False),
    ],
)
def test_the_reason_of_a_close_is_the_brokers(
    reason: str, expected: ExitReason, by_hand: bool
) -> None:
    (fill,) = fills(closing(reason=f"DEAL_REASON_{reason}"))
    assert (fill.reason, fill.by_hand) == (expected, by_hand)


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("[sl]", ExitReason.STOP),
        ("client-1[tp]", ExitReason.TAKE),
        ("[sl 1.09]", ExitReason.STOP),
        ("so: 49.2%/12/24", ExitReason.STOP_OUT),
        ("solid", ExitReason.SIGNAL),
        (MISSING, ExitReason.SIGNAL),
    ],
)
def test_without_reasons_the_comment_tells_what_closed(comment: Any, expected: ExitReason) -> None:
    (fill,) = fills(closing(reason=MISSING, comment=comment))
    assert (fill.reason, fill.by_hand) == (expected, False)


def test_a_close_by_an_opposite_position_closes_the_side_it_names() -> None:
    (fill,) = fills(closing(entryType="DEAL_ENTRY_OUT_BY", type="DEAL_TYPE_BUY"))
    assert (fill.opens, fill.side) == (False, -1)


@pytest.mark.parametrize("kind", ["BALANCE", "CREDIT", "COMMISSION", "TAX", "SOMETHING_NEW"])
def test_deals_that_trade_nothing_are_left_out(kind: str) -> None:
    assert fills({"id": 5, "type": f"DEAL_TYPE_{kind}", "profit": 100}) == ()


def test_a_deal_that_comes_twice_is_one_fill() -> None:
    assert len(fills(deal(), closing(), deal())) == 2


def test_a_deal_of_an_unknown_entry_is_refused() -> None:
    with pytest.raises(PayloadError, match="expected 'entryType' to be one of DEAL_ENTRY_IN"):
        fills(deal(entryType="DEAL_ENTRY_STATE"))


REVERSAL = closing(entryType="DEAL_ENTRY_INOUT", volume=0.3, commission=-0.75, swap=-2)


def test_a_reversal_closes_what_was_open_and_opens_the_rest() -> None:
    _, closed, opened = fills(deal(), REVERSAL)
    assert (closed.side, closed.opens, closed.lots) == (1, False, D("0.1"))
    assert (opened.side, opened.opens, opened.lots) == (-1, True, D("0.2"))
    assert (closed.profit, closed.swap, opened.profit, opened.swap) == (D(10), D(-2), D(0), D(0))
    assert (closed.commission, opened.commission) == (D("0.25"), D("0.50"))
    assert (closed.deal_id, opened.deal_id) == ("101", "101/in")
    assert (closed.reason, opened.reason) == (ExitReason.SIGNAL, None)
    assert closed.at < opened.at < closed.at + timedelta(milliseconds=1)


def test_a_reversal_without_its_history_is_refused() -> None:
    with pytest.raises(PayloadError, match="deal 101: expected the earlier deals of position 7"):
        fills(REVERSAL)
    assert reversed_positions(wire([deal(), REVERSAL])) == {"7"}
    assert reversed_positions(wire([deal(), closing()])) == frozenset()


@given(st.lists(st.integers(-20, 20).filter(bool), min_size=1, max_size=8))
def test_the_fills_of_a_netting_position_add_up_to_what_was_dealt(steps: list[int]) -> None:
    deals, held = [], 0
    for number, step in enumerate(steps):
        deals.append(_netted(number, held, step))
        held += step
    found = fills(*deals)
    signed = (f.side * (f.lots if f.opens else -f.lots) for f in found)
    assert sum(signed) == D(held).scaleb(-2)
    assert sum(f.commission for f in found) == D(len(steps)) / 4
    assert len({f.deal_id for f in found}) == len(found)


def _netted(number: int, held: int, step: int) -> Payload:
    entry = "IN" if held * step >= 0 else "OUT" if abs(step) <= abs(held) else "INOUT"
    return deal(
        id=str(number),
        type=f"DEAL_TYPE_{'BUY' if step > 0 else 'SELL'}",
        entryType=f"DEAL_ENTRY_{entry}",
        volume=float(D(abs(step)).scaleb(-2)),
        time=f"2026-01-14T12:{number:02}:00.000Z",
    )


# --- partial closes of MetaTrader 4


def test_the_rest_of_a_partial_close_leads_back_to_the_first_ticket() -> None:
    given = [
        position(id="30", comment="from #20"),
        closing(positionId="10", comment="to #20"),
        closing(id="102", positionId="20", brokerComment="to #30"),
        position(id="40", comment="from above"),
    ]
    assert ticket_links(wire(given)) == {"20": "10", "30": "10"}


def test_tickets_that_lead_in_a_circle_end() -> None:
    given = [position(id="1", comment="from #2"), position(id="2", comment="from #1")]
    assert set(ticket_links(wire(given))) == {"1", "2"}


# --- prices


def test_a_price_is_a_quote_and_the_worth_of_a_tick() -> None:
    given = {"symbol": "EURUSD", "time": "2026-01-14T12:00:00Z", "bid": 1.1, "ask": 1.10012}
    part = price_part(wire({**given, "profitTickValue": 1.1, "lossTickValue": 0}))
    assert (part.quote.bid, part.quote.ask, part.quote.time) == (D("1.1"), D("1.10012"), NOON)
    assert (part.profit_tick_value, part.loss_tick_value) == (D("1.1"), None)


def test_a_price_that_is_none_is_refused() -> None:
    given = {"symbol": "EURUSD", "time": "2026-01-14T12:00:00Z", "bid": 1.2, "ask": 1.1}
    with pytest.raises(PayloadError, match="price: EURUSD: expected 0 < bid <= ask"):
        price_part(wire(given))


def test_candles_are_bars_oldest_first_with_the_spread_in_price() -> None:
    first, second = "2026-01-14T12:00:00Z", "2026-01-14T13:00:00Z"
    bars = bars_of(wire([candle(second, close=1.2), candle(first), candle(second)]), D("0.00001"))
    assert bars.time.tolist() == [int(NOON.timestamp()), int(NOON.timestamp()) + 3600]
    assert (bars.close.tolist(), bars.volume.tolist()) == ([1.105, 1.105], [40, 40])
    assert bars.spread == pytest.approx([0.00012, 0.00012])
    empty = bars_of([], D("0.00001"))
    assert [len(getattr(empty, name)) for name in BAR_COLUMNS] == [0] * 7

"""What a platform does with a trade request, and by itself when prices move."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metaapi_emulator.accounts import AccountKind
from tests.metaapi_emulator.codes import Code, Malformed
from tests.metaapi_emulator.desk import NOON, Desk
from tests.metaapi_emulator.formats import iso

ORDER = "ORDER_TYPE_BUY_LIMIT"
ENTRY = "ORDER_TYPE_BUY"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"volume": 0.005}, Code.INVALID_VOLUME),
        ({"volume": 0.015}, Code.INVALID_VOLUME),
        ({"volume": 51}, Code.INVALID_VOLUME),
        ({"stopLoss": 1.2}, Code.INVALID_STOPS),
        ({"stopLoss": 1.0900001}, Code.INVALID_STOPS),
        ({"takeProfit": 1.0}, Code.INVALID_STOPS),
        ({"volume": 20}, Code.NO_MONEY),
        ({"fillingModes": ["ORDER_FILLING_RETURN"]}, Code.INVALID_FILL),
        ({"symbol": "NOTHING"}, Code.UNKNOWN_SYMBOL),
        ({"action": "ORDER_TYPE_BUY_STOP_LIMIT"}, Code.UNSUPPORTED),
        ({"action": "ORDER_TYPE_HOLD"}, Code.INVALID),
        ({"action": "DANCE"}, Code.INVALID),
        ({"action": ORDER, "openPrice": 1.2}, Code.INVALID_PRICE),
        ({"action": ORDER}, Code.INVALID_PRICE),
        ({"action": "ORDER_TYPE_BUY_STOP", "openPrice": 1.0}, Code.INVALID_PRICE),
        ({"action": "POSITION_CLOSE_ID", "positionId": "1"}, Code.POSITION_NOT_FOUND),
        ({"action": "POSITIONS_CLOSE_SYMBOL"}, Code.POSITION_NOT_FOUND),
        ({"action": "ORDER_CANCEL", "orderId": "1"}, Code.ORDER_NOT_FOUND),
    ],
)
def test_a_request_that_cannot_be_done_gets_its_code(changes: dict[str, Any], code: Code) -> None:
    desk = Desk()
    body = {"volume": 0.1, **changes}
    assert desk.code(body.pop("action", ENTRY), **body) is code
    assert not desk.account.changes


@pytest.mark.parametrize(
    "body",
    [
        {"volume": "much"},
        {"volume": None},
        {"volume": True},
        {"volume": 0.1, "comment": "c" * 20, "clientId": "i" * 11},
        {"volume": 0.1, "comment": "c" * 32},
        {"volume": 0.1, "stopLoss": 10, "stopLossUnits": "FURLONGS"},
    ],
)
def test_a_malformed_request_is_none_at_all(body: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        Desk().ask(ENTRY, **body)


def test_an_account_that_may_not_trade_says_why() -> None:
    desk = Desk()
    desk.account.may_trade = False
    assert desk.code(ENTRY, volume=0.1) is Code.TRADE_DISABLED
    desk.market.is_closed, desk.account.may_trade = True, True
    assert desk.code(ENTRY, volume=0.1) is Code.MARKET_CLOSED
    desk.account.is_away = True
    assert desk.code(ENTRY, volume=0.1) is Code.NEVER_DELIVERED
    assert Desk(is_investor=True).code(ENTRY, volume=0.1) is Code.INVESTOR


@pytest.mark.parametrize(
    ("units", "value", "stop"),
    [
        ("RELATIVE_PRICE", 0.005, "1.09506"),
        ("RELATIVE_POINTS", 500, "1.09506"),
        ("RELATIVE_PIPS", 50, "1.09506"),
        ("RELATIVE_CURRENCY", 50, "1.09506"),
        ("RELATIVE_BALANCE_PERCENTAGE", 0.5, "1.09506"),
    ],
)
def test_a_relative_stop_counts_from_the_entry(units: str, value: float, stop: str) -> None:
    desk = Desk()
    position = desk.buy(stopLoss=value, stopLossUnits=units)
    assert desk.account.positions[position].stop == Decimal(stop)


def test_a_stop_closes_with_its_reason_and_without_the_clients_marks() -> None:
    desk = Desk()
    position = desk.buy(stopLoss=1.095, clientId="S1_EURUSD_1")
    desk.move("1.09490")
    deal = desk.last_deal
    assert (deal["reason"], deal["positionId"]) == ("DEAL_REASON_SL", position)
    assert deal["brokerComment"] == "[sl 1.095]" and "clientId" not in deal
    assert deal["profit"] == -51.6 and not desk.account.positions


def test_a_take_closes_too() -> None:
    desk = Desk()
    desk.sell(takeProfit=1.09)
    desk.move("1.08990")
    assert desk.last_deal["reason"] == "DEAL_REASON_TP"


def test_mt4_gives_no_reason_but_a_comment() -> None:
    desk = Desk(AccountKind.MT4)
    desk.buy(stopLoss=1.095)
    desk.move("1.09490")
    assert "reason" not in desk.last_deal and desk.last_deal["brokerComment"] == "[sl]"


def test_modify_gives_both_levels_and_what_is_absent_is_removed() -> None:
    desk = Desk()
    position = desk.buy(stopLoss=1.09, takeProfit=1.12)
    modify = {"action": "POSITION_MODIFY", "positionId": position}
    assert desk.code(**modify, stopLoss=1.08) is Code.DONE
    assert desk.account.positions[position].take is None
    assert desk.code(**modify, stopLoss=1.08) is Code.NO_CHANGES
    assert desk.code(**modify, stopLoss=1.2) is Code.INVALID_STOPS


def test_a_part_is_closed_and_the_rest_keeps_its_ticket() -> None:
    desk = Desk()
    position = desk.buy()
    part = {"action": "POSITION_PARTIAL", "positionId": position}
    assert desk.code(**part, volume=0.04) is Code.DONE
    assert desk.account.positions[position].volume == Decimal("0.06")
    assert desk.code(**part, volume=0.07) is Code.INVALID_VOLUME


def test_mt4_continues_the_rest_under_a_new_ticket_without_the_marks() -> None:
    desk = Desk(AccountKind.MT4)
    old = desk.buy(clientId="S1_EURUSD_1", stopLoss=1.09, magic=7)
    desk.ask("POSITION_PARTIAL", positionId=old, volume=0.04)
    (rest,) = desk.account.positions.values()
    assert rest.id != old and rest.broker_comment == f"from #{old}" and rest.is_hidden
    assert (rest.volume, rest.stop, rest.ticket.magic) == (Decimal("0.06"), Decimal("1.09"), 7)
    assert desk.last_deal["brokerComment"] == f"to #{rest.id}"
    assert list(desk.account.changes.gone_positions) == [old]


def test_positions_close_each_other() -> None:
    desk = Desk()
    first, second = desk.buy(0.1), desk.sell(0.04)
    outcome = desk.ask("POSITION_CLOSE_BY", positionId=first, closeByPositionId=second)
    assert outcome.code is Code.DONE and list(desk.account.positions) == [first]
    assert desk.account.positions[first].volume == Decimal("0.06")
    assert [deal["entryType"] for deal in desk.account.deals[-2:]] == ["DEAL_ENTRY_OUT_BY"] * 2


def test_a_symbol_is_closed_as_a_whole() -> None:
    desk = Desk()
    desk.buy(), desk.sell()
    assert desk.code("POSITIONS_CLOSE_SYMBOL") is Code.DONE
    assert not desk.account.positions


def test_netting_averages_reduces_and_turns_around() -> None:
    desk = Desk(AccountKind.MT5_NETTING)
    position = desk.buy(0.1)
    desk.move("1.10100")
    desk.buy(0.1)
    assert desk.account.positions[position].price == Decimal("1.10056")
    desk.sell(0.05)
    assert desk.last_deal["entryType"] == "DEAL_ENTRY_OUT"
    desk.sell(0.25)
    (turned,) = desk.account.positions.values()
    assert desk.last_deal["entryType"] == "DEAL_ENTRY_INOUT"
    assert (turned.id, turned.side, turned.volume) == (position, -1, Decimal("0.10"))
    assert [fill.opens for fill in desk.account.changes.fills[-2:]] == [False, True]


def test_a_resting_order_fills_where_it_is_reached_and_then_has_its_stop() -> None:
    desk = Desk()
    order = desk.ask(ORDER, volume=0.1, openPrice=1.09, stopLoss=1.08, clientId="c").order_id
    desk.move("1.08990")
    assert desk.account.positions[order].price == Decimal("1.08996")
    assert [o["state"] for o in desk.account.history] == ["ORDER_STATE_FILLED"]
    desk.move("1.07990")
    assert desk.last_deal["reason"] == "DEAL_REASON_SL"


def test_a_resting_order_is_changed_and_cancelled() -> None:
    desk = Desk()
    order = desk.ask(ORDER, volume=0.1, openPrice=1.09).order_id
    modify = {"action": "ORDER_MODIFY", "orderId": order}
    assert desk.code(**modify, openPrice=1.085, stopLoss=1.08) is Code.DONE
    assert desk.code(**modify, openPrice=1.085, stopLoss=1.08) is Code.NO_CHANGES
    assert desk.code("ORDER_CANCEL", orderId=order) is Code.DONE
    assert desk.account.history[-1]["state"] == "ORDER_STATE_CANCELED"


def test_a_resting_order_expires() -> None:
    desk = Desk()
    desk.ask(ORDER, volume=0.1, openPrice=1.09, expiration={"type": "ORDER_TIME_DAY"})
    desk.later(timedelta(hours=11))
    assert not desk.account.pending
    assert desk.account.history[-1]["state"] == "ORDER_STATE_EXPIRED"


@pytest.mark.parametrize(
    ("kind", "expiration", "minutes", "code"),
    [
        (AccountKind.MT4, "ORDER_TIME_DAY", 60, Code.INVALID_EXPIRATION),
        (AccountKind.MT4, "ORDER_TIME_SPECIFIED", 5, Code.INVALID_EXPIRATION),
        (AccountKind.MT4, "ORDER_TIME_SPECIFIED", 15, Code.DONE),
        (AccountKind.MT5_HEDGING, "ORDER_TIME_SPECIFIED", 5, Code.DONE),
        (AccountKind.MT5_HEDGING, "ORDER_TIME_SPECIFIED", -5, Code.INVALID_EXPIRATION),
        (AccountKind.MT5_HEDGING, "ORDER_TIME_SPECIFIED_DAY", 5, Code.DONE),
    ],
)
def test_platforms_differ_in_their_expirations(
    kind: AccountKind, expiration: str, minutes: int, code: Code
) -> None:
    asked = {"type": expiration, "time": iso(NOON + timedelta(minutes=minutes))}
    assert Desk(kind).code(ORDER, volume=0.1, openPrice=1.09, expiration=asked) is code


def test_an_account_without_money_is_stopped_out() -> None:
    desk = Desk(balance=Decimal(1_000))
    desk.buy(0.5)
    desk.move("1.08500")
    assert desk.last_deal["reason"] == "DEAL_REASON_SO" and not desk.account.positions


def test_margin_level_is_absent_while_nothing_is_held() -> None:
    desk = Desk(credit=Decimal(50))
    assert "marginLevel" not in desk.account.information()
    desk.buy()
    information = desk.account.information()
    assert information["marginLevel"] == 9134.99 and information["credit"] == 50


def test_profit_in_another_currency_is_converted() -> None:
    desk = Desk()
    desk.ask("ORDER_TYPE_BUY", symbol="USDJPY", volume=0.1)
    desk.move("150.000", "USDJPY")
    (position,) = desk.account.positions.values()
    assert desk.account.floating(position) == Decimal("266.13")
    assert desk.account.margin == Decimal("100.00")


ORDERS = st.lists(
    st.tuples(st.sampled_from([1, -1]), st.integers(1, 20), st.integers(109_000, 111_000)),
    max_size=12,
)


@given(ORDERS, st.sampled_from(AccountKind))
def test_balance_is_what_the_deals_have_brought(
    orders: list[tuple[int, int, int]], kind: AccountKind
) -> None:
    desk = Desk(kind, has_costs=True)
    for side, hundredths, bid in orders:
        desk.move(f"{Decimal(bid) / 100_000}")
        action = "ORDER_TYPE_BUY" if side > 0 else "ORDER_TYPE_SELL"
        desk.ask(action, volume=hundredths / 100)
    assert desk.account.balance == desk.booked


@given(ORDERS)
def test_a_netted_position_is_the_sum_of_its_orders(orders: list[tuple[int, int, int]]) -> None:
    desk, total = Desk(AccountKind.MT5_NETTING), Decimal(0)
    for side, hundredths, _ in orders:
        (desk.buy if side > 0 else desk.sell)(hundredths / 100)
        total += side * Decimal(hundredths) / 100
    held = list(desk.account.held("EURUSD"))
    assert sum((p.side * p.volume for p in held), Decimal(0)) == total
    assert len(held) == bool(total)

"""The port over REST: what an answer proves decides what is raised."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.brokers.metaapi.payloads import (
    MISSING,
    closing,
    deal,
    done,
    information,
    order,
    position,
    refused,
)
from tests.brokers.metaapi.scripted import Script, said
from tests.brokers.venue.running import entry
from trading.brokers.base import BrokerError, NotSent, Rejected, Unavailable, UnknownOutcome
from trading.brokers.metaapi import MetaApiBroker, broker
from trading.engine.types import OrderKind

D = Decimal
NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)
RESTING: dict[str, Any] = {
    "kind": OrderKind.STOP,
    "price": D("1.11"),
    "expires_at": NOON + timedelta(hours=1),
}
NO_MONEY = refused(10019, "TRADE_RETCODE_NO_MONEY")
GONE = refused(4753, "ERR_TRADE_POSITION_NOT_FOUND")
PLACED = done(numericCode=10008, stringCode="TRADE_RETCODE_PLACED")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr(broker, "DEAL_READS", (0.0, 0.01))
    return Script()


def call(given: MetaApiBroker, name: str) -> object:
    """One of the four that send something."""
    if name == "submit":
        return given.submit(entry())
    arguments = {"close": ("7",), "modify": ("7", None, None), "cancel": ("client-2",)}[name]
    return getattr(given, name)(*arguments)


# --- entries


def test_a_market_entry_is_answered_with_its_deal(script: Script) -> None:
    script.standing["deals"] = [deal(id="99", orderId="5", volume=1), deal(clientId=MISSING)]
    receipt = script.broker().submit(entry())
    (fill,) = receipt.fills
    assert (receipt.order_id, receipt.position_id) == ("7", "7")
    assert (fill.deal_id, fill.price, fill.client_id) == ("100", D("1.10012"), "client-1")
    (body,) = script.bodies()
    assert (body["actionType"], body["volume"]) == ("ORDER_TYPE_BUY", 0.1)


def test_a_deal_that_comes_late_is_looked_for_twice(script: Script) -> None:
    script.then("deals", said([]), said([deal()]))
    assert len(script.broker().submit(entry()).fills) == 1
    script.then(
        "deals", said([deal(volume=0.04)]), said([deal(volume=0.04), deal(id="9", volume=0.06)])
    )
    assert len(script.broker().submit(entry()).fills) == 2


@pytest.mark.parametrize("failure", [said([]), said({}, 403), said([{}]), httpx.ReadError("x")])
def test_an_executed_entry_without_readable_deals_is_taken_over(
    script: Script, failure: httpx.Response | Exception
) -> None:
    script.then("deals", *[failure] * 4)
    receipt = script.broker().submit(entry())
    assert (receipt.order_id, receipt.position_id, receipt.fills) == ("7", "7", ())


def test_an_answer_without_a_position_learns_it_from_the_deal(script: Script) -> None:
    script.standing["trade"] = done(positionId=MISSING)
    assert script.broker().submit(entry()).position_id is None
    script.standing["deals"] = [deal(positionId="55")]
    assert script.broker().submit(entry()).position_id == "55"


def test_an_executed_entry_without_an_order_id_proves_nothing(script: Script) -> None:
    script.standing["trade"] = done(orderId=MISSING)
    with pytest.raises(UnknownOutcome, match="expected an order id"):
        script.broker().submit(entry())


def test_a_pending_order_rests(script: Script) -> None:
    receipt = script.broker().submit(entry(**RESTING))
    assert (receipt.order_id, receipt.position_id, receipt.fills) == ("7", None, ())
    assert script.bodies()[0]["expiration"]["type"] == "ORDER_TIME_SPECIFIED"
    assert script.asked("deals") == []


@pytest.mark.parametrize("lots", ["0.001", "0", "0.015"])
def test_lots_between_the_steps_are_refused_unsent(script: Script, lots: str) -> None:
    with pytest.raises(Rejected) as caught:
        script.broker().submit(entry(lots=D(lots)))
    assert (caught.value.code, script.asked("trade")) == ("INVALID_VOLUME", [])


def test_an_entry_whose_symbol_cannot_be_read_is_not_sent(script: Script) -> None:
    script.then("specification", said({}, 404))
    with pytest.raises(NotSent):
        script.broker().submit(entry())
    assert script.asked("trade") == []


def test_a_specification_is_read_once(script: Script) -> None:
    for _ in range(3):
        script.broker().submit(entry(**RESTING))
    assert len(script.asked("specification")) == 1


# --- what answers prove


@pytest.mark.parametrize("name", ["submit", "close", "modify", "cancel"])
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (said(NO_MONEY), Rejected),
        (said(refused(10012, "TRADE_RETCODE_TIMEOUT")), UnknownOutcome),
        (said(refused(-11, "TRADE_RETCODE_DISCONNECTED_DURING_TRADE")), UnknownOutcome),
        (said(refused(-10, "TRADE_RETCODE_DISCONNECTED_BEFORE_TRADE")), NotSent),
        (said(refused(-5, "ERR_NOT_SYNCHRONIZED")), Rejected),
        (said(refused(31337, "TRADE_RETCODE_NEW")), UnknownOutcome),
        (said({}), UnknownOutcome),
        (said({}, 500), UnknownOutcome),
        (said({}, 403), NotSent),
        (httpx.ReadTimeout("x"), UnknownOutcome),
        (httpx.ConnectError("x"), NotSent),
    ],
)
def test_what_an_answer_proves_decides_what_is_raised(
    script: Script, name: str, reply: Any, expected: type[BrokerError]
) -> None:
    script.standing["orders"] = [order()]
    script.then("trade", reply)
    with pytest.raises(BrokerError) as caught:
        call(script.broker(), name)
    assert type(caught.value) is expected
    assert len(script.asked("trade")) == 1


# --- closes


def test_a_close_is_answered_with_its_deal(script: Script) -> None:
    script.standing |= {"trade": done(orderId="9"), "deals": [deal(), closing()]}
    receipt = script.broker().close("7")
    assert [(fill.deal_id, fill.profit) for fill in receipt.fills] == [("101", D(10))]
    assert script.bodies() == [{"actionType": "POSITION_CLOSE_ID", "positionId": "7"}]


def test_a_close_is_never_answered_with_what_opened_its_ticket(script: Script) -> None:
    script.standing |= {"trade": done(orderId="7"), "deals": [deal(orderId="7")]}
    assert script.broker().close("7").fills == ()
    script.standing["deals"] = [deal(orderId="7"), closing(orderId="7")]
    assert [fill.deal_id for fill in script.broker().close("7").fills] == ["101"]


@pytest.mark.parametrize("number", [4753, 10036])
def test_closing_what_is_gone_is_a_success_without_fills(script: Script, number: int) -> None:
    script.standing["trade"] = {"numericCode": number}
    assert script.broker().close("7").fills == ()


def test_a_close_that_was_only_taken_over_is_in_doubt_until_its_deal_shows(script: Script) -> None:
    script.standing["trade"] = {**PLACED, "orderId": "9"}
    with pytest.raises(UnknownOutcome, match="taken over"):
        script.broker().close("7")
    script.standing["deals"] = [deal(), closing()]
    assert len(script.broker().close("7").fills) == 1


def test_a_part_is_closed_after_a_look_at_the_position(script: Script) -> None:
    script.standing |= {"positions": [position()], "trade": done(orderId="9")}
    script.standing["deals"] = [deal(), closing(volume=0.04)]
    (fill,) = script.broker().close("7", D("0.04")).fills
    assert fill.lots == D("0.04")
    expected = {"actionType": "POSITION_PARTIAL", "positionId": "7", "volume": 0.04}
    assert script.bodies() == [expected]


@pytest.mark.parametrize("lots", ["0", "-0.01", "0.005", "0.08"])
def test_a_part_that_is_not_one_is_refused_unsent(script: Script, lots: str) -> None:
    script.standing["positions"] = [position()]
    with pytest.raises(Rejected) as caught:
        script.broker().close("7", D(lots))
    assert (caught.value.code, script.asked("trade")) == ("INVALID_VOLUME", [])


def test_a_part_of_what_is_gone_is_refused(script: Script) -> None:
    for positions in ([], [position()]):
        script.standing |= {"positions": positions, "trade": GONE}
        with pytest.raises(Rejected) as caught:
            script.broker().close("7", D("0.04"))
        assert caught.value.code == "POSITION_NOT_FOUND"


def test_a_part_of_a_position_that_cannot_be_read_is_not_sent(script: Script) -> None:
    script.then("positions", said({}, 403))
    with pytest.raises(NotSent):
        script.broker().close("7", D("0.04"))


# --- levels and cancels


def test_both_levels_are_set_each_time(script: Script) -> None:
    given = script.broker()
    given.modify("7", D("1.09"), None)
    given.modify("7", D("1.09"), D("1.2"))
    assert [set(body) & {"stopLoss", "takeProfit"} for body in script.bodies()] == [
        {"stopLoss"},
        {"stopLoss", "takeProfit"},
    ]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (GONE, "POSITION_NOT_FOUND"),
        (refused(10016, "TRADE_RETCODE_INVALID_STOPS"), "INVALID_STOPS"),
    ],
)
def test_levels_that_cannot_be_set_are_rejected(script: Script, answer: Any, code: str) -> None:
    script.standing["trade"] = answer
    with pytest.raises(Rejected) as caught:
        script.broker().modify("7", D("1.09"), None)
    assert caught.value.code == code


def test_levels_that_are_set_already_are_set(script: Script) -> None:
    script.standing["trade"] = refused(10025, "TRADE_RETCODE_NO_CHANGES")
    script.broker().modify("7", D("1.09"), None)


def test_an_order_is_taken_back_by_its_client_id(script: Script) -> None:
    script.standing["orders"] = [order(id="1", clientId="other"), order()]
    assert script.broker().cancel("client-2") is True
    assert script.bodies() == [{"actionType": "ORDER_CANCEL", "orderId": "8"}]


def test_an_order_that_is_gone_cannot_be_taken_back(script: Script) -> None:
    assert script.broker().cancel("client-2") is False
    script.standing |= {"orders": [order()], "trade": refused(4754, "ERR_TRADE_ORDER_NOT_FOUND")}
    assert script.broker().cancel("client-2") is False


@pytest.mark.parametrize("name", ["modify", "cancel"])
def test_what_was_only_taken_over_is_not_done(script: Script, name: str) -> None:
    script.standing |= {"orders": [order()], "trade": PLACED}
    with pytest.raises(UnknownOutcome, match="not executed yet"):
        call(script.broker(), name)


def test_a_cancel_that_cannot_look_is_not_sent(script: Script) -> None:
    script.then("orders", said({}, 403))
    with pytest.raises(NotSent):
        script.broker().cancel("client-2")


# --- readings


def test_the_account_is_its_money_and_its_positions(script: Script) -> None:
    script.standing["positions"] = [position()]
    account = script.broker().account()
    assert (account.equity, account.leverage) == (D(10_010), 100)
    assert [found.id for found in account.positions] == ["7"]


def test_an_account_in_another_currency_is_unavailable(script: Script) -> None:
    script.standing["account-information"] = information(currency="EUR")
    with pytest.raises(Unavailable, match="expected an account in USD, was EUR") as caught:
        script.broker().account()
    assert caught.value.code == "CURRENCY"


def test_a_snapshot_shows_everything_and_proves_no_absence(script: Script) -> None:
    script.standing |= {"positions": [position()], "orders": [order()]}
    script.standing["deals"] = [deal(), closing()]
    seen = script.broker().snapshot(NOON)
    assert (seen.time, seen.is_complete) == (NOON, False)
    assert [found.client_id for found in seen.account.positions] == ["client-1"]
    assert [found.client_id for found in seen.orders] == ["client-2"]
    assert [(fill.deal_id, fill.opens) for fill in seen.deals] == [("100", True), ("101", False)]


def test_a_reversal_is_read_with_the_history_of_its_position(script: Script) -> None:
    turned = closing(entryType="DEAL_ENTRY_INOUT", volume=0.3)
    script.then("deals", said([turned]), said([deal(), turned]))
    seen = script.broker().snapshot(NOON + timedelta(minutes=1))
    assert [(fill.deal_id, fill.lots) for fill in seen.deals] == [
        ("101", D("0.1")),
        ("101/in", D("0.2")),
    ]


def test_the_rest_of_a_partial_close_keeps_its_client_id(script: Script) -> None:
    rest = position(id="20", comment="from #7", clientId=MISSING)
    stranger = position(id="21", clientId=MISSING)
    script.standing |= {"positions": [rest, stranger], "deals": [deal()]}
    found = script.broker().account().positions
    assert [p.client_id for p in found] == ["", ""]
    seen = script.broker().snapshot(NOON).account.positions
    assert [p.client_id for p in seen] == ["client-1", ""]


@pytest.mark.parametrize("name", ["account-information", "positions", "orders", "deals"])
@pytest.mark.parametrize("payload", [None, "x", [{}], [[]], {"a": 1}, [{"type": 1}]])
def test_a_reading_of_another_shape_is_unavailable(script: Script, name: str, payload: Any) -> None:
    script.standing[name] = payload
    with pytest.raises(Unavailable):
        script.broker().snapshot(NOON)


def test_a_worker_has_no_feed(script: Script) -> None:
    assert script.broker().feed([]) == ()

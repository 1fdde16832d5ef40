"""What the broker executed is recorded once, with its money."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.desk import Desk, make_desk, opening
from tests.factories import make_order, make_position
from trading.engine.types import ExitReason, Fill
from trading.models import Event, Position
from trading.models import Fill as FillRow
from trading.services.fills import fills_record

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def closing() -> Fill:
    return replace(
        opening(""),
        deal_id="7-out",
        opens=False,
        price=Decimal("1.09906"),
        profit=Decimal("-10.00"),
        swap=Decimal("-0.50"),
        reason=ExitReason.STOP,
    )


def test_recording_twice_changes_nothing(desk: Desk) -> None:
    assert len(fills_record(account=desk.account, fills=[opening("x"), closing()])) == 2
    assert fills_record(account=desk.account, fills=[opening("x"), closing()]) == []
    assert FillRow.objects.count() == 2
    assert [e.kind for e in Event.objects.order_by("id")] == [
        "position.manual",
        "order.filled",
        "position.closed",
    ]


def test_a_closing_deal_completes_the_position(desk: Desk) -> None:
    fills_record(account=desk.account, fills=[opening("x"), closing()])
    position = Position.objects.get()
    assert position.exit_reason == "STOP"
    assert (position.profit, position.commission, position.swap) == (
        Decimal("-10.00"),
        Decimal("0.70"),
        Decimal("-0.50"),
    )


def test_a_closing_event_tells_the_net_result(desk: Desk) -> None:
    fills_record(account=desk.account, fills=[opening("x"), closing()])
    expected = "Closed Long 0.1 EURUSD at 1.09906 (STOP): -11.20 USD"
    assert Event.objects.latest("id").message == expected


def test_an_opening_deal_finds_its_order_by_the_client_id(desk: Desk) -> None:
    order = make_order(
        account=desk.account, symbol=desk.symbol, deployment=desk.deployment, status="UNKNOWN"
    )
    fills_record(account=desk.account, fills=[opening(order.client_id)])
    order.refresh_from_db()
    assert (order.status, order.filled_price) == ("FILLED", Decimal("1.10006"))


def test_a_deal_without_an_order_belongs_to_the_deployment_of_its_magic(desk: Desk) -> None:
    fills_record(account=desk.account, fills=[opening("unknown", magic=desk.deployment.pk)])
    assert Position.objects.get().deployment == desk.deployment


def part(number: int, lots: str, **fields: object) -> Fill:
    """One of several deals of position 7."""
    given = {"deal_id": f"7-{number}", "lots": Decimal(lots), **fields}
    return replace(opening(""), **given)  # type: ignore[arg-type]


def test_an_entry_filled_in_parts_is_partial_and_then_filled(desk: Desk) -> None:
    order = make_order(
        account=desk.account, symbol=desk.symbol, deployment=desk.deployment, status="UNKNOWN"
    )
    statuses = []
    for number, price in enumerate(("1.10000", "1.10010")):
        deal = part(number, "0.05", client_id=order.client_id, price=Decimal(price))
        fills_record(account=desk.account, fills=[deal])
        order.refresh_from_db()
        statuses.append((order.status, order.filled_lots, Position.objects.get().lots))
    assert statuses == [
        ("PARTIAL", Decimal("0.05"), Decimal("0.05")),
        ("FILLED", Decimal("0.1"), Decimal("0.1")),
    ]
    assert order.filled_price == Decimal("1.10005")


def test_a_position_closed_in_parts_keeps_the_rest_open_and_adds_up(desk: Desk) -> None:
    fills_record(account=desk.account, fills=[opening("x")])
    out = {"opens": False, "profit": Decimal(3), "reason": ExitReason.SIGNAL}
    fills_record(account=desk.account, fills=[part(1, "0.04", **out)])
    position = Position.objects.get()
    assert (position.lots, position.closed_at) == (Decimal("0.06"), None)
    assert Event.objects.latest("id").kind == "position.reduced"
    fills_record(account=desk.account, fills=[part(2, "0.06", **out)])
    position.refresh_from_db()
    assert (position.exit_reason, position.profit) == ("SIGNAL", Decimal(6))


def test_a_deal_beyond_the_order_is_an_alarm_and_breaks_nothing(desk: Desk) -> None:
    order = make_order(
        account=desk.account,
        symbol=desk.symbol,
        deployment=desk.deployment,
        status="UNKNOWN",
        lots=Decimal("0.05"),
    )
    fills_record(account=desk.account, fills=[opening(order.client_id)])
    order.refresh_from_db()
    assert order.filled_lots == order.lots
    assert Event.objects.filter(kind="order.overfilled", severity=50).exists()


def test_an_order_stopped_out_within_its_own_answer_opens_and_closes(desk: Desk) -> None:
    order = make_order(
        account=desk.account, symbol=desk.symbol, deployment=desk.deployment, status="SENDING"
    )
    fills = [opening(order.client_id), closing()]
    fills_record(account=desk.account, fills=fills, answered=order)
    order.refresh_from_db()
    assert (order.status, order.filled_lots) == ("FILLED", Decimal("0.1"))
    assert Position.objects.get().exit_reason == "STOP"


def test_an_orphan_becomes_the_strategys_once_its_deal_is_known(desk: Desk) -> None:
    order = make_order(
        account=desk.account, symbol=desk.symbol, deployment=desk.deployment, status="UNKNOWN"
    )
    make_position(account=desk.account, symbol=desk.symbol, broker_id="7", origin="ORPHAN")
    fills_record(account=desk.account, fills=[opening(order.client_id)])
    position = Position.objects.get()
    assert (position.origin, position.deployment) == ("STRATEGY", desk.deployment)


def test_an_answer_names_the_order_of_a_deal_that_was_recorded_without(desk: Desk) -> None:
    order = make_order(
        account=desk.account, symbol=desk.symbol, deployment=desk.deployment, status="SENDING"
    )
    fills_record(account=desk.account, fills=[opening("")])
    fills_record(account=desk.account, fills=[opening(order.client_id)], answered=order)
    order.refresh_from_db()
    assert (order.status, order.position_id) == ("FILLED", "7")
    assert FillRow.objects.get().order == order
    assert Event.objects.latest("id").payload["order"] == order.pk


def test_two_entries_in_one_netting_position_are_told_and_break_nothing(desk: Desk) -> None:
    given = {"account": desk.account, "symbol": desk.symbol, "deployment": desk.deployment}
    first = make_order(**given, status="FILLED", position_id="7")
    second = make_order(**given, status="UNKNOWN")
    fills_record(account=desk.account, fills=[opening(second.client_id)])
    second.refresh_from_db()
    assert (second.status, second.position_id) == ("FILLED", "")
    assert Event.objects.filter(kind="order.shares_position", severity=50).exists()
    assert first.position_id == "7"

"""An unknown outcome is settled by evidence, and never by guessing."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from tests.desk import NOON, Desk, ScriptedBroker, make_desk, opening
from tests.factories import make_order
from trading.engine.types import AccountState, PositionState
from trading.models import Event, Order, Position
from trading.services.doubts import HORIZON, LEAST_AGE, doubts_resolve
from trading.services.fills import fills_record

pytestmark = pytest.mark.django_db
EMPTY = ScriptedBroker().account()


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def doubtful(desk: Desk, age: timedelta, **fields: object) -> Order:
    given = {"account": desk.account, "deployment": desk.deployment, "symbol": desk.symbol}
    return make_order(**{**given, "status": "UNKNOWN", "sent_at": now() - age, **fields})


def showing(order: Order) -> AccountState:
    lots, price = Decimal("0.1"), Decimal("1.1")
    seen = PositionState("9", "EURUSD", 1, lots, price, NOON, client_id=order.client_id)
    return replace(EMPTY, positions=(seen,))


def resolve(desk: Desk, state: AccountState, order: Order) -> str:
    doubts_resolve(account=desk.account, state=state)
    order.refresh_from_db()
    return order.status


def test_a_position_with_its_client_id_proves_the_entry(desk: Desk) -> None:
    order = doubtful(desk, 2 * LEAST_AGE)
    assert resolve(desk, showing(order), order) == "FILLED"
    assert (order.position_id, order.filled_lots) == ("9", Decimal("0.1"))
    assert Position.objects.get().broker_id == "9"
    assert Event.objects.latest("id").kind == "order.resolved"


def test_an_entry_that_is_not_shown_stays_unknown_until_the_horizon(desk: Desk) -> None:
    order = doubtful(desk, HORIZON - timedelta(seconds=10))
    assert resolve(desk, EMPTY, order) == "UNKNOWN"
    Order.objects.update(sent_at=now() - HORIZON - timedelta(seconds=1))
    assert resolve(desk, EMPTY, order) == "NOT_EXECUTED"


def test_a_deal_after_that_is_a_late_fill_and_an_alarm(desk: Desk) -> None:
    order = doubtful(desk, 2 * HORIZON)
    resolve(desk, EMPTY, order)
    fills_record(account=desk.account, fills=[opening(order.client_id)])
    order.refresh_from_db()
    assert order.status == "LATE_FILLED"
    assert Event.objects.filter(kind="order.late_filled", severity=50).exists()


def test_nothing_is_concluded_while_the_answer_may_be_on_its_way(desk: Desk) -> None:
    order = doubtful(desk, timedelta(seconds=1))
    assert resolve(desk, showing(order), order) == "UNKNOWN"


def test_a_close_is_proved_by_the_position_being_gone(desk: Desk) -> None:
    order = doubtful(desk, 2 * LEAST_AGE, purpose="CLOSE", position_id="9")
    assert resolve(desk, EMPTY, order) == "FILLED"


def test_a_close_whose_position_is_still_there_was_not_executed(desk: Desk) -> None:
    order = doubtful(desk, 2 * LEAST_AGE, purpose="CLOSE", position_id="9")
    assert resolve(desk, showing(order), order) == "NOT_EXECUTED"


def test_settling_twice_changes_nothing(desk: Desk) -> None:
    order = doubtful(desk, 2 * LEAST_AGE)
    state = showing(order)
    assert doubts_resolve(account=desk.account, state=state) == 1
    assert doubts_resolve(account=desk.account, state=state) == 0
    assert order.transitions.count() == 1

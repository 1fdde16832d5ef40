"""Positions of deployments are closed before the weekend, once, where a limit says so."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from tests.desk import Desk, ScriptedBroker, make_desk
from tests.factories import make_position, make_risk_limit, make_simulated_market
from trading.brokers.base import Receipt, Rejected
from trading.models import Event, Order, Position, SimulatedMarket
from trading.services.weekends import weekend_flatten

pytestmark = pytest.mark.django_db
DUE = datetime(2026, 1, 16, 21, 30, tzinfo=UTC)
"""Half an hour before Friday 17:00 New York."""


@pytest.fixture
def desk() -> Desk:
    made = make_desk()
    make_simulated_market(source=made.symbol.source, market_time=DUE)
    make_risk_limit(control="WEEKEND_FLAT", value=30)
    return made


@pytest.fixture
def position(desk: Desk) -> Position:
    return make_position(account=desk.account, symbol=desk.symbol, deployment=desk.deployment)


def flattened(desk: Desk, broker: ScriptedBroker) -> int:
    return weekend_flatten(account=desk.account, broker=broker)


def refuse() -> Receipt:
    raise Rejected("market is closed", "10018")


def test_it_is_closed_when_the_time_has_come_and_only_once(desk: Desk, position: Position) -> None:
    broker = ScriptedBroker()
    SimulatedMarket.objects.update(market_time=DUE - timedelta(seconds=1))
    assert flattened(desk, broker) == 0
    SimulatedMarket.objects.update(market_time=DUE)
    assert [flattened(desk, broker) for _ in range(3)] == [1, 0, 0]
    assert broker.asked == [position.broker_id]
    order = Order.objects.get()
    assert (order.origin, order.status) == ("PROTECTION", "FILLED")
    assert order.transitions.get(target="APPROVED").evidence["limit"] == "30 minutes"
    told = Event.objects.get(kind="order.requested")
    assert told.message == "Flat 30 minutes before the weekend: Close long 0.1 EURUSD"


def test_after_a_refusal_it_is_asked_for_again_a_minute_later(
    desk: Desk, position: Position
) -> None:
    broker = ScriptedBroker(refuse)
    assert (flattened(desk, broker), flattened(desk, broker)) == (1, 0)
    Order.objects.update(created_at=now() - timedelta(seconds=61))
    assert flattened(desk, broker) == 1


def test_while_a_close_is_in_doubt_no_other_is_sent(desk: Desk, position: Position) -> None:
    def lose() -> Receipt:
        raise OSError("gone")

    flattened(desk, ScriptedBroker(lose))
    Order.objects.update(created_at=now() - timedelta(hours=1))
    assert flattened(desk, ScriptedBroker()) == 0


def test_what_no_deployment_opened_is_left_alone(desk: Desk) -> None:
    make_position(account=desk.account, symbol=desk.symbol, origin="MANUAL")
    assert flattened(desk, ScriptedBroker()) == 0


def test_the_nearest_limit_decides(desk: Desk, position: Position) -> None:
    make_risk_limit(control="WEEKEND_FLAT", value=Decimal("29.5"), deployment=desk.deployment)
    assert flattened(desk, ScriptedBroker()) == 0


def test_sessions_that_cannot_be_read_close_nothing(desk: Desk, position: Position) -> None:
    desk.symbol.sessions = {"trade": {"MOONDAY": []}}
    desk.symbol.save()
    assert flattened(desk, ScriptedBroker()) == 0

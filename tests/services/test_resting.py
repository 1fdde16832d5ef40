"""Resting entries are taken back when a lock covers them or their window begins."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.desk import NOON, Desk, ScriptedBroker, entry, make_desk
from tests.factories import make_lock, make_news, make_risk_limit, make_simulated_market
from trading.brokers.base import Unavailable
from trading.models import Event, Order, SimulatedMarket
from trading.services.resting import resting_withdraw

pytestmark = pytest.mark.django_db
FRIDAY = datetime(2026, 1, 16, 22, tzinfo=UTC)
"""17:00 New York."""


@pytest.fixture
def desk() -> Desk:
    made = make_desk()
    make_simulated_market(source=made.symbol.source, market_time=NOON)
    return made


@pytest.fixture
def resting(desk: Desk) -> Order:
    return entry(desk, status="ACCEPTED", kind="STOP", price="1.2")


def withdrawn(desk: Desk) -> int:
    return resting_withdraw(account=desk.account, broker=ScriptedBroker())


def test_a_lock_takes_back_what_rests_and_says_why(desk: Desk, resting: Order) -> None:
    assert withdrawn(desk) == 0
    make_lock(reason="calm down")
    assert (withdrawn(desk), withdrawn(desk)) == (1, 0)
    resting.refresh_from_db()
    assert resting.status == "CANCELLED"
    told = Event.objects.get(kind="order.withdrawn")
    assert told.message.startswith("Taken back, Lock on everything: calm down: Entry long 0.1")


def news() -> None:
    make_risk_limit(control="NEWS_CLOSES", value=2, window=120)
    make_news(at=NOON + timedelta(minutes=2))


@pytest.mark.parametrize(
    ("limit", "begins"),
    [
        (news, NOON),
        (
            lambda: make_risk_limit(control="WEEKEND_WINDOW", value=30),
            FRIDAY.replace(hour=21, minute=30),
        ),
        (
            lambda: make_risk_limit(control="ROLLOVER_WINDOW", value=10),
            FRIDAY.replace(hour=21, minute=50),
        ),
    ],
)
def test_a_window_is_kept_from_ten_seconds_before_it_begins(
    desk: Desk, resting: Order, limit: Callable[[], Any], begins: datetime
) -> None:
    limit()
    SimulatedMarket.objects.update(market_time=begins - timedelta(seconds=11))
    assert withdrawn(desk) == 0
    SimulatedMarket.objects.update(market_time=begins - timedelta(seconds=10))
    assert withdrawn(desk) == 1


def test_what_cannot_be_judged_takes_nothing_back(desk: Desk, resting: Order) -> None:
    make_risk_limit(control="NEWS_WINDOW", value=15)
    assert withdrawn(desk) == 0


def test_what_a_limit_only_notifies_of_stays(desk: Desk, resting: Order) -> None:
    make_risk_limit(control="WEEKEND_WINDOW", value=9_000, action="NOTIFY")
    assert withdrawn(desk) == 0


def test_a_cancel_that_fails_is_left_to_reconciliation(desk: Desk, resting: Order) -> None:
    class Silent(ScriptedBroker):
        def cancel(self, client_id: str) -> bool:
            raise Unavailable("gone")

    make_lock()
    resting_withdraw(account=desk.account, broker=Silent())
    resting.refresh_from_db()
    assert resting.status == "CANCEL_PENDING"

"""A position of ours that has no stop gets one, or is closed; within five seconds."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from tests.desk import NOON, Desk, ScriptedBroker, make_desk
from tests.factories import make_position
from trading.brokers.base import Rejected, Unavailable
from trading.engine.types import AccountState, PositionState
from trading.models import Account, Event, Order, Position
from trading.services.protection import positions_protect

pytestmark = pytest.mark.django_db
STOP = Decimal("1.09")


class RefusingBroker(ScriptedBroker):
    """Will not set a stop."""

    error: Exception = Rejected("too near", "10016")

    def modify(self, position_id: str, stop: Decimal | None, take: Decimal | None) -> None:
        raise self.error


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def bare(desk: Desk, **fields: object) -> AccountState:
    """The broker shows our position 7 without a stop."""
    given = {"account": desk.account, "symbol": desk.symbol, "broker_id": "7", "wanted_stop": STOP}
    make_position(**{**given, **fields})
    seen = PositionState("7", "EURUSD", 1, Decimal("0.1"), Decimal("1.1"), NOON)
    return replace(ScriptedBroker().account(), positions=(seen,))


def protect(desk: Desk, state: AccountState, broker: ScriptedBroker) -> list[str]:
    desk.account.refresh_from_db()
    positions_protect(account=desk.account, broker=broker, state=state)
    return broker.asked


def test_the_stop_it_shall_have_is_set_again(desk: Desk) -> None:
    state = bare(desk)
    assert protect(desk, state, ScriptedBroker()) == ["modify 7"]
    position = Position.objects.get()
    assert (position.stop, position.unprotected_since) == (STOP, None)
    assert list(Event.objects.order_by("id").values_list("kind", flat=True)) == [
        "position.unprotected",
        "position.protected",
    ]


def test_it_is_closed_when_the_stop_is_refused(desk: Desk) -> None:
    assert protect(desk, bare(desk), RefusingBroker()) == ["7"]
    assert Order.objects.get().origin == "PROTECTION"


def test_an_unreachable_broker_is_tried_again_and_then_it_is_closed(desk: Desk) -> None:
    broker, state = RefusingBroker(), bare(desk)
    broker.error = Unavailable("no answer")
    assert protect(desk, state, broker) == []
    Position.objects.update(unprotected_since=now() - timedelta(seconds=4))
    assert protect(desk, state, broker) == ["7"]


def test_a_close_is_not_asked_for_at_every_look(desk: Desk) -> None:
    broker, state = RefusingBroker(), bare(desk)
    protect(desk, state, broker)
    assert protect(desk, state, broker) == ["7"]


@pytest.mark.parametrize(
    ("account", "position", "asked"),
    [
        ({"unprotected_policy": "CLOSE"}, {}, ["7"]),
        ({"unprotected_policy": "ACCEPT"}, {}, []),
        ({}, {"hands_off": True}, []),
        ({}, {"origin": "MANUAL"}, []),
        ({"manual_policy": "ADOPT"}, {"origin": "MANUAL"}, ["modify 7"]),
        ({}, {"origin": "ORPHAN"}, ["modify 7"]),
    ],
)
def test_the_policies_of_the_account_decide(
    desk: Desk, account: dict[str, object], position: dict[str, object], asked: list[str]
) -> None:
    Account.objects.update(**account)
    assert protect(desk, bare(desk, **position), ScriptedBroker()) == asked


def test_an_adopted_position_gets_a_stop_at_the_risk_of_adoption(desk: Desk) -> None:
    Account.objects.update(manual_policy="ADOPT", equity=10_000, adopt_risk_percent=1)
    protect(desk, bare(desk, origin="MANUAL", wanted_stop=None), ScriptedBroker())
    assert Position.objects.get().stop == Decimal("1.09")  # 0.1 lots lose 100 USD in 100 pips


def test_a_stop_that_is_back_ends_the_alarm(desk: Desk) -> None:
    state = bare(desk, unprotected_since=now())
    covered = replace(state.positions[0], stop=STOP)
    protect(desk, replace(state, positions=(covered,)), ScriptedBroker())
    assert Position.objects.get().unprotected_since is None

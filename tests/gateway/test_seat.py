"""A seat reads its account often and writes down what is worth it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.desk import NOON, ScriptedBroker
from tests.factories import make_account, make_symbol
from trading.brokers.base import Unavailable
from trading.engine.types import AccountState, PositionState
from trading.gateway.seat import Seat
from trading.models import Account, Lease, Position
from trading.selectors.attention import attention_of

pytestmark = pytest.mark.django_db
STATE = ScriptedBroker().account()
LOTS, PRICE, STOP = Decimal("0.1"), Decimal("1.1"), Decimal("1.0")


@dataclass(slots=True)
class ShowingBroker(ScriptedBroker):
    """Shows an account, or nothing while it is away."""

    state: AccountState | None = STATE

    def account(self) -> AccountState:
        if self.state is None:
            raise Unavailable("away")
        return self.state


@pytest.fixture
def broker() -> ShowingBroker:
    return ShowingBroker()


@pytest.fixture
def seat(broker: ShowingBroker) -> Iterator[Seat]:
    """A seat that has been read once."""
    made = Seat(make_account(), broker)
    assert made.take()
    made.observe()
    yield made
    made.drop()


def equity() -> Decimal:
    return Account.objects.get().equity


def forget() -> None:
    """What was written down shows by having been written again."""
    Account.objects.update(equity=1)


def test_a_quiet_account_is_read_without_a_query(
    seat: Seat, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    attention = attention_of([seat.account.pk])
    with django_assert_num_queries(0):
        seat.observe(attention)


def test_money_that_stays_is_written_down_in_time(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget()
    seat.observe()
    assert equity() == 1
    monkeypatch.setattr("trading.gateway.seat.STILL_SHARE", 0.0)
    seat.observe()
    assert equity() == STATE.equity


def test_money_that_moves_is_written_down_sooner(
    seat: Seat, broker: ShowingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.gateway.seat.MOVING_SECONDS", 0.0)
    forget()
    seat.observe()
    assert equity() == 1
    broker.state = replace(STATE, equity=Decimal(9))
    seat.observe()
    assert equity() == 9


def test_another_position_is_written_down_at_once(seat: Seat, broker: ShowingBroker) -> None:
    make_symbol(name="EURUSD")
    opened = PositionState("9", "EURUSD", 1, LOTS, PRICE, NOON, stop=STOP)
    broker.state = replace(STATE, positions=(opened,))
    seat.observe()
    assert Position.objects.get().broker_id == "9"


def test_the_first_reading_after_a_disconnection_is_written_down(
    seat: Seat, broker: ShowingBroker
) -> None:
    broker.state = None
    with pytest.raises(Unavailable):
        seat.observe()
    Lease.objects.update(seen_tick=0)
    broker.state = STATE
    seat.observe()
    assert Lease.objects.get().seen_tick > 0


def test_a_stop_that_is_gone_is_seen_to_at_each_reading(seat: Seat, broker: ShowingBroker) -> None:
    make_symbol(name="EURUSD")
    Account.objects.update(manual_policy="ADOPT")
    seat.account.refresh_from_db()
    bare = PositionState("9", "EURUSD", 1, LOTS, PRICE, NOON, by_hand=True)
    broker.state = replace(STATE, positions=(bare,))
    seat.observe()
    assert Position.objects.get().unprotected_since is not None
    broker.state = replace(STATE, positions=(replace(bare, stop=STOP),))
    seat.observe()
    assert Position.objects.get().unprotected_since is None

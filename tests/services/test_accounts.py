"""What the broker says of an account is written down; a person's halt stays."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from tests.desk import NOON, ScriptedBroker
from tests.factories import make_account, make_deployment, make_position, make_symbol
from trading.engine.types import PositionState
from trading.models import Account, EquityPoint, Event, Position
from trading.services.accounts import (
    WAITING,
    account_connected,
    account_halt,
    account_observe,
    account_release,
    equity_sample,
)
from trading.services.positions import position_vanish

pytestmark = pytest.mark.django_db
STATE = ScriptedBroker().account()


def seen(magic: int = 0) -> PositionState:
    lots, price = Decimal("0.1"), Decimal("1.1")
    return PositionState("9", "EURUSD", 1, lots, price, NOON, profit=Decimal("5.5"), magic=magic)


def test_observing_stores_the_money_and_the_time() -> None:
    account = make_account(equity=Decimal(1))
    account_observe(account=account, state=replace(STATE, equity=Decimal("9999.50")))
    account.refresh_from_db()
    assert account.equity == Decimal("9999.50")
    assert account.observed_at is not None


def test_a_position_we_do_not_know_is_written_down_and_told() -> None:
    symbol, account = make_symbol(name="EURUSD"), make_account()
    deployment = make_deployment(account=account, symbol=symbol)
    state = replace(STATE, positions=(seen(magic=deployment.pk),))
    account_observe(account=account, state=state)
    account_observe(account=account, state=state)
    assert Position.objects.get().deployment == deployment
    assert Event.objects.get().kind == "position.orphan"


def test_floating_profit_follows_the_broker() -> None:
    position = make_position(symbol=make_symbol(name="EURUSD"), broker_id="9")
    account_observe(account=position.account, state=replace(STATE, positions=(seen(),)))
    position.refresh_from_db()
    assert position.profit == Decimal("5.5")


def test_a_vanished_position_is_closed_once_and_told() -> None:
    position = make_position()
    assert position_vanish(position=position, at=NOON)
    assert not position_vanish(position=position, at=NOON)
    position.refresh_from_db()
    assert (position.closed_at, position.exit_reason) == (NOON, "UNKNOWN")
    assert Event.objects.get().kind == "position.vanished"


def test_a_waiting_account_is_active_once_it_is_connected() -> None:
    account = make_account(state=Account.State.HALTED, state_reason=WAITING)
    account_connected(account=account, reason="test")
    account.refresh_from_db()
    assert account.state == Account.State.ACTIVE


def test_a_halt_by_a_person_survives_a_connection(owner: User) -> None:
    account = make_account()
    account_halt(account=account, reason="strange fills")
    account_connected(account=account, reason="test")
    account.refresh_from_db()
    assert (account.state, account.state_reason) == ("HALTED", "strange fills")
    assert account_release(account=account, actor=owner)


def test_halting_twice_for_one_reason_tells_once() -> None:
    account = make_account()
    for _ in range(2):
        account_halt(account=account, reason="strange fills")
    assert Event.objects.count() == 1


def test_one_point_of_the_curve_per_moment() -> None:
    account = make_account()
    for _ in range(2):
        equity_sample(account=account, state=STATE, at=NOON)
    assert EquityPoint.objects.get().equity == Decimal(10_000)

"""Every invariant is seen when it is broken, and silent when it holds."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from tests.desk import NOON, Desk, ScriptedBroker, entry, make_desk, opening
from tests.factories import (
    make_fill,
    make_kill_switch,
    make_position,
    make_run,
)
from trading.brokers.base import Receipt
from trading.engine.types import PositionState
from trading.models import Account, Event, KillSwitch, Order, OrderTransition, Position, StrategyRun
from trading.selectors.invariants import exposure_differs, violations
from trading.services.invariants import Watch, invariants_enforce
from trading.services.sending import order_send

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def filled(desk: Desk) -> Order:
    """An entry that went the whole way."""
    order = entry(desk)
    order_send(
        order=order,
        broker=ScriptedBroker(lambda: Receipt("o", "7", (opening(order.client_id),))),
    )
    return order


def codes(desk: Desk) -> set[str]:
    return {violation.code for violation in violations(account=desk.account)}


def test_an_honest_life_breaks_nothing(desk: Desk) -> None:
    filled(desk)
    assert codes(desk) == set()


def test_i3_an_order_past_sending_that_was_never_sent(desk: Desk) -> None:
    entry(desk, status="UNKNOWN")
    assert "I3" in codes(desk)


def test_i4_an_entry_without_a_lease(desk: Desk) -> None:
    order = entry(desk, status="SENDING")
    OrderTransition.objects.create(order=order, source="APPROVED", target="SENDING", cause="x")
    assert "I4" in codes(desk)


def test_i4_an_entry_past_a_switch(desk: Desk) -> None:
    filled(desk)
    make_kill_switch(account=desk.account, pulled_at=now() - timedelta(seconds=30))
    assert codes(desk) == {"I4"}


def test_i5_an_entry_that_opened_two_positions(desk: Desk) -> None:
    order = filled(desk)
    make_fill(order=order, position=make_position(account=desk.account, symbol=desk.symbol))
    assert "I5" in codes(desk)


def test_i6_a_position_of_nobody(desk: Desk) -> None:
    make_position(account=desk.account, symbol=desk.symbol)
    assert codes(desk) == {"I6"}


def test_i7_more_fills_than_lots(desk: Desk) -> None:
    order = filled(desk)
    make_fill(order=order, position=Position.objects.get())
    assert codes(desk) == {"I7"}


def test_i8_two_doubts_on_one_key(desk: Desk) -> None:
    for _ in range(2):
        entry(desk, status="UNKNOWN")
    assert "I8" in codes(desk)


def test_i10_an_older_lease_after_a_newer_one(desk: Desk) -> None:
    for epoch in (3, 2):
        order = entry(desk, status="SENDING")
        move = {"source": "APPROVED", "target": "SENDING", "cause": "gate", "epoch": epoch}
        OrderTransition.objects.create(order=order, **move)
    assert "I10" in codes(desk)


def test_i11_an_end_that_nobody_told(desk: Desk) -> None:
    order = entry(desk, status="EXPIRED")
    OrderTransition.objects.create(order=order, source="APPROVED", target="EXPIRED", cause="gate")
    assert codes(desk) == {"I11"}


def test_i12_a_position_without_a_stop_for_too_long(desk: Desk) -> None:
    filled(desk)
    Position.objects.update(unprotected_since=now() - timedelta(seconds=6))
    assert codes(desk) == {"I12"}
    Position.objects.update(hands_off=True)
    assert codes(desk) == set()


def test_i13_the_broker_has_other_lots_than_we(desk: Desk) -> None:
    filled(desk)
    state = ScriptedBroker().account()
    assert [v.code for v in exposure_differs(account=desk.account, state=state)] == ["I13"]
    lots, price = Decimal("0.1"), Decimal("1.1")
    seen = PositionState("7", "EURUSD", 1, lots, price, NOON)
    same = replace(state, positions=(seen,))
    assert exposure_differs(account=desk.account, state=same) == []


def test_i16_a_run_that_tells_of_another_end_than_its_order_had(desk: Desk) -> None:
    order = filled(desk)
    order.run = make_run(deployment=desk.deployment, outcome="DENIED")
    order.save()
    assert codes(desk) == {"I16"}
    StrategyRun.objects.update(outcome="ENTRY")
    assert codes(desk) == set()
    Order.objects.update(sent_at=None)
    assert codes(desk) == {"I16"}


def test_i14_a_switch_that_nobody_let_go_of(desk: Desk) -> None:
    make_kill_switch(account=desk.account)
    KillSwitch.objects.update(rearmed_at=now())
    assert codes(desk) == {"I14"}


def test_a_broken_invariant_halts_the_account_and_is_told_once(desk: Desk) -> None:
    make_position(account=desk.account, symbol=desk.symbol)
    seen = PositionState("9", "EURUSD", 1, Decimal("0.1"), Decimal("1.1"), NOON)
    state, watch = replace(ScriptedBroker().account(), positions=(seen,)), Watch()
    for _ in range(2):
        invariants_enforce(account=desk.account, state=state, watch=watch)
    account = Account.objects.get()
    assert account.state == "HALTED"
    assert account.state_reason.startswith("Invariant broken: I6")
    assert Event.objects.filter(kind="invariant.broken").count() == 1


def test_a_difference_counts_when_it_is_still_there_at_the_next_look(desk: Desk) -> None:
    filled(desk)
    state, watch = ScriptedBroker().account(), Watch()
    looks = [invariants_enforce(account=desk.account, state=state, watch=watch) for _ in range(2)]
    assert [[v.code for v in look] for look in looks] == [[], ["I13"]]
    assert Account.objects.get().mismatches == 2
    Position.objects.update(closed_at=NOON)
    invariants_enforce(account=desk.account, state=state, watch=watch)
    assert Account.objects.get().mismatches == 0

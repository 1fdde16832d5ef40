"""Signals end as orders or as denials, and the counts agree."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from django.utils.timezone import now

from tests.desk import Desk, entry, make_desk
from tests.factories import make_risk_limit, make_run
from trading.models import Account, Lease, Order, RiskLimit, StrategyRun, Symbol
from trading.selectors.signals import SignalCounts, signal_counts
from trading.services.runs import run_execute

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def counts(desk: Desk) -> SignalCounts:
    return signal_counts(deployment=desk.deployment, since=now() - timedelta(hours=1))


def swing(desk: Desk, minute: int) -> StrategyRun:
    """Answer the bar of a minute; the strategy turns around with every one."""
    price = 1.1 if minute % 2 == 0 else 1.102
    desk.quote(f"{price:.5f}")
    run = desk.close_bar(minute, price)
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    return run


def test_a_refusal_of_the_gate_is_the_answer_with_all_numbers(desk: Desk) -> None:
    make_risk_limit(control="MAX_VALUE", value=Decimal(1000))
    run = swing(desk, 0)
    assert (run.outcome, run.code) == ("DENIED", "VALUE_TOO_LARGE")
    assert run.numbers["refusal"]["limit"] == "1000"
    assert run.numbers["findings"] == [f"VALUE_TOO_LARGE: {run.message}"]
    assert Order.objects.get().status == "EXPIRED"
    assert counts(desk) == SignalCounts(1, 0, {"VALUE_TOO_LARGE": 1}, {})


def test_what_could_not_be_decided_was_no_signal(desk: Desk) -> None:
    Symbol.objects.update(source="silent")
    run = desk.close_bar(0, 1.1)
    run_execute(run_id=run.pk)
    assert counts(desk) == SignalCounts(0, 0, {}, {"QUOTE_STALE": 1})


def test_an_order_whose_sender_died_answers_its_run(desk: Desk) -> None:
    run = make_run(deployment=desk.deployment, state="CLAIMED", outcome="", attempts=1)
    sent = entry(desk, run=run, status="SENDING", sent_at=now())
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert (run.outcome, run.message) == ("ENTRY", f"{sent}: sending")
    assert counts(desk) == SignalCounts(1, 1, {}, {})


WAYS = ("", "decide", "gate", "open", "lease", "account")


def hinder(desk: Desk, how: str) -> None:
    """Put one thing in the way of the next signal, or nothing."""
    RiskLimit.objects.all().delete()
    Lease.objects.update(state="READY")
    Account.objects.update(state="ACTIVE")
    limits: Mapping[str, tuple[str, int]] = {
        "decide": ("MAX_SPREAD", 1),
        "gate": ("MAX_VALUE", 1),
        "open": ("MAX_POSITIONS", 0),
    }
    if how in limits:
        control, value = limits[how]
        make_risk_limit(control=control, value=Decimal(value))
    elif how == "lease":
        Lease.objects.update(state="STARTING")
    elif how == "account":
        Account.objects.update(state="REDUCING")


@pytest.mark.parametrize("seed", range(4))
def test_signals_are_orders_and_denials_whatever_is_in_the_way(desk: Desk, seed: int) -> None:
    ways = Random(seed).choices(WAYS, k=8)  # noqa: S311 - no secret
    for minute, way in enumerate(ways):
        hinder(desk, way)
        swing(desk, minute)
        Order.objects.filter(status="SENDING").update(status="REJECTED")
    found = counts(desk)
    assert found.is_whole
    assert found.signals == len(ways)
    assert found.orders == ways.count("")

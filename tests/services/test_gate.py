"""The gate lets an entry pass only while everything that may forbid it was asked."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import LazySettings
from django.db.models import F
from django.utils.timezone import now

from tests.desk import Desk, ScriptedBroker, entry, expired, make_desk
from tests.factories import make_deployment, make_position, make_risk_limit
from trading.models import Account, Event, Lease, Order, QuoteBoard
from trading.selectors.quotes import quote_key
from trading.services.gate import gate_pass
from trading.services.sending import order_send

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def code(desk: Desk, **fields: object) -> str:
    refusal = gate_pass(order=entry(desk, **fields))
    return refusal[0] if refusal else ""


def test_an_entry_that_nothing_forbids_passes_under_the_epoch_of_the_lease(desk: Desk) -> None:
    order = entry(desk)
    assert gate_pass(order=order) is None
    order.refresh_from_db()
    assert (order.status, order.epoch) == ("SENDING", 1)
    move = order.transitions.get(target="SENDING")
    assert (move.epoch, move.cause) == (1, "gate")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda: Lease.objects.all().delete(), "NO_GATEWAY"),
        (lambda: Lease.objects.update(owner=""), "NO_GATEWAY"),
        (lambda: Lease.objects.update(expires_tick=F("seen_tick") + 10), "NO_GATEWAY"),
        (lambda: Lease.objects.update(min_build=10**12), "BUILD_FENCED"),
        (lambda: Lease.objects.update(state="STARTING"), "NOT_RECONCILED"),
        (lambda: Lease.objects.update(seen_tick=F("seen_tick") - 6), "STATUS_STALE"),
        (lambda: Account.objects.update(state="REDUCING"), "ACCOUNT_NOT_ACTIVE"),
    ],
)
def test_a_gateway_must_run_the_account_and_have_just_seen_it(
    desk: Desk, spoil: Callable[[], object], expected: str
) -> None:
    spoil()
    assert code(desk) == expected


def test_a_refusal_is_final_explained_and_told(desk: Desk) -> None:
    Lease.objects.update(state="STARTING")
    order = entry(desk)
    gate_pass(order=order)
    assert (order.status, order.code) == ("EXPIRED", "NOT_RECONCILED")
    assert "Expected a reconciled account" in order.message
    event = Event.objects.get()
    assert (event.kind, event.payload["order"]) == ("order.denied", order.pk)


def test_a_second_pass_is_refused_and_changes_nothing(desk: Desk) -> None:
    order = entry(desk)
    gate_pass(order=order)
    again = gate_pass(order=Order.objects.get(pk=order.pk))
    assert again is not None
    assert again[0] == "ALREADY_SENT"
    assert Order.objects.get(pk=order.pk).status == "SENDING"


def test_what_is_too_old_is_not_sent(desk: Desk) -> None:
    assert code(desk, good_until=expired()) == "SIGNAL_TOO_OLD"


def test_a_disk_that_is_nearly_full_takes_no_entry_but_exits(
    desk: Desk, settings: LazySettings
) -> None:
    settings.DISK_RESERVE_MB = 10**9
    assert code(desk) == "DISK_FULL"
    assert code(desk, purpose="CLOSE", position_id="7") == ""


def test_without_a_fresh_quote_nothing_is_sent(desk: Desk) -> None:
    from django.core.cache import cache

    cache.delete(quote_key(desk.symbol.source, desk.symbol.name))
    QuoteBoard.objects.all().delete()
    assert code(desk) == "QUOTE_STALE"


@pytest.mark.parametrize("status", ["SENDING", "UNKNOWN"])
def test_a_doubtful_entry_locks_its_own_key_only(desk: Desk, status: str) -> None:
    entry(desk, status=status)
    assert code(desk) == "IN_DOUBT"
    other = make_deployment(account=desk.account, symbol=desk.symbol)
    assert code(desk, deployment=other) == ""


def test_a_rejection_locks_until_it_is_verified(desk: Desk) -> None:
    rejected = entry(desk, status="REJECTED", verify_stage=2)
    assert code(desk) == "IN_DOUBT"
    Order.objects.filter(pk=rejected.pk).update(verify_stage=0)
    assert code(desk) == ""


def test_orders_on_their_way_count_as_positions(desk: Desk) -> None:
    make_risk_limit(control="MAX_POSITIONS", value=2)
    make_position(account=desk.account, symbol=desk.symbol)
    other = make_deployment(account=desk.account, symbol=desk.symbol)
    assert code(desk, deployment=other) == ""
    assert code(desk) == "MAX_POSITIONS"


def test_a_spread_that_widened_since_the_decision_is_refused(desk: Desk) -> None:
    make_risk_limit(control="MAX_SPREAD", value=5)
    assert code(desk) == "SPREAD_TOO_WIDE"


def test_a_position_by_hand_freezes_its_symbol_where_the_account_says_so(desk: Desk) -> None:
    make_position(account=desk.account, symbol=desk.symbol, origin="MANUAL")
    assert code(desk) == ""
    Order.objects.filter(status="SENDING").update(status="REJECTED")
    Account.objects.update(manual_policy="FREEZE")
    assert code(desk) == "SYMBOL_FROZEN"


class TestNetting:
    """One position for each symbol: closes count volume, so they are sent like entries."""

    @pytest.fixture
    def desk(self) -> Desk:
        made = make_desk()
        Account.objects.update(position_mode="NETTING")
        made.account.refresh_from_db()
        return made

    def test_two_running_deployments_on_a_symbol_are_refused(self, desk: Desk) -> None:
        make_deployment(account=desk.account, symbol=desk.symbol)
        assert code(desk) == "NETTING_SHARED"

    def test_a_position_of_others_on_the_symbol_is_refused(self, desk: Desk) -> None:
        make_position(account=desk.account, symbol=desk.symbol, origin="MANUAL")
        assert code(desk) == "NETTING_SHARED"

    def test_a_doubtful_close_locks_entries_and_further_closes(self, desk: Desk) -> None:
        entry(desk, purpose="CLOSE", position_id="7", status="UNKNOWN")
        assert code(desk) == "IN_DOUBT"
        assert code(desk, purpose="CLOSE", position_id="7", origin="KILL") == "IN_DOUBT"


def test_a_partial_close_waits_for_the_one_before_it(desk: Desk) -> None:
    close = {"purpose": "CLOSE", "position_id": "7", "remaining_lots": Decimal("0.05")}
    entry(desk, **close, status="UNKNOWN")
    assert code(desk, **close) == "IN_DOUBT"
    assert code(desk, purpose="CLOSE", position_id="7") == ""


def test_a_process_that_was_stopped_behind_the_gate_does_not_send(
    desk: Desk, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, settings.TIMING.call_deadline + 1])
    monkeypatch.setattr("trading.services.sending.monotonic", lambda: next(clock))
    order, broker = entry(desk), ScriptedBroker()
    order_send(order=order, broker=broker)
    assert (order.status, order.code, broker.asked) == ("REJECTED", "DEADLINE", [])
    assert order.verify_stage == 0


def test_three_rejections_in_ten_minutes_pause_the_deployment(desk: Desk) -> None:
    from trading.brokers.base import Receipt, Rejected

    def refuse() -> Receipt:
        raise Rejected("no", "10006")

    for _ in range(3):
        order = entry(desk)
        order_send(order=order, broker=ScriptedBroker(refuse))
        Order.objects.update(verify_stage=0)
    desk.deployment.refresh_from_db()
    assert desk.deployment.state == "PAUSED"
    Order.objects.update(finished_at=now() - timedelta(minutes=11))

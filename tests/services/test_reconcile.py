"""Reconciliation mends our record by what the broker shows, under the lease, and only once."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.conf import LazySettings
from django.utils.timezone import now

from tests.desk import NOON, Desk, ScriptedBroker, make_desk, opening
from tests.factories import make_fill, make_order, make_position
from trading.engine.types import (
    AccountState,
    ExitReason,
    Fill,
    OrderKind,
    PositionState,
    RestingOrder,
    Snapshot,
)
from trading.models import Account, Event, Lease, Order, Position
from trading.models import Fill as FillRow
from trading.selectors.attention import accounts_in_doubt
from trading.services.clock import clock_read
from trading.services.leases import Grip, LeaseLost
from trading.services.orders import client_id_new
from trading.services.reconcile import account_reconcile

pytestmark = pytest.mark.django_db
STATE = ScriptedBroker().account()
LONG_AGO = 1000.0


@dataclass(slots=True)
class ShowingBroker(ScriptedBroker):
    """Shows what a test gives it."""

    shown: Snapshot = field(default_factory=lambda: Snapshot(STATE, (), (), NOON))

    def snapshot(self, since: datetime) -> Snapshot:
        self.asked.append(f"since {since:%d %H:%M}")
        return self.shown


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def grip_of(desk: Desk) -> Grip:
    lease = Lease.objects.get(account=desk.account)
    return Grip(lease.pk, desk.account.pk, None, lease.owner, lease.epoch, None, float("inf"))


def reconcile(desk: Desk, *positions: PositionState, deals: tuple[Fill, ...] = ()) -> None:
    shown = Snapshot(replace(STATE, positions=positions), (), deals, NOON)
    broker = ShowingBroker(shown=shown)
    account_reconcile(account=desk.account, broker=broker, grip=grip_of(desk))


def sent(desk: Desk, age: float, **fields: object) -> Order:
    """An order that was sent `age` seconds ago and has no known outcome."""
    moment = clock_read()
    given = {
        "account": desk.account,
        "deployment": desk.deployment,
        "symbol": desk.symbol,
        "status": "UNKNOWN",
        "sent_tick": moment.tick - age,
        "sent_boot": moment.boot,
        "sent_at": now() - timedelta(seconds=age),
        "quoted_at": NOON,
        "stop": Decimal("1.09"),
        "epoch": 1,
    }
    return make_order(**{**given, **fields})


def seen(client_id: str = "", **fields: object) -> PositionState:
    position = PositionState("7", "EURUSD", 1, Decimal("0.1"), Decimal("1.1"), NOON)
    return replace(position, client_id=client_id, stop=Decimal("1.09"), **fields)  # type: ignore[arg-type]


def status(order: Order) -> str:
    return Order.objects.get(pk=order.pk).status


def kinds() -> list[str]:
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


def test_a_deal_nobody_recorded_fills_its_order(desk: Desk) -> None:
    order = sent(desk, 1)
    reconcile(desk, seen(order.client_id), deals=(opening(order.client_id),))
    assert status(order) == "FILLED"
    assert Position.objects.get().origin == "STRATEGY"


def test_a_position_opened_and_closed_between_two_readings_is_on_record(desk: Desk) -> None:
    order = sent(desk, 1)
    out = replace(opening(order.client_id), deal_id="7-out", opens=False, reason=ExitReason.STOP)
    reconcile(desk, deals=(opening(order.client_id), out))
    assert status(order) == "FILLED"
    assert Position.objects.get().exit_reason == "STOP"


def test_a_position_with_its_client_id_proves_an_entry_without_a_deal(desk: Desk) -> None:
    order = sent(desk, 1)
    reconcile(desk, seen(order.client_id))
    assert (status(order), kinds()[-1]) == ("FILLED", "order.resolved")
    move = order.transitions.get()
    assert (move.cause, move.epoch, move.evidence["position"]) == ("reconcile", 1, "7")


def test_a_position_without_a_name_that_fits_is_taken_for_it_with_an_alarm(desk: Desk) -> None:
    order = sent(desk, 1)
    reconcile(desk, seen(magic=desk.deployment.pk))
    assert (status(order), kinds()[-1]) == ("FILLED", "order.matched")
    assert Position.objects.get().origin == "STRATEGY"


def test_an_absence_is_believed_after_the_horizon_and_two_readings(
    desk: Desk, settings: LazySettings
) -> None:
    order = sent(desk, LONG_AGO)
    reconcile(desk)
    assert status(order) == "UNKNOWN"
    Order.objects.update(absent_tick=clock_read().tick - settings.TIMING.reread)
    reconcile(desk)
    assert status(order) == "NOT_EXECUTED"
    assert not accounts_in_doubt([desk.account.pk])


def test_an_incomplete_reading_proves_no_absence(desk: Desk) -> None:
    order = sent(desk, LONG_AGO, absent_tick=clock_read().tick - LONG_AGO)
    broker = ShowingBroker(shown=Snapshot(STATE, (), (), NOON, is_complete=False))
    assert not account_reconcile(account=desk.account, broker=broker, grip=grip_of(desk))
    assert status(order) == "UNKNOWN"


def test_what_was_taken_for_dead_comes_back_as_a_late_fill_with_an_alarm(desk: Desk) -> None:
    order = sent(desk, LONG_AGO, status="NOT_EXECUTED")
    reconcile(desk, seen(order.client_id), deals=(opening(order.client_id),))
    assert status(order) == "LATE_FILLED"
    assert Event.objects.filter(kind="order.late_filled", severity=50).exists()


def test_a_rejection_that_was_executed_all_the_same_is_found(desk: Desk) -> None:
    order = sent(desk, 10, status="REJECTED", verify_stage=2)
    reconcile(desk, seen(order.client_id))
    order.refresh_from_db()
    assert (order.status, order.verify_stage) == ("LATE_FILLED", 0)


def test_a_rejection_is_believed_after_two_readings(desk: Desk) -> None:
    order = sent(desk, LONG_AGO, status="REJECTED", verify_stage=2)
    for stage in (1, 0):
        reconcile(desk)
        order.refresh_from_db()
        assert (order.status, order.verify_stage) == ("REJECTED", stage)


def test_a_sender_that_died_leaves_a_doubt(desk: Desk) -> None:
    order = sent(desk, 30, status="SENDING")
    reconcile(desk)
    order.refresh_from_db()
    assert (order.status, order.code) == ("UNKNOWN", "INTERRUPTED")


def test_an_order_nobody_sent_in_time_expires(desk: Desk) -> None:
    late = now() - timedelta(seconds=1)
    order = make_order(account=desk.account, symbol=desk.symbol, good_until=late)
    reconcile(desk)
    assert (status(order), kinds()) == ("EXPIRED", ["order.denied"])


def test_a_close_whose_position_is_still_there_may_be_asked_for_again(desk: Desk) -> None:
    make_position(account=desk.account, symbol=desk.symbol, broker_id="7")
    close = sent(desk, 30, purpose="CLOSE", position_id="7")
    reconcile(desk, seen())
    assert status(close) == "NOT_EXECUTED"


def test_a_close_whose_position_is_gone_was_executed(desk: Desk) -> None:
    make_position(account=desk.account, symbol=desk.symbol, broker_id="7")
    close = sent(desk, 30, purpose="CLOSE", position_id="7")
    reconcile(desk)
    assert status(close) == "FILLED"


def test_a_position_opened_by_hand_is_written_down_as_that(desk: Desk) -> None:
    reconcile(desk, seen(by_hand=True))
    position = Position.objects.get()
    assert (position.origin, position.deployment) == ("MANUAL", None)
    assert kinds() == ["position.manual"]


def test_what_a_person_changed_is_taken_over_and_told(desk: Desk) -> None:
    make_position(account=desk.account, symbol=desk.symbol, broker_id="7", lots=Decimal("0.3"))
    reconcile(desk, seen())
    position = Position.objects.get()
    assert (position.lots, position.stop, position.wanted_stop) == (
        Decimal("0.1"),
        Decimal("1.09"),
        Decimal("1.09"),
    )
    assert kinds() == ["position.changed"]


def test_a_stop_that_follows_is_no_change_of_a_person(desk: Desk) -> None:
    moving = {"stop": Decimal("1.08"), "wanted_stop": Decimal("1.095"), "moving_since": now()}
    ours = {"account": desk.account, "symbol": desk.symbol, "broker_id": "7"}
    make_position(**ours, lots=Decimal("0.1"), **moving)
    reconcile(desk, seen())  # with its stop at 1.09, on the way
    assert kinds() == []
    assert Position.objects.get().wanted_stop == Decimal("1.095")


def test_a_part_closed_by_hand_does_not_hold_a_stop_up(desk: Desk) -> None:
    moving = {"stop": Decimal("1.08"), "wanted_stop": Decimal("1.095"), "moving_since": now()}
    ours = {"account": desk.account, "symbol": desk.symbol, "broker_id": "7"}
    make_position(**ours, lots=Decimal("0.3"), **moving)
    reconcile(desk, seen())
    position = Position.objects.get()
    assert (position.lots, position.wanted_stop) == (Decimal("0.1"), Decimal("1.095"))
    assert position.moving_since is not None


def test_a_stop_that_a_person_moves_meanwhile_is_the_wanted_one(desk: Desk) -> None:
    moving = {"stop": Decimal("1.07"), "wanted_stop": Decimal("1.08"), "moving_since": now()}
    ours = {"account": desk.account, "symbol": desk.symbol, "broker_id": "7"}
    make_position(**ours, lots=Decimal("0.1"), **moving)
    reconcile(desk, seen())
    position = Position.objects.get()
    assert (position.wanted_stop, position.moving_since) == (Decimal("1.09"), None)
    assert kinds() == ["position.changed"]


def test_a_position_with_our_mark_that_no_order_explains_halts_the_account(desk: Desk) -> None:
    stranger = client_id_new(deployment=desk.deployment, decision_key="of a lost database")
    reconcile(desk, seen(stranger, magic=desk.deployment.pk))
    account = Account.objects.get()
    assert account.state == "HALTED"
    assert "restored?" in account.state_reason


def test_an_order_that_rests_although_it_is_over_is_taken_back(desk: Desk) -> None:
    order = sent(desk, LONG_AGO, status="NOT_EXECUTED", kind="STOP")
    price = Decimal("1.2")
    resting = RestingOrder(
        "o", "EURUSD", 1, order.lots, OrderKind.STOP, price, client_id=order.client_id
    )
    broker = ShowingBroker(shown=Snapshot(STATE, (resting,), (), NOON))
    account_reconcile(account=desk.account, broker=broker, grip=grip_of(desk))
    assert broker.asked[-1] == f"cancel {order.client_id}"
    assert kinds() == ["order.withdrawn"]


def test_a_position_that_vanished_and_returns_is_open_again(desk: Desk) -> None:
    gone = {"closed_at": NOON, "exit_reason": "UNKNOWN"}
    make_position(account=desk.account, symbol=desk.symbol, broker_id="7", **gone)
    reconcile(desk, seen())
    assert Position.objects.get().closed_at is None
    assert "position.returned" in kinds()


def test_doing_it_again_changes_and_tells_nothing(desk: Desk) -> None:
    order = sent(desk, 1)
    for _ in range(3):
        reconcile(desk, seen(order.client_id), deals=(opening(order.client_id),))
    told = kinds()
    reconcile(desk, seen(order.client_id), deals=(opening(order.client_id),))
    assert kinds() == told
    assert order.transitions.count() == 1


def test_nothing_is_applied_once_the_lease_is_lost(desk: Desk) -> None:
    order, grip = sent(desk, 1), grip_of(desk)
    Lease.objects.update(epoch=2)
    broker = ShowingBroker(shown=Snapshot(_with(seen(order.client_id)), (), (), NOON))
    with pytest.raises(LeaseLost):
        account_reconcile(account=desk.account, broker=broker, grip=grip)
    assert status(order) == "UNKNOWN"


def test_deals_are_read_from_before_the_oldest_doubt(desk: Desk) -> None:
    Account.objects.update(reconciled_to=NOON)
    desk.account.refresh_from_db()
    sent(desk, 1, quoted_at=NOON - timedelta(hours=3))
    broker = ShowingBroker()
    account_reconcile(account=desk.account, broker=broker, grip=grip_of(desk))
    assert broker.asked == ["since 14 08:50"]


def test_ticks_of_before_a_reboot_begin_anew(desk: Desk) -> None:
    order = sent(desk, LONG_AGO, sent_boot="an older boot", absent_tick=5.0)
    reconcile(desk)
    order.refresh_from_db()
    assert (order.status, order.sent_tick) == ("UNKNOWN", 0.0)
    assert order.sent_boot == clock_read().boot


def _with(*positions: PositionState) -> AccountState:
    return replace(STATE, positions=positions)


def test_a_position_that_is_shown_long_after_its_close_was_only_reduced(desk: Desk) -> None:
    closed = {"closed_at": NOON, "exit_reason": "SIGNAL", "lots": Decimal("0.2")}
    position = make_position(account=desk.account, symbol=desk.symbol, broker_id="7", **closed)
    fill = make_fill(position=position, opens=False)
    reconcile(desk, seen())
    assert Position.objects.get().closed_at is not None
    FillRow.objects.filter(pk=fill.pk).update(recorded_at=now() - timedelta(minutes=2))
    reconcile(desk, seen())
    position.refresh_from_db()
    assert (position.closed_at, position.lots) == (None, Decimal("0.1"))

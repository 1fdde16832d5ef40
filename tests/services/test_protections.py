"""Protections lock after the close that is one too many; people lock and release."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from tests.desk import NOON, Desk, entry, make_desk, opening
from tests.factories import (
    make_account,
    make_deployment,
    make_lock,
    make_position,
    make_protection,
    make_symbol,
)
from trading.engine.types import ExitReason, Fill
from trading.models import Account, Event, Lock, Position, ProtectionRule, Side
from trading.selectors.protections import lock_over, locks_holding
from trading.services.fills import fills_record
from trading.services.gate import gate_pass
from trading.services.protections import (
    LockScope,
    lock_add,
    lock_release,
    locks_expire,
    protections_judge,
)

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def closing(profit: int) -> Fill:
    given = {"deal_id": "7-out", "opens": False, "reason": ExitReason.STOP}
    return replace(opening(""), profit=Decimal(profit), **given)  # type: ignore[arg-type]


def lost(desk: Desk, profit: float, **fields: Any) -> Position:
    """A position of the desk's deployment that was closed at NOON."""
    given = {"account": desk.account, "symbol": desk.symbol, "deployment": desk.deployment}
    money = {"profit": Decimal(str(profit)), "closed_at": NOON, "exit_reason": "STOP"}
    return make_position(**{**given, **money, **fields})


def judged(desk: Desk) -> list[Lock]:
    return protections_judge(account=desk.account, at=NOON)


def code(desk: Desk, **fields: Any) -> str:
    refusal = gate_pass(order=entry(desk, **fields))
    return refusal[0] if refusal else ""


class TestRules:
    def test_the_close_that_is_one_too_many_locks_with_its_reason(self, desk: Desk) -> None:
        rule = make_protection(kind="STOP_GUARD", trades=2)
        lost(desk, -20)
        fills_record(account=desk.account, fills=[opening("x"), closing(-10)])
        lock = Lock.objects.get()
        assert (lock.rule, lock.account, lock.symbol) == (rule, desk.account, None)
        assert lock.trade == Position.objects.get(broker_id="7")
        assert lock.reason == "2 losing stops in 1 d, -30.70 USD"
        assert lock.expires_at is not None
        assert timedelta(minutes=59) < lock.expires_at - now() <= HOUR
        event = Event.objects.latest("id")
        assert (event.kind, event.payload["lock"]) == ("lock.added", lock.pk)
        assert event.message.startswith(f"Lock on {desk.account} by Stop guard #{rule.pk} until")

    def test_what_is_closed_in_part_locks_nothing(self, desk: Desk) -> None:
        make_protection()
        half = replace(closing(-10), lots=Decimal("0.05"))
        fills_record(account=desk.account, fills=[opening("x"), half])
        assert not Lock.objects.exists()

    def test_judging_again_changes_nothing_also_once_it_is_released(
        self, desk: Desk, owner: User
    ) -> None:
        make_protection()
        lost(desk, -20)
        (lock,) = judged(desk)
        assert judged(desk) == []
        lock_release(lock=lock, actor=owner, reason="known")
        assert judged(desk) == []

    def test_a_gain_prolongs_no_lock_and_a_loss_does(self, desk: Desk) -> None:
        make_protection()
        lost(desk, -20)
        judged(desk)
        lost(desk, 20, closed_at=NOON + timedelta(minutes=1))
        assert judged(desk) == []
        last = lost(desk, -1, closed_at=NOON + timedelta(minutes=2))
        assert [lock.trade for lock in judged(desk)] == [last]

    def test_open_losses_of_a_reading_lock_net_of_costs(self, desk: Desk) -> None:
        make_protection(kind="MAX_DRAWDOWN", threshold=50)
        open_ = {"closed_at": None, "swap": Decimal(-3), "commission": Decimal(7)}
        position = lost(desk, -40, **open_)
        assert judged(desk) == []
        Position.objects.update(swap=Decimal("-3.01"))
        (lock,) = judged(desk)
        assert lock.trade == position
        assert lock.reason.startswith("Drawdown 50.01 USD, -50.01 USD of it open")

    def test_percentages_are_of_what_the_account_began_with(self, desk: Desk) -> None:
        terms = {"kind": "MAX_DRAWDOWN", "threshold": 1, "unit": "PERCENT_INITIAL"}
        make_protection(**terms)
        Account.objects.update(initial_balance=Decimal(5_000))
        lost(desk, -50)
        assert judged(desk) == []
        lost(desk, -1)
        assert len(judged(desk)) == 1

    def test_of_everything_percentages_are_of_all_equity(self, desk: Desk) -> None:
        terms = {"kind": "MAX_DRAWDOWN", "threshold": 1, "unit": "PERCENT_EQUITY"}
        make_protection(scope="GLOBAL", **terms)
        make_account(equity=Decimal(20_000))
        lost(desk, -1_200)
        assert judged(desk) == []
        lost(desk, -1)
        assert len(judged(desk)) == 1

    def test_everything_is_locked_by_what_happens_on_any_account(self, desk: Desk) -> None:
        make_protection(kind="LOSS_STREAK", scope="GLOBAL", trades=2)
        lost(desk, -1)
        lost(desk, -1, account=make_account(), deployment=None)
        (lock,) = judged(desk)
        assert (lock.scope, lock.account) == ("everything", None)

    def test_a_deployment_is_locked_alone(self, desk: Desk) -> None:
        make_protection(scope="DEPLOYMENT")
        lost(desk, -1)
        judged(desk)
        assert code(desk) == "LOCKED"
        other = make_deployment(account=desk.account, symbol=desk.symbol)
        assert code(desk, deployment=other) == ""
        assert judged(desk) == []

    @pytest.mark.parametrize("columns", [{"enabled": False}, {"zone": "Europe/Atlantis"}])
    def test_rules_that_are_off_or_make_no_sense_lock_nothing(
        self, desk: Desk, columns: dict[str, Any]
    ) -> None:
        ProtectionRule.objects.update_or_create(pk=make_protection().pk, defaults=columns)
        make_protection(account=make_account())
        lost(desk, -1)
        assert judged(desk) == []

    def test_without_rules_one_question_is_asked(
        self, desk: Desk, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(1):
            judged(desk)


class TestLocks:
    def test_a_lock_refuses_entries_with_its_reason_and_lets_exits_pass(self, desk: Desk) -> None:
        until = now() + HOUR
        lock_add(scope=LockScope(), reason="calm down", actor="x", expires_at=until)
        order = entry(desk)
        assert gate_pass(order=order) == (
            "LOCKED",
            f"Lock on everything until {until:%a %H:%M} UTC: calm down",
        )
        assert code(desk, purpose="CLOSE", position_id="7") == ""

    @pytest.mark.parametrize(
        ("columns", "expected"),
        [
            ({}, "LOCKED"),
            ({"account": "own", "symbol": "own"}, "LOCKED"),
            ({"account": "own", "symbol": "other"}, ""),
            ({"account": "other", "symbol": "own"}, ""),
            ({"symbol": "own", "side": Side.LONG}, "LOCKED"),
            ({"symbol": "own", "side": Side.SHORT}, ""),
            ({"deployment": "own"}, "LOCKED"),
            ({"deployment": "other"}, ""),
            ({"expires_at": now()}, ""),
            ({"ended_at": now()}, ""),
        ],
    )
    def test_every_column_of_a_lock_narrows_it_down(
        self, desk: Desk, columns: dict[str, Any], expected: str
    ) -> None:
        columns = dict(columns)
        others = {"account": make_account, "symbol": make_symbol, "deployment": make_deployment}
        for name, value in columns.items():
            if value in ("own", "other"):
                columns[name] = getattr(desk, name) if value == "own" else others[name]()
        make_lock(**columns)
        assert code(desk) == expected

    def test_of_several_locks_the_one_that_holds_longest_is_told(self, desk: Desk) -> None:
        soon, later = (make_lock(expires_at=now() + n * HOUR) for n in (1, 2))
        assert lock_over(order=entry(desk)) == later
        assert list(locks_holding()) == [soon, later]
        endless = make_lock()
        assert lock_over(order=entry(desk)) == endless

    def test_releasing_needs_the_permission_and_a_reason(self, desk: Desk, staff: User) -> None:
        lock = make_lock()
        with pytest.raises(PermissionDenied):
            lock_release(lock=lock, actor=staff, reason="fine")
        staff.user_permissions.add(Permission.objects.get(codename="release_lock"))
        person = User.objects.get(pk=staff.pk)
        with pytest.raises(ValidationError, match="Expected a reason"):
            lock_release(lock=lock, actor=person, reason=" ")
        assert lock_release(lock=lock, actor=person, reason="fine")
        assert (lock.ended_by, lock.end_reason) == ("staff", "fine")
        assert not lock_release(lock=lock, actor=person, reason="again")
        assert [e.kind for e in Event.objects.all()] == ["lock.released"]

    def test_a_lock_that_is_over_is_noted_once(self) -> None:
        lock = make_lock(expires_at=now() - HOUR)
        make_lock(expires_at=now() + HOUR)
        make_lock()
        assert (locks_expire(), locks_expire()) == (1, 0)
        lock.refresh_from_db()
        assert (lock.ended_at, lock.ended_by) == (lock.expires_at, "time")
        assert Event.objects.get().message == "Lock on everything has expired: drill"

    def test_a_lock_needs_a_reason_and_an_end_that_is_to_come(self) -> None:
        with pytest.raises(ValidationError, match="Expected a reason"):
            lock_add(scope=LockScope(), reason="", actor="x")
        with pytest.raises(ValidationError, match="Expected an end in the future"):
            lock_add(scope=LockScope(), reason="x", actor="x", expires_at=now())

    def test_a_deployment_says_it_all(self, desk: Desk) -> None:
        with pytest.raises(ValidationError, match="Expected a deployment or an account"):
            LockScope(account=desk.account, deployment=desk.deployment)

    def test_what_it_locks_is_said_in_words(self, desk: Desk) -> None:
        both = make_lock(account=desk.account, symbol=desk.symbol, side=Side.SHORT)
        assert str(both) == f"Lock on EURUSD of {desk.account}, short only"
        assert str(make_lock(symbol=desk.symbol)) == "Lock on EURUSD"
        assert str(make_lock(deployment=desk.deployment)) == f"Lock on {desk.deployment}"


class TestHours:
    def test_entries_keep_to_the_hours_of_their_deployment(self, desk: Desk) -> None:
        desk.deployment.hours = "Wed 10:00-12:00 UTC"
        desk.deployment.save()
        order = entry(desk)
        assert gate_pass(order=order) == (
            "OUTSIDE_HOURS",
            "Expected within Wed 10:00-12:00 UTC, was Wed 12:00 UTC",
        )
        assert code(desk, purpose="CLOSE", position_id="7") == ""
        desk.quote("1.10000", NOON - timedelta(seconds=1))
        assert code(desk) == ""

    def test_hours_that_cannot_be_read_let_nothing_pass(self, desk: Desk) -> None:
        desk.deployment.hours = "some day"
        desk.deployment.save()
        assert code(desk) == "OUTSIDE_HOURS"

"""A breach is told once a period and stops what its limit says, until the reset or a person."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from tests.factories import make_account, make_account_group, make_deployment
from trading.engine.risk import Action, Control, Finding, Limit, Scope, limit_of
from trading.models import Account, Breach, Event, KillMode, KillSwitch
from trading.services.breaches import Whose, breach_open, breaches_lapse, whose_of
from trading.services.switches import Scope as Switched
from trading.services.switches import kill_pull, kill_rearm

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 4, 17, tzinfo=UTC)
DAILY = limit_of(Control.DAILY_LOSS, 5)


def finding(limit: Limit = DAILY, action: Action | None = None) -> Finding:
    numbers = {"equity": "9400", "floor": "9500"}
    code, action = limit.spec.code, action or limit.action
    return Finding(limit.control, code, "Equity is below the floor", numbers, action, limit)


@pytest.fixture
def account() -> Account:
    return make_account()


def opened(account: Account, limit: Limit = DAILY, **terms: object) -> Breach | None:
    at, action = terms.get("at", NOON), terms.get("action")
    assert isinstance(at, datetime)
    assert action is None or isinstance(action, Action)
    return breach_open(finding=finding(limit, action), whose=Whose(account=account), at=at)


def test_a_breach_is_noted_and_told_once_a_period(account: Account) -> None:
    assert opened(account) is not None
    assert opened(account, at=NOON + timedelta(hours=1)) is None
    event = Event.objects.get(kind="limit.breached")
    assert (event.payload["floor"], event.account) == ("9500", account)
    assert opened(make_account()) is not None
    assert opened(account, at=NOON + timedelta(days=1)) is not None


@pytest.mark.parametrize(
    ("action", "mode"),
    [
        (Action.REDUCE, KillMode.REDUCE),
        (Action.PAUSE, KillMode.HALT),
        (Action.FLATTEN, KillMode.FLATTEN),
    ],
)
def test_what_stops_pulls_a_switch_of_its_account(
    account: Account, action: Action, mode: KillMode
) -> None:
    breach = opened(account, action=action)
    switch = KillSwitch.objects.get()
    assert (switch.mode, switch.account, switch.breach) == (mode, account, breach)


def test_a_notice_pulls_nothing_and_a_refusal_is_not_kept(account: Account) -> None:
    assert opened(account, action=Action.NOTIFY) is not None
    assert opened(account, action=Action.BLOCK) is None
    assert (KillSwitch.objects.count(), Breach.objects.count()) == (0, 1)


def test_a_soft_breach_ends_at_the_reset(account: Account) -> None:
    opened(account)
    reset = DAILY.clock.next(NOON)
    assert breaches_lapse(at=reset - timedelta(seconds=1), account=account) == 0
    assert breaches_lapse(at=reset, account=make_account()) == 0
    assert breaches_lapse(at=reset, account=account) == 1
    switch, breach = KillSwitch.objects.get(), Breach.objects.get()
    assert (switch.rearmed_by, breach.ended_by) == ("reset", "reset")


def test_a_hard_breach_holds_until_a_person_lets_go(account: Account) -> None:
    drawdown = limit_of(Control.MAX_DRAWDOWN, 10)
    opened(account, drawdown)
    assert opened(account, drawdown, at=NOON + timedelta(days=3)) is None
    assert breaches_lapse(at=NOON + timedelta(days=9), account=account) == 0
    anna = User.objects.create_superuser("anna")
    assert kill_rearm(switch=KillSwitch.objects.get(), actor=anna, reason="new start")
    assert Breach.objects.get().ended_by == "anna"
    assert opened(account, drawdown, at=NOON + timedelta(hours=1)) is not None


def test_the_switch_of_a_person_stays_when_a_breach_ends(account: Account) -> None:
    kill_pull(scope=Switched(account=account), mode=KillMode.HALT, reason="mine", actor="anna")
    opened(account)
    breaches_lapse(at=NOON + timedelta(days=1), account=account)
    assert KillSwitch.objects.get(rearmed_at=None).pulled_by == "anna"


def test_a_group_stops_each_of_its_accounts(account: Account) -> None:
    group = make_account_group(account, make_account())
    limit = limit_of(Control.MAX_DRAWDOWN, 10, scope=Scope.GROUP, target=str(group.pk))
    whose = whose_of(finding=finding(limit), account=account, deployment=None)
    breach = breach_open(finding=finding(limit), whose=whose, at=NOON)
    assert (whose.group, KillSwitch.objects.filter(breach=breach).count()) == (group, 2)
    anna = User.objects.create_superuser("anna")
    first, second = KillSwitch.objects.all()
    kill_rearm(switch=first, actor=anna, reason="looked at")
    assert Breach.objects.get().ended_at is None
    kill_rearm(switch=second, actor=anna, reason="looked at")
    assert Breach.objects.get().ended_at is not None


def test_a_strategy_or_everything_is_stopped_by_the_subject(account: Account) -> None:
    deployment = make_deployment(account=account)
    for control, expected in (
        (Control.REPEATED_ENTRIES, Whose(deployment=deployment)),
        (Control.GLOBAL_LOSS, Whose()),
        (Control.DAILY_LOSS, Whose(account=account)),
    ):
        found = finding(limit_of(control, Decimal(5)))
        assert whose_of(finding=found, account=account, deployment=deployment) == expected

"""What the equity guard says and stops, and what it writes down."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from tests.factories import make_account, make_account_group, make_fill, make_position
from trading.engine.risk import Action, Control, DrawdownState, Limit, Scope, Subject, limit_of
from trading.engine.risk.guard import DAY
from trading.engine.risk.watching import Alarm, Kind, Owner, Rule
from trading.models import Account, Breach, DayMark, Event, KillSwitch, LossState
from trading.selectors.guards import Ledger, alarms_raised, states_of
from trading.services.guards import alarm_act, states_keep

pytestmark = pytest.mark.django_db
D = Decimal
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAILY = limit_of(Control.DAILY_LOSS, 5, action=Action.FLATTEN)


@pytest.fixture
def account() -> Account:
    return make_account()


def alarm(account: Account, kind: Kind, limit: Limit = DAILY, **more: object) -> Alarm:
    owner = Owner(Subject.ACCOUNT, str(account.pk))
    clock = limit.clock
    values: dict[str, object] = {
        "rule": Rule(limit, owner),
        "clock": clock,
        "level": 80 if kind is Kind.WARNED else 100,
        "began": clock.start(NOON),
        "ends": clock.next(NOON),
        "equity": D(9500),
        "worst": D(9000),
        "reference": D(10_000),
        "floor": D(9400),
        "buffer": D(100),
        "key": f"key|of|{kind}|20260303T220000|{kind}|100",
        **more,
    }
    return Alarm(kind=kind, **values)  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Kind.WARNED, "80 % are used: equity is 9500.00, the floor 9400.00"),
        (Kind.WORST, "Equity would be 9000.00 at its stops, the floor is 9400.00"),
        (Kind.RESET, "The reset alone will break it: equity is 9500.00, the floor then 9400.00"),
    ],
)
def test_a_warning_is_an_event_and_stops_nothing(account: Account, kind: Kind, said: str) -> None:
    assert alarm_act(alarm=alarm(account, kind), account=account, at=NOON) is None
    event = Event.objects.get()
    assert (event.kind, event.account) == ("limit.warning", account)
    assert event.message == f"Daily loss: {said} (5 % of the reference)"
    assert (event.payload["worst"], event.payload["kind"]) == ("9000.00", kind)
    assert not KillSwitch.objects.exists()


def test_what_is_broken_pulls_a_switch_with_all_its_numbers(account: Account) -> None:
    breach = alarm_act(alarm=alarm(account, Kind.BROKEN), account=account, at=NOON)
    assert breach is not None
    assert (breach.account, breach.ends, breach.numbers["buffer"]) == (
        account,
        DAY.next(NOON),
        "100.00",
    )
    switch = KillSwitch.objects.get()
    assert (switch.breach, switch.mode, switch.pulled_by) == (breach, "FLATTEN", "limits")
    assert "Equity is 9500.00, the floor 9400.00 with a buffer of 100.00" in switch.reason
    assert alarm_act(alarm=alarm(account, Kind.BROKEN), account=account, at=NOON) is None


def test_what_is_trimmed_reduces_until_the_reset(account: Account) -> None:
    breach = alarm_act(alarm=alarm(account, Kind.TRIM), account=account, at=NOON)
    assert breach is not None
    assert (breach.action, breach.code, breach.ends) == ("REDUCE", "RESET_TRIM", DAY.next(NOON))


def test_a_share_of_the_daily_loss_ends_with_its_day(account: Account) -> None:
    used = limit_of(Control.DAILY_LOSS_USED, 80)
    prague = replace(DAILY, reset=time(0), zone="Europe/Prague").clock
    found = alarm(account, Kind.BROKEN, used, clock=prague)
    breach = alarm_act(alarm=found, account=account, at=NOON)
    assert breach is not None
    assert (breach.action, breach.ends) == ("REDUCE", datetime(2026, 3, 4, 23, tzinfo=UTC))


def test_a_group_is_nobodys_account(account: Account) -> None:
    group = make_account_group(account)
    limit = replace(DAILY, scope=Scope.GROUP, target=str(group.pk))
    rule = Rule(limit, Owner(Subject.GROUP, str(group.pk)))
    for kind in (Kind.WARNED, Kind.BROKEN):
        alarm_act(alarm=alarm(account, kind, rule=rule), account=account, at=NOON)
    assert Event.objects.filter(kind__startswith="limit.", account=None).count() == 2
    assert (Breach.objects.get().group, KillSwitch.objects.get().account) == (group, account)


def test_what_was_raised_is_recalled_until_a_person_lets_go(account: Account) -> None:
    warned, broken = alarm(account, Kind.WARNED), alarm(account, Kind.BROKEN)
    alarm_act(alarm=warned, account=account, at=NOON)
    breach = alarm_act(alarm=broken, account=account, at=NOON)
    assert breach is not None
    raised = alarms_raised(account)
    assert raised.keys == {warned.key: True, broken.key: True}
    assert raised.breaches == {breach.pk: broken.key}
    Breach.objects.update(ended_at=NOON, ended_by="somebody")
    assert alarms_raised(account).keys[broken.key] is False


def test_states_are_kept_by_owner_and_clock(account: Account) -> None:
    ten = D(10_000)
    state = DrawdownState(ten, ten, ten, ten, ten, ten, DAY.start(NOON), ten, D(9900))
    key = Owner(Subject.ACCOUNT, str(account.pk)), DAY
    states_keep(states={key: state}, begun=[key], read_at=NOON)
    states_keep(states={key: replace(state, equity=D(9000))}, begun=[], read_at=NOON)
    row = LossState.objects.get()
    assert states_of([key[0]]) == {key: row}
    assert (row.equity, row.start_equity) == (D(9000), D(9900))
    assert DayMark.objects.get().equity == 9900


def test_the_ledger_sums_up_deals_as_they_come(account: Account) -> None:
    position = make_position(account=account)
    ledger = Ledger(account.pk)
    make_fill(position=position, commission=D("3.50"))
    assert ledger.read() == D("-3.50")
    make_fill(position=position, opens=False, profit=D(100), swap=D(-2), commission=D("3.50"))
    make_fill(profit=D(7))
    assert ledger.read() == ledger.read_all() == ledger.since(NOON - timedelta(days=9999)) == D(91)

"""What an account's condition is, for every state, lease and kill switch."""

import pytest
from django.conf import LazySettings
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_account, make_kill_switch, make_lease, make_lock, make_symbol
from trading.models import Account, KillSwitch, Lease
from trading.selectors.clock import Moment
from trading.selectors.conditions import Condition, Health, condition_of, conditions_of

NOW = Moment(1000.0, "boot")
ACTIVE, HALTED = Account.State.ACTIVE, Account.State.HALTED


def lease(**changes: object) -> Lease:
    """One under which entries may be sent at NOW."""
    given = {"owner": "gateway@here:1", "boot": "boot", "epoch": 3, "state": Lease.State.READY}
    return Lease(**{**given, "expires_tick": 1045.0, "seen_tick": 999.5, **changes})


def named(name: str) -> Condition:
    """The condition of the only account, found among all."""
    accounts = Account.objects.select_related("lease")
    return conditions_of(accounts)[accounts.get(name=name).pk]


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (None, "no gateway runs it"),
        (lease(owner=""), "no gateway runs it"),
        (lease(boot="another"), "no gateway runs it"),
        (lease(expires_tick=1010.0), "no gateway runs it"),
        (lease(min_build=8), "only build 8 or newer may trade it, this is 7"),
        (lease(state=Lease.State.STARTING), "it is not reconciled with its broker yet"),
        (lease(seen_tick=990.0), "its broker was not read within 5 s"),
        (lease(seen_tick=0.0), "its broker was not read within 5 s"),
    ],
)
def test_active_account_that_no_entry_could_use_is_degraded(
    settings: LazySettings, held: Lease | None, words: str
) -> None:
    settings.BUILD = 7
    found = condition_of(Account(state=ACTIVE), held, NOW)
    assert found == Condition(Health.DEGRADED, f"No entries: {words}")


def test_active_account_under_a_good_lease_is_active_and_needs_no_reason() -> None:
    assert condition_of(Account(state=ACTIVE), lease(), NOW) == Condition(Health.ACTIVE)


@pytest.mark.parametrize("state", ["REDUCING", "HALTED"])
def test_what_somebody_decided_comes_before_the_lease(state: str) -> None:
    found = condition_of(Account(state=state, state_reason="by hand"), None, NOW)
    assert found == Condition(Health(state), "by hand")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("mode", "health"), [("HALT", "HALTED"), ("FLATTEN", "HALTED"), ("REDUCE", "REDUCING")]
)
def test_kill_switch_shows_on_the_accounts_it_covers(mode: str, health: str) -> None:
    covered = make_account(name="covered")
    for account in (covered, make_account(name="other")):
        make_lease(account=account)
    make_kill_switch(mode=mode, account=covered, reason="drill")
    assert named("covered") == Condition(Health(health), f"Kill switch {mode}: drill")
    assert named("other") == Condition(Health.ACTIVE)


@pytest.mark.django_db
def test_worst_of_switches_and_state_is_shown() -> None:
    make_lease(account=make_account(name="it", state="REDUCING", state_reason="by hand"))
    make_kill_switch(mode="REDUCE")
    assert named("it") == Condition(Health.REDUCING, "by hand")
    make_kill_switch(mode="HALT", reason="fire")
    assert named("it") == Condition(Health.HALTED, "Kill switch HALT: fire")
    KillSwitch.objects.all().delete()
    make_kill_switch(mode="HALT", symbol=make_symbol())
    assert named("it").health is Health.REDUCING


@pytest.mark.django_db
def test_a_lock_on_the_whole_account_is_shown() -> None:
    make_lease(account=make_account(name="it"))
    make_lock(symbol=make_symbol())
    make_lock(side=1)
    make_lock(account=make_account())
    assert named("it").health is Health.ACTIVE
    make_lock(account=Account.objects.get(name="it"), reason="calm down")
    assert named("it") == Condition(Health.DEGRADED, "No entries: locked, calm down")
    make_kill_switch(mode="REDUCE")
    assert named("it").health is Health.DEGRADED


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 5])
def test_conditions_of_many_accounts_cost_as_much_as_of_one(
    count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        make_lease(account=make_account())
    with django_assert_max_num_queries(4):
        found = conditions_of(Account.objects.select_related("lease"))
    assert [c.health for c in found.values()] == [Health.ACTIVE] * count

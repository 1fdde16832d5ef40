"""The lease: one owner, an epoch that grows, take-over by proof or by time, and build fencing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.db.models import F
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.factories import make_account, make_simulated_market
from trading.models import Account, Event, Lease, Severity
from trading.services.clock import Moment, clock_read
from trading.services.leases import (
    Grip,
    LeaseRefused,
    builds_fence,
    lease_acquire,
    lease_ready,
    lease_release,
    lease_renew,
    lease_standing,
    lease_unready,
)
from trading.services.locks import host_identity
from trading.services.transitions import process_name

pytestmark = pytest.mark.django_db
sqlite_only = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="ticks of PostgreSQL know no boot"
)


@pytest.fixture(autouse=True)
def _own_directory(settings: LazySettings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "here"


@pytest.fixture
def account() -> Account:
    return make_account()


@pytest.fixture
def grip(account: Account) -> Iterator[Grip]:
    """A lease that this host holds."""
    grip = taken(account)
    yield grip
    lease_release(grip=grip)


def taken(account: Account) -> Grip:
    grip = lease_acquire(account=account)
    assert grip is not None
    return grip


def move(settings: LazySettings, directory: str = "elsewhere") -> None:
    """Go on as a process whose file locks nobody else sees."""
    settings.VAR_DIR = settings.VAR_DIR.with_name(directory)


def age(settings: LazySettings, seconds: float) -> None:
    """Let so much time pass since the last renewal."""
    Lease.objects.update(expires_tick=clock_read().tick + settings.TIMING.lease_ttl - seconds)


def test_a_free_lease_is_taken_and_told(account: Account) -> None:
    grip, row = taken(account), Lease.objects.get()
    assert (row.account, row.owner, row.epoch, row.state) == (account, grip.owner, 1, "STARTING")
    assert row.host == host_identity() and row.acquired_at is not None
    assert grip.is_valid and grip.owner == process_name()
    event = Event.objects.get()
    assert (event.kind, event.severity, event.account) == (
        "lease.acquired",
        Severity.INFO,
        account,
    )
    assert event.payload == {"epoch": 1, "owner": grip.owner, "previous_owner": ""}
    lease_release(grip=grip)


def test_it_holds_for_its_time_from_now(account: Account, settings: LazySettings) -> None:
    before = clock_read().tick
    grip = taken(account)
    after = clock_read().tick
    expires = Lease.objects.get().expires_tick - settings.TIMING.lease_ttl
    assert before <= expires <= after
    lease_release(grip=grip)


def test_markets_are_leased_like_accounts() -> None:
    market = make_simulated_market()
    grip = lease_acquire(market=market)
    assert grip is not None and grip.market_id == market.pk
    assert lease_acquire(market=market) is None
    lease_release(grip=grip)


def test_a_lease_is_of_exactly_one_thing(account: Account) -> None:
    with pytest.raises(ValueError, match="Expected one account or one market"):
        lease_acquire()
    with pytest.raises(ValueError, match="Expected one account or one market"):
        lease_acquire(account=account, market=make_simulated_market())


@pytest.mark.parametrize("directory", ["here", "elsewhere"])
def test_a_held_lease_is_not_given_twice(
    grip: Grip, account: Account, settings: LazySettings, directory: str
) -> None:
    move(settings, directory)
    assert lease_acquire(account=account) is None
    assert lease_renew(grip=grip)


def test_a_released_lease_is_free_for_all_at_once(
    grip: Grip, account: Account, settings: LazySettings
) -> None:
    lease_release(grip=grip)
    assert not grip.is_valid
    move(settings)
    second = taken(account)
    assert second.epoch == 2
    assert Event.objects.last().severity == Severity.INFO  # type: ignore[union-attr]


def test_the_dead_of_this_host_are_succeeded_at_once(grip: Grip, account: Account) -> None:
    assert grip.lock is not None
    grip.lock.release()  # as the kernel does
    second = taken(account)
    assert (second.epoch, lease_renew(grip=grip), grip.is_valid) == (2, False, False)
    event = Event.objects.order_by("-id")[0]
    assert (event.kind, event.severity) == ("lease.taken_over", Severity.WARNING)
    assert event.payload["previous_owner"] == grip.owner
    lease_release(grip=second)


def test_those_of_another_host_are_succeeded_after_the_last_call_may_be_over(
    grip: Grip, account: Account, settings: LazySettings
) -> None:
    move(settings)
    over = settings.TIMING.lease_ttl + settings.TIMING.call_deadline
    age(settings, over - 5)
    assert lease_acquire(account=account) is None
    age(settings, over)
    assert taken(account).epoch == 2
    assert not lease_renew(grip=grip)
    assert not lease_ready(grip=grip)


def test_an_expired_lease_nobody_took_is_renewed(grip: Grip, settings: LazySettings) -> None:
    age(settings, 1000)
    assert lease_renew(grip=grip)
    assert Lease.objects.get().expires_tick > clock_read().tick


def test_a_lease_taken_from_the_living_is_proof_of_nothing_until_they_are_gone(
    grip: Grip, account: Account, settings: LazySettings
) -> None:
    """A stopped process keeps its file lock: whoever takes its lease has none at first."""
    age(settings, 1000)
    second = taken(account)
    assert (second.lock, Lease.objects.get().host) == (None, "")
    lease_release(grip=grip)
    assert lease_acquire(account=account) is None
    assert lease_renew(grip=second) and lease_renew(grip=second)
    assert second.lock is not None and Lease.objects.get().host == host_identity()
    lease_release(grip=second)


def test_a_lost_grip_takes_no_lock_at_a_late_renewal(
    grip: Grip, account: Account, settings: LazySettings
) -> None:
    age(settings, 1000)
    second = taken(account)
    age(settings, 1000)
    third = taken(account)
    lease_release(grip=grip)
    assert not lease_renew(grip=second)
    assert second.lock is None
    assert lease_renew(grip=third) and third.lock is not None
    lease_release(grip=third)


def test_a_reading_and_reconciliation_are_written_down(grip: Grip) -> None:
    assert lease_renew(grip=grip) and Lease.objects.get().seen_tick == 0
    assert lease_renew(grip=grip, seen=True) and Lease.objects.get().seen_tick > 0
    assert lease_ready(grip=grip) and Lease.objects.get().state == "READY"
    assert lease_unready(grip=grip) and Lease.objects.get().state == "STARTING"


def test_the_next_owner_starts_unreconciled_and_unseen(grip: Grip, account: Account) -> None:
    assert lease_renew(grip=grip, seen=True) and lease_ready(grip=grip)
    lease_release(grip=grip)
    lease_release(grip=taken(account))
    row = Lease.objects.get()
    assert (row.state, row.seen_tick, row.owner, row.expires_tick) == ("STARTING", 0.0, "", 0.0)


def test_a_late_release_takes_nothing_from_the_new_owner(
    grip: Grip, account: Account, settings: LazySettings
) -> None:
    move(settings)
    age(settings, 1000)
    second = taken(account)
    lease_release(grip=grip)
    assert lease_renew(grip=second)


@pytest.mark.django_db(transaction=True)
def test_a_grip_is_worth_nothing_past_its_time(grip: Grip, settings: LazySettings) -> None:
    settings.TIMING = replace(settings.TIMING, lease_renew=1e-9, call_deadline=1e-9, lease_ttl=1e-8)
    assert lease_renew(grip=grip)
    assert not grip.is_valid


@pytest.mark.django_db(transaction=True)
def test_a_renewal_that_is_rolled_back_makes_a_grip_no_better(grip: Grip) -> None:
    until = grip.valid_until
    with transaction.atomic():
        assert lease_renew(grip=grip)
        transaction.set_rollback(True)
    assert grip.valid_until == until
    assert lease_renew(grip=grip)
    assert grip.valid_until > until


@sqlite_only
def test_with_sqlite_a_lease_of_an_earlier_boot_is_free(grip: Grip, account: Account) -> None:
    host = host_identity().partition("/")[2]
    Lease.objects.update(boot="earlier", host=f"earlier/{host}")
    assert taken(account).epoch == 2


@sqlite_only
def test_with_sqlite_a_lease_of_another_machine_is_refused(grip: Grip, account: Account) -> None:
    Lease.objects.update(boot="theirs", host="theirs/token:1:2")
    with pytest.raises(LeaseRefused, match="Expected one host with SQLite, was") as refused:
        lease_acquire(account=account)
    assert refused.value.code == "FOREIGN_HOST"
    Lease.objects.update(owner="")
    assert taken(account).epoch == 2


def test_an_old_build_may_not_take_a_lease(account: Account, settings: LazySettings) -> None:
    lease_release(grip=taken(account))
    settings.BUILD -= 1
    with pytest.raises(LeaseRefused, match="Expected build") as refused:
        lease_acquire(account=account)
    assert refused.value.code == "BUILD_FENCED"
    assert Lease.objects.get().epoch == 1


def test_an_old_build_may_not_renew_but_may_let_go(grip: Grip, settings: LazySettings) -> None:
    assert builds_fence(build=settings.BUILD + 1) == 1
    assert not lease_renew(grip=grip) and not lease_ready(grip=grip)
    lease_release(grip=grip)
    assert Lease.objects.get().owner == ""


def test_an_account_made_after_a_release_is_fenced_too(settings: LazySettings) -> None:
    make_account()
    builds_fence(build=settings.BUILD + 1)
    with pytest.raises(LeaseRefused):
        lease_acquire(account=make_account())


def test_fencing_covers_everything_once_and_never_goes_back(
    grip: Grip, settings: LazySettings
) -> None:
    make_account(), make_simulated_market()
    build = settings.BUILD + 1
    assert builds_fence(build=build) == 3
    assert (builds_fence(build=build), builds_fence(build=build - 1)) == (0, 0)
    assert set(Lease.objects.values_list("min_build", flat=True)) == {build}
    event = Event.objects.get(kind="build.fenced")
    assert (event.payload["build"], event.payload["leases"]) == (build, 3)


@examples(max_examples=25)
@given(waits=st.lists(st.sampled_from([0.0, 30.0, 64.0, 66.0, 500.0]), max_size=8))
def test_every_owner_has_a_higher_epoch_than_the_one_before(waits: list[float]) -> None:
    """However long nobody renews, a lease changes hands only when it is over."""
    account, epochs = make_account(), [0]
    grip = taken(account)
    for wait in waits:
        lease_renew(grip=grip)
        Lease.objects.filter(account=account).update(expires_tick=F("expires_tick") - wait)
        other = lease_acquire(account=account)
        assert (other is not None) == (wait > 65)
        assert lease_renew(grip=grip) == (other is None)
        epochs.append(grip.epoch)
        grip = other or grip
    lease_release(grip=grip)
    assert epochs == sorted(epochs)


def usable(**changes: object) -> Lease:
    fields = {
        "owner": "gateway@here:7",
        "boot": "b",
        "expires_tick": 1045.0,
        "seen_tick": 1000.0,
        "state": "READY",
    }
    return Lease(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"owner": ""}, "NO_GATEWAY", "was none"),
        ({"boot": "earlier"}, "NO_GATEWAY", "was none"),
        ({"expires_tick": 1019.9}, "NO_GATEWAY", "Expected a lease for 20 s more, was 19.9 s"),
        ({"min_build": 10**12}, "BUILD_FENCED", "Expected build 1000000000000 or newer, was"),
        ({"state": "STARTING"}, "NOT_RECONCILED", "was STARTING"),
        ({"seen_tick": 994.9}, "STATUS_STALE", "Expected a reading within 5 s, was 5.1 s ago"),
        ({"seen_tick": 1005.1}, "STATUS_STALE", "was -5.1 s ago"),
        ({"seen_tick": 0.0}, "STATUS_STALE", "was never"),
    ],
)
def test_an_unusable_lease_says_why(changes: dict[str, object], code: str, words: str) -> None:
    verdict = lease_standing(usable(**changes), Moment(1000.0, "b"))
    assert verdict is not None and verdict[0] == code
    assert words in verdict[1]


@pytest.mark.parametrize("changes", [{}, {"expires_tick": 1020.0}, {"seen_tick": 995.0}])
def test_a_usable_lease_has_nothing_against_it(changes: dict[str, object]) -> None:
    assert lease_standing(usable(**changes), Moment(1000.0, "b")) is None

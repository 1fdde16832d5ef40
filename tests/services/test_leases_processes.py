"""The lease between real processes: sudden death, a pause, and a race."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.db.models import F

from tests.conftest import ROOT
from tests.factories import make_account
from tests.processes import wait_for
from trading.models import Account, Event, Lease
from trading.services.leases import Grip, lease_acquire, lease_release, lease_renew
from trading.services.locks import host_identity

HOLDER = """
import pathlib, sys
import django
from django.conf import settings
django.setup()
settings.VAR_DIR = pathlib.Path(sys.argv[2])
from trading.models import Account
from trading.services.leases import lease_acquire, lease_release, lease_renew
account = Account.objects.get(pk=int(sys.argv[1]))
print("ready", flush=True)
for command in sys.stdin:
    if command == "acquire\\n":
        grip = lease_acquire(account=account)
        print(grip is not None, flush=True)
    elif command == "renew\\n":
        print(lease_renew(grip=grip), flush=True)
    else:
        lease_release(grip=grip)
        print("released", flush=True)
"""


class Holder:
    """A process that does with a lease what it is told."""

    def __init__(self, account: Account, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(account.pk), str(settings.VAR_DIR)],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def tell(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n")

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self, command: str) -> str:
        self.tell(command)
        return self.answer()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def account(transactional_db: None, settings: LazySettings, tmp_path: Path) -> Account:
    settings.VAR_DIR = tmp_path  # other tests of this worker may hold locks of equal names
    return make_account()


@pytest.fixture
def holders(account: Account, child_env: dict[str, str]) -> Iterator[list[Holder]]:
    """Four processes, ready to be told."""
    holders = [Holder(account, child_env) for _ in range(4)]
    assert [h.answer() for h in holders] == ["ready"] * 4
    yield holders
    for holder in holders:
        holder.end()


def succeed(account: Account, seconds: float) -> Grip | None:
    """Try for so long to take the lease."""
    found: list[Grip | None] = [None]

    def attempt() -> bool:
        found[0] = lease_acquire(account=account)
        return found[0] is not None

    wait_for(attempt, seconds=seconds)
    return found[0]


def test_a_killed_holder_is_succeeded_within_two_seconds(
    account: Account, holders: list[Holder]
) -> None:
    assert holders[0].ask("acquire") == "True"
    assert lease_acquire(account=account) is None
    os.kill(holders[0].process.pid, signal.SIGKILL)
    grip = succeed(account, seconds=2)
    assert grip is not None and grip.epoch == 2
    lease_release(grip=grip)


def test_a_stopped_holder_keeps_the_lease_until_it_is_over_and_wakes_without_it(
    account: Account, holders: list[Holder]
) -> None:
    assert holders[0].ask("acquire") == "True"
    os.kill(holders[0].process.pid, signal.SIGSTOP)
    assert succeed(account, seconds=0.5) is None
    over = settings.TIMING.lease_ttl + settings.TIMING.call_deadline
    Lease.objects.update(expires_tick=F("expires_tick") - over)
    grip = succeed(account, seconds=2)
    assert grip is not None and grip.lock is None
    os.kill(holders[0].process.pid, signal.SIGCONT)
    assert holders[0].ask("renew") == "False"
    assert holders[0].ask("release") == "released"
    assert lease_renew(grip=grip)
    assert Lease.objects.get().host == host_identity()
    lease_release(grip=grip)


@pytest.mark.parametrize("before", ["never held", "left by the dead"])
def test_of_four_that_race_one_wins(account: Account, holders: list[Holder], before: str) -> None:
    if before == "left by the dead":
        grip = lease_acquire(account=account)
        assert grip is not None and grip.lock is not None
        grip.lock.release()
    for holder in holders:
        holder.tell("acquire")
    assert sorted(h.answer() for h in holders) == ["False", "False", "False", "True"]


def test_epochs_grow_with_every_owner(account: Account, holders: list[Holder]) -> None:
    for holder in holders:
        assert succeed_by(holder)
        os.kill(holder.process.pid, signal.SIGKILL)
    events = Event.objects.filter(kind__startswith="lease.").order_by("id")
    assert [event.payload["epoch"] for event in events] == [1, 2, 3, 4]


def succeed_by(holder: Holder) -> bool:
    return wait_for(lambda: holder.ask("acquire") == "True", seconds=2)

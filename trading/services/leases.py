"""The lease: which one gateway runs an account or a simulated market, on however many machines.

A holder renews its lease; one that does not loses it `call_deadline` after the end, when the last
call it may have begun is over. On one host a file lock proves the holder's death at once. `epoch`
grows with every owner, so that whoever wakes up late finds that the lease is not his any more.
The broker cannot check an epoch; see `trading.services.orders` for why nothing is doubled.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from trading.models import Account, Lease, Severity, SimulatedMarket
from trading.selectors.leases import build_fenced, lease_standing
from trading.services.clock import DATABASE_BOOT, Moment, clock_read, uptime
from trading.services.events import Happening, event_append
from trading.services.locks import OwnerLock, host_identity, host_token
from trading.services.transitions import process_name

__all__ = [
    "Grip",
    "LeaseLost",
    "LeaseRefused",
    "builds_fence",
    "lease_acquire",
    "lease_check",
    "lease_ready",
    "lease_release",
    "lease_renew",
    "lease_standing",
    "lease_unready",
]
log = structlog.get_logger(__name__)


class LeaseRefused(Exception):
    """This process may not take the lease however long it waits.

    `code` is BUILD_FENCED (a newer build has run it) or FOREIGN_HOST (SQLite of another machine).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class LeaseLost(Exception):
    """Another gateway has taken the lease: nothing more may be done under it."""


@dataclass(slots=True)
class Grip:
    """A lease in the hand of its holder; one thread uses it."""

    lease_id: int
    account_id: int | None
    market_id: int | None
    owner: str
    epoch: int
    lock: OwnerLock | None
    """None while the process it was taken from still lives, and holds the lock."""
    valid_until: float
    """On the clock of `uptime()`. A call begun before, and over within `call_deadline`, is over
    before anybody else can take the lease. 0 once the lease is lost or released."""

    @property
    def is_valid(self) -> bool:
        """Whether the holder may act now without another renewal."""
        return uptime() < self.valid_until


def lease_acquire(
    *, account: Account | None = None, market: SimulatedMarket | None = None
) -> Grip | None:
    """Take the lease of one account or one market; None while somebody else holds it.

    Raises LeaseRefused where waiting does not help, ValueError unless given exactly one thing.
    """
    if (account is None) == (market is None):
        raise ValueError(f"Expected one account or one market, was {account} and {market}")
    lock = OwnerLock(_lock_name(account.pk if account else None, market.pk if market else None))
    is_locked = lock.acquire()
    grip = None
    try:
        grip = _take(account, market, lock if is_locked else None)
        return grip
    except LeaseRefused as e:
        log.error("lease refused", thing=str(account or market), code=e.code, reason=str(e))
        raise
    finally:
        if grip is None:
            lock.release()


def lease_renew(*, grip: Grip, seen: bool = False) -> bool:
    """Hold it for another `lease_ttl`; `seen` says that the account was just read at its broker.

    False = lost: the holder must stop at once, and release what it holds. In a transaction the grip
    is good for longer once that has committed.
    """
    begun, moment = uptime(), clock_read()
    columns: dict[str, object] = {"expires_tick": moment.tick + settings.TIMING.lease_ttl}
    if seen:
        columns["seen_tick"] = moment.tick
    late = _late_lock(grip)
    if late is not None:
        columns["host"] = host_identity()
    is_ours = False
    try:
        is_ours = _update(grip, **columns)
    finally:
        if late is not None and not is_ours:
            late.release()
    if is_ours:
        grip.lock = late or grip.lock
        until = begun + settings.TIMING.lease_ttl
        transaction.on_commit(lambda: _extend(grip, until))
    return is_ours


def lease_ready(*, grip: Grip) -> bool:
    """The account is reconciled: entries may use the lease. False = lost."""
    return _update(grip, state=Lease.State.READY)


def lease_unready(*, grip: Grip) -> bool:
    """The account must be reconciled before the next entry. False = lost."""
    return _update(grip, state=Lease.State.STARTING)


def lease_check(*, grip: Grip) -> None:
    """Hold the row until the transaction ends; raises LeaseLost when it is not ours any more."""
    rows = Lease.objects.select_for_update().filter(pk=grip.lease_id)
    if not rows.filter(owner=grip.owner, epoch=grip.epoch).exists():
        grip.valid_until = 0.0
        raise LeaseLost(f"Expected to hold epoch {grip.epoch}, was another owner's")


def lease_release(*, grip: Grip) -> None:
    """Let go: the next one may take it at once, so no call may be under way."""
    grip.valid_until = 0.0
    ours = Lease.objects.filter(pk=grip.lease_id, owner=grip.owner, epoch=grip.epoch)
    try:
        ours.update(owner="", expires_tick=0.0, state=Lease.State.STARTING)
    finally:
        if grip.lock is not None:
            grip.lock.release()


@transaction.atomic
def builds_fence(*, build: int) -> int:
    """From now on no build before `build` takes, renews or uses a lease; how many that changed."""
    accounts = Account.objects.filter(lease__isnull=True)
    markets = SimulatedMarket.objects.filter(lease__isnull=True)
    missing = [*(Lease(account=a) for a in accounts), *(Lease(market=m) for m in markets)]
    Lease.objects.bulk_create(missing, ignore_conflicts=True)
    older = Lease.objects.select_for_update().filter(min_build__lt=build).order_by("pk")
    changed = Lease.objects.filter(pk__in=[lease.pk for lease in older]).update(min_build=build)
    if changed:
        event_append(
            happening=Happening(
                kind="build.fenced",
                message=f"Builds before {build} may no longer trade",
                payload={"build": build, "leases": changed, "actor": process_name()},
            )
        )
    return changed


@transaction.atomic(durable=True)
def _take(
    account: Account | None, market: SimulatedMarket | None, lock: OwnerLock | None
) -> Grip | None:
    """Own the row, if it is free, and say so in the log."""
    row = _locked_row(account, market)
    begun, now, here = uptime(), clock_read(), host_identity()
    _refuse(row, now, here)
    if not _is_free(row, now, here if lock else None):
        _warn_of_neighbour(row, now, here)
        return None
    previous, row.epoch = row.owner, row.epoch + 1
    row.owner = process_name()[:80]
    Lease.objects.filter(pk=row.pk).update(
        owner=row.owner,
        host=here if lock else "",  # a lock that another process holds proves nothing about us
        boot=now.boot,
        epoch=row.epoch,
        expires_tick=now.tick + settings.TIMING.lease_ttl,
        seen_tick=0.0,
        state=Lease.State.STARTING,
        min_build=max(row.min_build, settings.BUILD),
        acquired_at=timezone.now(),
    )
    _tell(row, previous)
    until = begun + settings.TIMING.lease_ttl
    return Grip(row.pk, row.account_id, row.market_id, row.owner, row.epoch, lock, until)


def _locked_row(account: Account | None, market: SimulatedMarket | None) -> Lease:
    """The row, locked. A new one is fenced like the others: its account came after a release."""
    row = Lease.objects.filter(account=account, market=market).first()
    if row is None:
        fence = Lease.objects.aggregate(newest=Max("min_build"))["newest"] or 0
        row, _ = Lease.objects.get_or_create(
            account=account, market=market, defaults={"min_build": fence}
        )
    return Lease.objects.select_for_update().get(pk=row.pk)


def _refuse(row: Lease, now: Moment, here: str) -> None:
    """Raise LeaseRefused where waiting does not help."""
    if row.min_build > settings.BUILD:
        raise LeaseRefused("BUILD_FENCED", build_fenced(row))
    if now.boot in (DATABASE_BOOT, row.boot) or not (row.owner and row.host):
        return
    token = host_token(row.host)
    if token != host_token(here):
        raise LeaseRefused(
            "FOREIGN_HOST",
            f"Expected one host with SQLite, was {row.owner} of {row.host}, here is {here}; if "
            f"that machine is gone for good, write {token} into leases/token of TRADEBOT_VAR here",
        )


def _is_free(row: Lease, now: Moment, proven: str | None) -> bool:
    """Whether nobody acts under this lease: released, its owner dead, or long enough over.

    `proven` is the host whose file lock we hold; None when we do not.
    """
    if not row.owner or row.host == proven or row.boot != now.boot:
        return True
    return now.tick >= row.expires_tick + settings.TIMING.call_deadline


def _warn_of_neighbour(row: Lease, now: Moment, here: str) -> None:
    """One SQLite file used from two directories works, but nobody meant it."""
    if now.boot != DATABASE_BOOT and row.host not in ("", here):
        log.warning("lease of another directory", owner=row.owner, host=row.host, here=here)


def _tell(row: Lease, previous: str) -> None:
    what = "taken over" if previous else "acquired"
    event_append(
        happening=Happening(
            kind=f"lease.{what.replace(' ', '_')}",
            message=f"{row.account or row.market}: lease {what}, epoch {row.epoch}",
            severity=Severity.WARNING if previous else Severity.INFO,
            account=row.account,
            payload={"epoch": row.epoch, "owner": row.owner, "previous_owner": previous},
        )
    )


def _update(grip: Grip, **columns: object) -> bool:
    """Change the row if it is still ours and our build may; False makes the grip worthless."""
    ours = Lease.objects.filter(
        pk=grip.lease_id, owner=grip.owner, epoch=grip.epoch, min_build__lte=settings.BUILD
    )
    if ours.update(**columns):
        return True
    grip.valid_until = 0.0
    return False


def _extend(grip: Grip, until: float) -> None:
    grip.valid_until = until


def _late_lock(grip: Grip) -> OwnerLock | None:
    """The lock a grip lacks, once the process that kept it is gone."""
    if grip.lock is not None:
        return None
    lock = OwnerLock(_lock_name(grip.account_id, grip.market_id))
    return lock if lock.acquire() else None


def _lock_name(account_id: int | None, market_id: int | None) -> str:
    return f"market-{market_id}" if account_id is None else f"account-{account_id}"

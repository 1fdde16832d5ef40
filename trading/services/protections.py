"""Locks on entries: put on by protections and by people, released by permitted people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.timezone import now

from trading.engine.risk.protections import Rest, judge
from trading.models import Account, Deployment, Lock, ProtectionRule, Severity, Side, Symbol
from trading.selectors.filters import market_now
from trading.selectors.protections import (
    books_of,
    locks_holding,
    rests_of,
    rules_of,
    trades_for,
)
from trading.services.events import Happening, event_append


@dataclass(frozen=True, slots=True)
class LockScope:
    """What a lock covers: an account, a symbol, a symbol of an account, a deployment; of one side
    or both. Everything when all are None."""

    account: Account | None = None
    symbol: Symbol | None = None
    deployment: Deployment | None = None
    side: Side | None = None

    def __post_init__(self) -> None:
        other = self.account or self.symbol
        if self.deployment is not None and other is not None:
            raise ValidationError(f"Expected a deployment or an account and symbol, was {other}")


def protections_judge(*, account: Account, at: datetime | None = None) -> list[Lock]:
    """Put on the locks that the account's trades are due for at `at`, on the market's clock; None
    is its now.

    Call it after every close, in its transaction, and at readings for the sake of open losses. It
    may be asked again: a trade triggers a rule once.
    """
    rules = rules_of(account=account)
    if not rules:
        return []
    at = at or market_now(source=account.source)
    trades = trades_for(rules=rules, account=account, at=at)
    books = books_of(rules=rules, account=account)
    held = rests_of(rules=rules, trades=trades, at=at)
    found = judge(rules, trades, books, at, held)
    if not found:
        return []
    with transaction.atomic(savepoint=False):
        return [lock for rest in found if (lock := _put_on(rest, at)) is not None]


@transaction.atomic
def lock_add(
    *, scope: LockScope, reason: str, actor: str, expires_at: datetime | None = None
) -> Lock:
    """No entry passes the gate in this scope once this is committed, until it expires.

    ValidationError without a reason, or when it were over already.
    """
    if not reason.strip():
        raise ValidationError("Expected a reason, was none")
    if expires_at is not None and expires_at <= now():
        raise ValidationError(f"Expected an end in the future, was {expires_at:%Y-%m-%d %H:%M} UTC")
    lock = Lock.objects.create(
        account=scope.account,
        symbol=scope.symbol,
        deployment=scope.deployment,
        side=scope.side,
        reason=reason[:200],
        locked_by=actor[:80],
        expires_at=expires_at,
    )
    _tell_added(lock)
    return lock


@transaction.atomic
def lock_release(*, lock: Lock, actor: AbstractUser, reason: str) -> bool:
    """Let entries pass again; False when the lock has ended already.

    Raises PermissionDenied without `trading.release_lock`, ValidationError without a reason.
    """
    if not actor.has_perm("trading.release_lock"):
        raise PermissionDenied(f"{actor} may not release a lock")
    if not reason.strip():
        raise ValidationError("Expected a reason, was none")
    who = actor.get_username()
    if (
        not locks_holding()
        .filter(pk=lock.pk)
        .update(ended_at=now(), ended_by=who, end_reason=reason[:200])
    ):
        return False
    lock.refresh_from_db()
    _tell(lock, "lock.released", Severity.WARNING, f"{lock} released by {who}: {reason}")
    return True


def locks_expire() -> int:
    """Note the end of locks whose time is over; how many that were. They hold no more anyway."""
    over = Lock.objects.filter(ended_at__isnull=True, expires_at__lte=now())
    ended = 0
    for lock in list(over.select_related("account", "symbol", "deployment")):
        with transaction.atomic():
            if over.filter(pk=lock.pk).update(ended_at=lock.expires_at, ended_by="time"):
                ended += 1
                _tell(lock, "lock.expired", Severity.INFO, f"{lock} has expired: {lock.reason}")
    return ended


def _put_on(rest: Rest, at: datetime) -> Lock | None:
    """The lock that a rule asks for; None where another process has put it on."""
    rule = ProtectionRule.objects.get(pk=rest.rule)
    lock, created = Lock.objects.get_or_create(
        rule=rule,
        trade_id=rest.trade,
        defaults={
            "account_id": rest.where.account,
            "symbol_id": rest.where.symbol,
            "deployment_id": rest.where.deployment,
            "side": rest.side,
            "reason": rest.reason[:200],
            "locked_by": str(rule),
            "expires_at": now() + (rest.until - at),
        },
    )
    if created:
        _tell_added(lock)
    return lock if created else None


def _tell_added(lock: Lock) -> None:
    end = f"until {lock.expires_at:%a %H:%M} UTC" if lock.expires_at else "until it is released"
    message = f"{lock} by {lock.locked_by} {end}: {lock.reason}"
    _tell(lock, "lock.added", Severity.WARNING, message)


def _tell(lock: Lock, kind: str, severity: Severity, message: str) -> None:
    event_append(
        happening=Happening(
            kind=kind,
            message=message,
            severity=severity,
            account=lock.account,
            deployment=lock.deployment,
            payload={
                "lock": lock.pk,
                "rule": lock.rule_id,
                "position": lock.trade_id,
                "scope": lock.scope,
                "side": lock.side,
                "until": lock.expires_at,
            },
        )
    )

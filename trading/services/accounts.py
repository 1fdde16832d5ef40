"""Accounts: what the broker says of them, written down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.timezone import now

from trading.engine.types import AccountState, PositionState
from trading.models import Account, EquityPoint, Position, Severity
from trading.services.events import Happening, event_append
from trading.services.positions import position_find


@transaction.atomic(savepoint=False)
def account_observe(*, account: Account, state: AccountState) -> None:
    """Store the broker's word on money and open positions; unknown positions are adopted."""
    Account.objects.filter(pk=account.pk).update(
        balance=state.balance,
        equity=state.equity,
        margin=state.margin,
        day_start_equity=state.day_start_equity,
        observed_at=now(),
    )
    if state.positions:
        _positions_observe(account, state.positions)


def _positions_observe(account: Account, positions: Sequence[PositionState]) -> None:
    rows = Position.objects.filter(account=account, closed_at__isnull=True)
    known = {row.broker_id: row for row in rows.only("broker_id", "profit", "swap")}
    moved = []
    for seen in positions:
        row = known.get(seen.id)
        if row is None:
            position_find(account=account, seen=seen)
        elif (row.profit, row.swap) != (seen.profit, seen.swap):
            row.profit, row.swap = seen.profit, seen.swap
            moved.append(row)
    Position.objects.bulk_update(moved, ["profit", "swap"])


def equity_sample(*, account: Account, state: AccountState, at: datetime) -> None:
    """One point of the equity curve at `at`, on the market's clock."""
    EquityPoint.objects.get_or_create(
        account=account, at=at, defaults={"balance": state.balance, "equity": state.equity}
    )


WAITING = "Waiting for the gateway"
"""Reason of a halt that ends by itself once a session has reconciled the account."""
WAITS = "Waiting for"
"""How every reason begins that ends by itself."""


@transaction.atomic
def account_halt(*, account: Account, reason: str) -> None:
    """No entries from now on; tells once per reason."""
    halted = Account.objects.filter(pk=account.pk).exclude(
        state=Account.State.HALTED, state_reason=reason[:200]
    )
    if halted.update(state=Account.State.HALTED, state_reason=reason[:200]):
        _tell(account, Severity.ERROR, "account.halted", f"{account} halted: {reason}")


@transaction.atomic
def account_wait(*, account: Account, reason: str) -> bool:
    """An active account that cannot be reconciled: halted until it can, told once per reason."""
    waiting = f"{WAITS} {reason}"[:200]
    here = Account.objects.filter(pk=account.pk).exclude(state_reason=waiting)
    ours = here.filter(state=Account.State.ACTIVE) | here.filter(state_reason__startswith=WAITS)
    changed = ours.update(state=Account.State.HALTED, state_reason=waiting)
    if changed:
        _tell(account, Severity.ERROR, "account.waiting", f"{account} halted: {waiting}")
    return bool(changed)


@transaction.atomic
def account_reduce(*, account: Account, actor: AbstractBaseUser) -> bool:
    """No entries from now on, exits by signal go on; False when it is so or halted already."""
    who = actor.get_username()
    reason = f"Reducing by {who}"
    active = Account.objects.filter(pk=account.pk, state=Account.State.ACTIVE)
    changed = active.update(state=Account.State.REDUCING, state_reason=reason[:200])
    if changed:
        _tell(account, Severity.WARNING, "account.reducing", f"{account}: {reason}", actor=who)
    return bool(changed)


@transaction.atomic
def account_connected(*, account: Account, reason: str) -> None:
    """Entries are allowed where only the connection was missing; a person's halt stays."""
    waiting = Account.objects.filter(
        pk=account.pk, state=Account.State.HALTED, state_reason__startswith=WAITS
    )
    if waiting.update(state=Account.State.ACTIVE, state_reason=""):
        _tell(account, Severity.INFO, "account.activated", f"{account} active: {reason}")


@transaction.atomic
def account_release(*, account: Account, actor: AbstractBaseUser) -> bool:
    """End a halt: entries are allowed again once the gateway has reached the broker.

    False when the account was not halted, or waits for the gateway already.
    """
    stopped = Account.objects.filter(pk=account.pk).exclude(state=Account.State.ACTIVE)
    released = stopped.exclude(state_reason__startswith=WAITS).update(
        state=Account.State.HALTED, state_reason=WAITING
    )
    if released:
        who = actor.get_username()
        _tell(
            account, Severity.WARNING, "account.released", f"{account} released by {who}", actor=who
        )
    return bool(released)


def _tell(account: Account, severity: Severity, kind: str, message: str, **payload: object) -> None:
    event_append(
        happening=Happening(
            kind=kind, message=message, severity=severity, account=account, payload=payload
        )
    )

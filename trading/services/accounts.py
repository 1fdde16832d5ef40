"""Accounts: what the broker says of them, written down."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.timezone import now

from trading.engine.types import AccountState, PositionState
from trading.models import (
    Account,
    EquityPoint,
    Order,
    Position,
    Severity,
    Symbol,
)
from trading.services.events import Happening, event_append
from trading.services.fills import deployment_of


@transaction.atomic
def account_observe(*, account: Account, state: AccountState) -> None:
    """Store the broker's word on money and open positions; unknown positions are adopted."""
    Account.objects.filter(pk=account.pk).update(
        balance=state.balance,
        equity=state.equity,
        margin=state.margin,
        day_start_equity=state.day_start_equity,
        observed_at=now(),
    )
    known = {
        p.broker_id: p for p in Position.objects.filter(account=account, closed_at__isnull=True)
    }
    for seen in state.positions:
        row = known.get(seen.id)
        if row is None:
            position_find(account=account, seen=seen)
        elif (row.profit, row.swap) != (seen.profit, seen.swap):
            row.profit, row.swap = seen.profit, seen.swap
            row.save(update_fields=["profit", "swap"])


def position_find(*, account: Account, seen: PositionState) -> Position:
    """The row of a position the broker shows; one we did not know of is written down, and told."""
    related = ("account", "symbol", "deployment")
    known = Position.objects.select_related(*related).filter(account=account, broker_id=seen.id)
    position = known.first()
    if position is not None:
        return position
    order = Order.objects.filter(account=account, client_id=seen.client_id or None).first()
    position, created = Position.objects.get_or_create(
        account=account,
        broker_id=seen.id,
        defaults={
            "symbol": Symbol.objects.get(source=account.source, name=seen.symbol),
            "deployment": deployment_of(account, seen.magic),
            "side": seen.side,
            "lots": seen.lots,
            "entry_price": seen.entry_price,
            "stop": seen.stop,
            "take": seen.take,
            "opened_at": seen.opened_at,
            "profit": seen.profit,
        },
    )
    if created and order is None:
        event_append(
            happening=Happening(
                kind="position.found",
                message=f"Found at the broker: {position}",
                severity=Severity.WARNING,
                account=account,
                deployment=position.deployment,
                payload={"position": position.pk, "broker_id": seen.id},
            )
        )
    return position


@transaction.atomic
def position_vanish(*, position: Position, at: datetime) -> bool:
    """Close a row whose position the broker has no longer; its deal may still arrive and complete
    it. False when it is closed already.
    """
    open_row = Position.objects.filter(pk=position.pk, closed_at__isnull=True)
    vanished = open_row.update(closed_at=at, exit_reason="UNKNOWN")
    if vanished:
        event_append(
            happening=Happening(
                kind="position.vanished",
                message=f"Gone at the broker without a deal: {position}",
                severity=Severity.ERROR,
                account=position.account,
                deployment=position.deployment,
                payload={"position": position.pk, "broker_id": position.broker_id},
            )
        )
    return bool(vanished)


def equity_sample(*, account: Account, state: AccountState, at: datetime) -> None:
    """One point of the equity curve at `at`, on the market's clock."""
    EquityPoint.objects.get_or_create(
        account=account, at=at, defaults={"balance": state.balance, "equity": state.equity}
    )


WAITING = "Waiting for the gateway"
"""Reason of a halt that ends by itself once a session has reached the broker."""


@transaction.atomic
def account_halt(*, account: Account, reason: str) -> None:
    """No entries from now on; tells once per reason."""
    halted = Account.objects.filter(pk=account.pk).exclude(
        state=Account.State.HALTED, state_reason=reason[:200]
    )
    if halted.update(state=Account.State.HALTED, state_reason=reason[:200]):
        event_append(
            happening=Happening(
                kind="account.halted",
                message=f"{account} halted: {reason}",
                severity=Severity.ERROR,
                account=account,
            )
        )


@transaction.atomic
def account_connected(*, account: Account, reason: str) -> None:
    """Entries are allowed where only the connection was missing; a person's halt stays."""
    waiting = Account.objects.filter(
        pk=account.pk, state=Account.State.HALTED, state_reason=WAITING
    )
    if waiting.update(state=Account.State.ACTIVE, state_reason=""):
        event_append(
            happening=Happening(
                kind="account.activated", message=f"{account} active: {reason}", account=account
            )
        )


@transaction.atomic
def account_release(*, account: Account, actor: AbstractBaseUser) -> bool:
    """End a halt: entries are allowed again once the gateway has reached the broker.

    False when the account was not halted, or waits for the gateway already.
    """
    halted = Account.objects.filter(pk=account.pk, state=Account.State.HALTED)
    released = halted.exclude(state_reason=WAITING).update(state_reason=WAITING)
    if released:
        event_append(
            happening=Happening(
                kind="account.released",
                message=f"{account} released by {actor.get_username()}",
                severity=Severity.WARNING,
                account=account,
                payload={"actor": actor.get_username()},
            )
        )
    return bool(released)

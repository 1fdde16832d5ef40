"""Kill switches: latched once pulled, re-armed by a permitted person with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.timezone import now

from trading.brokers.base import Broker
from trading.crashpoints import crash_point
from trading.engine.orders import OrderStatus
from trading.engine.types import AccountState
from trading.models import (
    Account,
    Deployment,
    KillMode,
    KillSwitch,
    Order,
    Position,
    Severity,
    Symbol,
)
from trading.selectors.kills import kills_on, kills_pulled
from trading.services.events import Happening, event_append
from trading.services.orders import closed_lately, kill_close_create
from trading.services.positions import position_find
from trading.services.sending import order_cancel, order_send

AGAIN_AFTER = timedelta(seconds=2)
"""Pause before a close that was not executed is tried again."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a switch stops: one of the three, or everything when all are None."""

    account: Account | None = None
    deployment: Deployment | None = None
    symbol: Symbol | None = None

    def __post_init__(self) -> None:
        named = [x for x in (self.account, self.deployment, self.symbol) if x is not None]
        if len(named) > 1:
            raise ValidationError(f"Expected one scope, was {', '.join(map(str, named))}")


@transaction.atomic
def kill_pull(*, scope: Scope, mode: KillMode, reason: str, actor: str) -> KillSwitch:
    """No entry passes the gate in this scope once this is committed.

    Pulling again what is pulled already changes nothing and returns the switch that holds.
    """
    columns = {"account": scope.account, "deployment": scope.deployment, "symbol": scope.symbol}
    held = kills_pulled().filter(mode=mode, **columns).first()
    if held is not None:
        return held
    switch = KillSwitch.objects.create(
        mode=mode, reason=reason[:200], pulled_by=actor[:80], **columns
    )
    _tell(switch, "kill.pulled", Severity.CRITICAL, f"{switch} pulled by {actor}: {reason}")
    transaction.on_commit(lambda: crash_point("kill-committed"))
    return switch


@transaction.atomic
def kill_rearm(*, switch: KillSwitch, actor: AbstractUser, reason: str) -> bool:
    """Let the scope trade again; False when somebody has re-armed it already.

    Raises PermissionDenied without `trading.rearm_killswitch`, ValidationError without a reason.
    """
    if not actor.has_perm("trading.rearm_killswitch"):
        raise PermissionDenied(f"{actor} may not re-arm a kill switch")
    if not reason.strip():
        raise ValidationError("Expected a reason, was none")
    latched = KillSwitch.objects.filter(pk=switch.pk, rearmed_at__isnull=True)
    who = actor.get_username()
    if not latched.update(rearmed_at=now(), rearmed_by=who, rearm_reason=reason[:200]):
        return False
    switch.refresh_from_db()
    _tell(switch, "kill.rearmed", Severity.WARNING, f"{switch} re-armed by {who}: {reason}")
    return True


def kills_apply(*, account: Account, broker: Broker, state: AccountState) -> int:
    """What the pulled switches ask for beyond refusing entries: take resting orders back, and
    close the positions that a FLATTEN covers. Returns how many requests were sent.

    Safe to call again and again: closes go by position id, and one that is under way or has just
    failed is left alone for a moment.
    """
    if not kills_pulled().exists():
        return 0
    return _cancel(account, broker) + _flatten(account, broker, state)


def _cancel(account: Account, broker: Broker) -> int:
    resting = Order.objects.filter(account=account, status=OrderStatus.ACCEPTED)
    covered = [
        order
        for order in resting.select_related("account", "symbol", "deployment")
        if kills_on(account=account, deployment=order.deployment_id, symbol=order.symbol_id)
    ]
    return sum(order_cancel(order=order, broker=broker) for order in covered)


def _flatten(account: Account, broker: Broker, state: AccountState) -> int:
    sent = 0
    for seen in state.positions:
        position = position_find(account=account, seen=seen)
        switch = _flattens(position)
        if switch is not None and not closed_lately(position=position, within=AGAIN_AFTER):
            order_send(order=kill_close_create(position=position, switch=switch), broker=broker)
            crash_point("flatten-some")
            sent += 1
    return sent


def _flattens(position: Position) -> KillSwitch | None:
    pulled = kills_on(
        account=position.account, deployment=position.deployment_id, symbol=position.symbol_id
    )
    return pulled.filter(mode=KillMode.FLATTEN).first()


def _tell(switch: KillSwitch, kind: str, severity: Severity, message: str) -> None:
    event_append(
        happening=Happening(
            kind=kind,
            message=message,
            severity=severity,
            account=switch.account,
            deployment=switch.deployment,
            payload={"switch": switch.pk, "mode": switch.mode, "scope": switch.scope},
        )
    )

"""Pulling kill switches and re-arming them: latched, by name, with a reason."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.timezone import now

from trading.crashpoints import crash_point
from trading.models import (
    Account,
    Breach,
    Deployment,
    KillMode,
    KillSwitch,
    Severity,
    Symbol,
)
from trading.selectors.kills import kills_pulled
from trading.services.events import Happening, event_append


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
def kill_pull(
    *, scope: Scope, mode: KillMode, reason: str, actor: str, breach: Breach | None = None
) -> KillSwitch:
    """No entry passes the gate in this scope once this is committed.

    Pulling again what is pulled already changes nothing and returns the switch that holds; that of
    a breach and that of a person are two.
    """
    columns = {
        "account": scope.account,
        "deployment": scope.deployment,
        "symbol": scope.symbol,
        "breach": breach,
    }
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
    who = actor.get_username()
    return _rearm(switch, who, reason)


@transaction.atomic
def breach_end(*, breach: Breach, actor: str) -> bool:
    """It holds no longer, and its switches are re-armed; False when it had ended already."""
    holding = Breach.objects.filter(pk=breach.pk, ended_at__isnull=True)
    if not holding.update(ended_at=now(), ended_by=actor[:80]):
        return False
    for switch in kills_pulled().filter(breach=breach):
        _rearm(switch, actor, f"{breach} has ended")
    return True


def _rearm(switch: KillSwitch, who: str, reason: str) -> bool:
    latched = KillSwitch.objects.filter(pk=switch.pk, rearmed_at__isnull=True)
    if not latched.update(rearmed_at=now(), rearmed_by=who[:80], rearm_reason=reason[:200]):
        return False
    switch.refresh_from_db()
    _tell(switch, "kill.rearmed", Severity.WARNING, f"{switch} re-armed by {who}: {reason}")
    if switch.breach is not None and not kills_pulled().filter(breach=switch.breach).exists():
        breach_end(breach=switch.breach, actor=who)
    return True


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

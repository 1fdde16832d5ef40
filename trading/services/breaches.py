"""Limits that were broken: written down once, told once, and what they stop stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from trading.engine.risk import Action, Finding, Subject
from trading.models import Account, AccountGroup, Breach, Deployment, KillMode, Severity
from trading.services.events import Happening, event_append
from trading.services.switches import Scope, breach_end, kill_pull

MODES = {
    Action.REDUCE: KillMode.REDUCE,
    Action.PAUSE: KillMode.HALT,
    Action.FLATTEN: KillMode.FLATTEN,
}
"""The switch that an action pulls; what only notifies pulls none, what blocks is not kept."""
SEVERITIES = {
    Action.NOTIFY: Severity.WARNING,
    Action.REDUCE: Severity.ERROR,
    Action.PAUSE: Severity.ERROR,
    Action.FLATTEN: Severity.CRITICAL,
}
RESET = "reset"
"""Who ends a breach that lasts until the next reset."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose limit was broken: of one of the three, or of everything."""

    account: Account | None = None
    deployment: Deployment | None = None
    group: AccountGroup | None = None


def whose_of(*, finding: Finding, account: Account, deployment: Deployment | None) -> Whose:
    """The subject of a finding about an account, or about an order of a deployment."""
    limit = finding.limit
    if limit.subject is Subject.GLOBAL:
        return Whose()
    if limit.subject is Subject.GROUP:
        return Whose(group=AccountGroup.objects.get(pk=limit.target))
    if limit.subject in (Subject.ORDER, Subject.DEPLOYMENT) and deployment is not None:
        return Whose(deployment=deployment)
    return Whose(account=account)


@transaction.atomic
def breach_open(*, finding: Finding, whose: Whose, at: datetime) -> Breach | None:
    """Note a finding, tell of it and pull the switches it asks for; None where it holds already.

    `at` is the market's clock. A hard limit holds until a person re-arms its switches, another one
    until its next reset. What only blocks an order is kept with the order.
    """
    limit, columns = finding.limit, {"control": finding.control.value, **_columns(whose)}
    columns["action"] = finding.action.value
    if finding.action is Action.BLOCK or _holding(at).filter(**columns).exists():
        return None
    lasting = limit.hard and finding.action is not Action.NOTIFY
    breach, created = Breach.objects.get_or_create(
        **columns,
        began=limit.clock.start(at),
        ended_at=None,
        defaults={
            "limit_id": limit.row_id,
            "ends": None if lasting else limit.clock.next(at),
            "code": finding.code,
            "message": finding.message[:300],
            "numbers": dict(finding.numbers),
        },
    )
    if not created:
        return None
    _tell(breach, finding)
    if finding.action in MODES:
        for scope in _scopes(whose):
            reason = f"{limit.spec.label}: {finding.message}"
            mode = MODES[finding.action]
            kill_pull(scope=scope, mode=mode, reason=reason, actor="limits", breach=breach)
    return breach


def breaches_lapse(*, at: datetime, account: Account | None = None) -> int:
    """End what lasts until a reset that has passed by the market's clock; how many that were.

    With an account its own and those of its deployments, otherwise those of groups and everything.
    """
    due = Breach.objects.filter(ended_at__isnull=True, ends__lte=at)
    if account is None:
        due = due.filter(account=None, deployment=None)
    else:
        due = due.filter(Q(account=account) | Q(deployment__account=account))
    return sum(breach_end(breach=breach, actor=RESET) for breach in due.order_by("id"))


def _columns(whose: Whose) -> dict[str, object]:
    return {"account": whose.account, "deployment": whose.deployment, "group": whose.group}


def _holding(at: datetime) -> QuerySet[Breach]:
    holds = Q(ends__isnull=True) | Q(ends__gt=at)
    return Breach.objects.filter(holds, ended_at__isnull=True)


def _scopes(whose: Whose) -> Iterator[Scope]:
    """What a switch must cover; of a group each account."""
    if whose.group is not None:
        yield from (Scope(account=account) for account in whose.group.accounts.order_by("id"))
    else:
        yield Scope(account=whose.account, deployment=whose.deployment)


def _tell(breach: Breach, finding: Finding) -> None:
    payload = {
        "breach": breach.pk,
        "control": breach.control,
        "action": breach.action,
        "code": breach.code,
        "ends": breach.ends.isoformat() if breach.ends else None,
        **breach.numbers,
    }
    event_append(
        happening=Happening(
            kind="limit.breached",
            message=f"{breach.scope}: {finding.message}",
            severity=SEVERITIES[finding.action],
            account=breach.deployment.account if breach.deployment else breach.account,
            deployment=breach.deployment,
            payload=payload,
        )
    )

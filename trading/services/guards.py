"""What the equity guard does: tells of its alarms, stops what a limit says, closes, remembers."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from trading.brokers.base import Broker
from trading.engine.risk import Action, Clock, Control, DrawdownState, Finding, Subject
from trading.engine.risk.trims import Trim
from trading.engine.risk.watching import Alarm, Kind, Owner
from trading.engine.types import AccountState
from trading.models import (
    Account,
    AccountGroup,
    BalanceMove,
    Breach,
    DayMark,
    Deployment,
    LossState,
    Origin,
    Severity,
)
from trading.selectors.guards import LONGEST, WARNING, columns_of
from trading.services.breaches import Whose, breach_open
from trading.services.events import Happening, event_append
from trading.services.kills import AGAIN_AFTER
from trading.services.orders import close_request, closed_lately
from trading.services.positions import position_find
from trading.services.sending import order_send
from trading.services.transitions import Cause

Key = tuple[Owner, Clock]


def alarm_act(*, alarm: Alarm, account: Account, at: datetime) -> Breach | None:
    """Note an alarm, tell of it, and stop what its limit says; the breach, where it is one that
    does not hold already.

    `at` is the market's clock. What only warns, and a floor below which entries alone are refused,
    is told and nothing else.
    """
    finding = finding_of(alarm)
    if is_urgent(alarm) and finding.action is not Action.BLOCK:
        return breach_open(finding=finding, whose=whose_of(alarm), at=at)
    event_append(
        happening=Happening(
            kind=WARNING,
            message=f"{finding.control.label}: {finding.message}",
            severity=Severity.WARNING,
            account=account if _is_of(alarm, account) else None,
            payload={**finding.numbers, "control": finding.control.value, "kind": alarm.kind.value},
        )
    )
    return None


def is_urgent(alarm: Alarm) -> bool:
    """Whether a limit is broken, or something is to be closed."""
    return alarm.kind in (Kind.BROKEN, Kind.TRIM)


def _is_of(alarm: Alarm, account: Account) -> bool:
    return alarm.rule.owner.subject in (Subject.ACCOUNT, Subject.DEPLOYMENT)


def whose_of(alarm: Alarm) -> Whose:
    """What the limit of an alarm stops."""
    stops = alarm.rule.stops
    if stops.subject is Subject.GLOBAL:
        return Whose()
    pk = int(stops.target)
    if stops.subject is Subject.GROUP:
        return Whose(group=AccountGroup.objects.get(pk=pk))
    if stops.subject is Subject.DEPLOYMENT:
        return Whose(deployment=Deployment.objects.select_related("account").get(pk=pk))
    return Whose(account=Account.objects.get(pk=pk))


def finding_of(alarm: Alarm) -> Finding:
    """An alarm in the words of the gate."""
    limit = alarm.limit
    if limit.control is Control.DAILY_LOSS_USED:  # it begins and ends as the loss it is a share of
        limit = replace(limit, reset=alarm.clock.reset, zone=alarm.clock.zone)
    if alarm.kind is Kind.TRIM:  # the reset ends it
        limit = replace(limit, action=Action.REDUCE, hard=False)
    code = "RESET_TRIM" if alarm.kind is Kind.TRIM else limit.spec.code
    numbers = {
        "equity": _money(alarm.equity),
        "floor": _money(alarm.floor),
        "buffer": _money(alarm.buffer),
        "reference": _money(alarm.reference),
        "worst": _money(alarm.worst),
        "limit": limit.words,
        "level": str(alarm.level),
        "key": alarm.key,
    }
    return Finding(limit.control, code, _message(alarm), numbers, limit.action, limit)


def _message(alarm: Alarm) -> str:
    limit, floor, equity = alarm.limit, _money(alarm.floor), _money(alarm.equity)
    whose = "" if alarm.rule.owner.subject is Subject.ACCOUNT else "own "
    said = {
        Kind.WARNED: f"{alarm.level} % are used: {whose}equity is {equity}, the floor {floor}",
        Kind.WORST: f"Equity would be {_money(alarm.worst)} at its stops, the floor is {floor}",
        Kind.RESET: f"The reset alone will break it: equity is {equity}, the floor then {floor}",
        Kind.TRIM: f"Closing before the reset: equity is {equity}, the floor then {floor}",
        Kind.BROKEN: f"Equity is {equity}, the floor {floor}",
    }
    message = said[alarm.kind]
    if alarm.kind is Kind.BROKEN and alarm.buffer:
        message += f" with a buffer of {_money(alarm.buffer)}"
    return f"{message} ({limit.words})"


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"


# --- closing some of it


def positions_trim(
    *, account: Account, broker: Broker, state: AccountState, trims: Sequence[Trim]
) -> int:
    """Close what the guard has picked, in its order; how many closes were sent.

    Safe to call at every reading: one that is under way or has just failed is left alone.
    """
    seen = {position.id: position for position in state.positions}
    sent = 0
    for trim in trims:
        cause = Cause("equity guard", {"control": trim.rule.limit.control.value, "key": trim.key})
        for name in trim.positions:
            position = position_find(account=account, seen=seen[name])
            if closed_lately(position=position, within=AGAIN_AFTER):
                continue
            order = close_request(position=position, origin=Origin.KILL, cause=cause)
            order_send(order=order, broker=broker)
            sent += 1
    return sent


# --- what is remembered


@transaction.atomic
def states_keep(
    *, states: Mapping[Key, DrawdownState], begun: Container[Key], read_at: datetime
) -> None:
    """Write states down as of now, `read_at` of the market's clock; of an account also the mark of
    each period that has `begun`."""
    at = now()
    for key, state in states.items():
        owner, clock = key
        whose = {**columns_of(owner), **clock._asdict()}
        values = {**asdict(state), "read_at": read_at, "updated_at": at}
        if not LossState.objects.filter(**whose).update(**values):
            LossState.objects.create(**whose, **values)
        if key in begun and owner.subject is Subject.ACCOUNT:
            _mark(int(owner.target), clock, state)


def _mark(account_id: int, clock: Clock, state: DrawdownState) -> None:
    DayMark.objects.get_or_create(
        account_id=account_id,
        **clock._asdict(),
        began=state.started,
        defaults={"balance": state.start_balance, "equity": state.start_equity},
    )


def balance_note(*, account: Account, amount: Decimal, at: datetime) -> None:
    """A deposit (+) or withdrawal (-) has been seen, which no deal explains. It is written down
    unless the broker has told of it."""
    if not BalanceMove.objects.filter(account=account, counted_at__isnull=True).exists():
        deal = f"seen-{at:%Y%m%dT%H%M%S%f}"
        BalanceMove.objects.get_or_create(
            account=account, deal_id=deal, defaults={"amount": amount, "at": at}
        )


@transaction.atomic
def balance_count(*, account: Account, amount: Decimal, initial: Decimal, at: datetime) -> None:
    """References have taken it into account; `initial` is the initial balance since then, and one
    that a person has given becomes it."""
    BalanceMove.objects.filter(account=account, counted_at__isnull=True).update(counted_at=now())
    given = Account.objects.filter(pk=account.pk, initial_balance__isnull=False)
    given.update(initial_balance=initial)
    DayMark.objects.filter(pk__in=_newest_marks(account, at)).update(moved=F("moved") + amount)
    word = "deposited" if amount > 0 else "withdrawn"
    event_append(
        happening=Happening(
            kind="account.moved",
            message=f"{account}: {abs(amount):.2f} {account.currency} {word}, losses count anew",
            severity=Severity.WARNING,
            account=account,
            payload={"amount": _money(amount), "initial": _money(initial)},
        )
    )


def _newest_marks(account: Account, at: datetime) -> list[int]:
    newest: dict[tuple[object, ...], int] = {}
    rows = DayMark.objects.filter(account=account, began__gt=at - LONGEST).order_by("began")
    for pk, *clock in rows.values_list("pk", "period", "reset", "zone"):
        newest[tuple(clock)] = pk
    return list(newest.values())

"""What loss limits count from, and where their floors are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import Q

from trading.engine.risk import (
    AccountFacts,
    Action,
    Clock,
    Control,
    DrawdownState,
    Facts,
    Limit,
    LimitSet,
    Period,
    Reference,
    Subject,
    SubjectFacts,
    Unit,
    evaluate,
    size_factor,
)
from trading.engine.risk.facts import Key
from trading.engine.risk.limits import NEW_YORK_CLOSE
from trading.models import Account, LossState

TRADING_DAY: Final = Clock(Period.DAY, *NEW_YORK_CLOSE)
"""What `Account.day_start_equity` is of."""
ACCOUNT: Final = (Subject.ACCOUNT, "")
States = Mapping[Key, Mapping[Clock, LossState]]


def counting(limits: LimitSet) -> list[Limit]:
    """Those that count from a reference or a peak."""
    return [limit for limit in limits if limit.spec.referenced or limit.spec.trails]


def is_plain(limit: Limit) -> bool:
    """Whether it is a loss of the trading day that the account's own row knows."""
    return (
        limit.control is Control.DAILY_LOSS
        and limit.subject is Subject.ACCOUNT
        and limit.reference is Reference.HIGHER
        and limit.unit is not Unit.PERCENT_INITIAL
        and limit.clock == TRADING_DAY
    )


def loss_states(
    *, account: Account, deployment_id: int | None = None, groups: Iterable[str] = ()
) -> States:
    """What is remembered of an account, of a deployment, of its groups and of everything."""
    whole = Q(account=None, deployment=None, group=None)
    wanted = whole | Q(account=account) | Q(group__in=[int(group) for group in groups])
    if deployment_id is not None:
        wanted |= Q(deployment=deployment_id)
    found: defaultdict[Key, dict[Clock, LossState]] = defaultdict(dict)
    for row in LossState.objects.filter(wanted).order_by("updated_at"):
        found[_key(row)][Clock(Period(row.period), row.reset, row.zone)] = row
    return found


def day_state(account: Account, at: datetime) -> Mapping[Clock, DrawdownState]:
    """The trading day of an account by its own row; empty while its start is not known."""
    start = account.day_start_equity
    if start is None:
        return {}
    balance, equity = account.balance, account.equity
    initial = start if account.initial_balance is None else account.initial_balance
    state = DrawdownState(
        initial=initial,
        balance=balance,
        equity=equity,
        highest_start=max(initial, start),
        highest_balance=max(initial, balance),
        highest_equity=max(initial, start, equity),
        started=TRADING_DAY.start(at),
        start_balance=start,
        start_equity=start,
    )
    return {TRADING_DAY: state}


def _key(row: LossState) -> Key:
    if row.account_id is not None:
        return Subject.ACCOUNT, ""
    if row.deployment_id is not None:
        return Subject.DEPLOYMENT, ""
    return (Subject.GROUP, str(row.group_id)) if row.group_id else (Subject.GLOBAL, "")


def size_scale(*, limits: LimitSet, account: Account, equity: Decimal, at: datetime) -> Decimal:
    """What sizes are multiplied by: half once the daily loss is used up to a warning, or where
    that is not known. Read only where a limit warns."""
    warning = [x for x in limits.of(Control.DAILY_LOSS_USED) if x.action is Action.NOTIFY]
    if not warning:
        return Decimal(1)
    losses = limits.of(Control.DAILY_LOSS)
    groups = [limit.target for limit in losses if limit.subject is Subject.GROUP]
    rows = {} if all(map(is_plain, losses)) else loss_states(account=account, groups=groups)
    subjects = {key: _subject(clocks) for key, clocks in rows.items()}
    known = subjects.get(ACCOUNT, SubjectFacts()).states
    subjects[ACCOUNT] = SubjectFacts(equity, None, {**day_state(account, at), **known})
    facts = Facts(at=at, account=AccountFacts(reading_age=Decimal(0)), subjects=subjects)
    found = evaluate(LimitSet((*warning, *losses)), facts)
    return size_factor(found)


def _subject(clocks: Mapping[Clock, LossState]) -> SubjectFacts:
    """As the guard has seen it last."""
    newest = max(clocks.values(), key=lambda row: row.updated_at)
    return SubjectFacts(newest.equity, None, {clock: row.state() for clock, row in clocks.items()})

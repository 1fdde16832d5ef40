"""How far the challenge of an account has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Sum

from trading.engine.risk import Period
from trading.engine.risk.days import day_of
from trading.engine.risk.progress import BestDayOf, DayResult, Goal, Goals, progress
from trading.engine.types import EngineError
from trading.models import Account, Challenge, DayMark, Fill

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Progress:
    """A challenge with its goals; `problem` says why they cannot be told."""

    challenge: Challenge
    goals: tuple[Goal, ...] = ()
    days: Sequence[DayResult] = ()
    problem: str = ""

    @property
    def is_passed(self) -> bool:
        return bool(self.goals) and all(goal.is_met for goal in self.goals)


def progress_of(*, account: Account) -> Progress | None:
    """None without a challenge."""
    challenge = Challenge.objects.filter(account=account).first()
    if challenge is None:
        return None
    initial = account.initial_balance
    if initial is None:
        return Progress(challenge, problem="The account has no initial balance yet")
    try:
        days = day_results(account=account, challenge=challenge, initial=initial)
        return Progress(challenge, progress(_goals(challenge), initial, days), days)
    except (EngineError, ValueError) as e:
        return Progress(challenge, problem=str(e))


def day_results(*, account: Account, challenge: Challenge, initial: Decimal) -> list[DayResult]:
    """What each day has booked since the challenge began, deposits and withdrawals aside.

    A day is known by the mark of its start; what days without one have made counts to the first.
    """
    profits = _profits(account, challenge)
    began = day_of(challenge.started_at, challenge.reset, challenge.zone)
    moves = account.balance_moves.filter(at__gte=challenge.started_at)
    moved = moves.aggregate(total=Sum("amount"))["total"] or ZERO
    rest = account.balance - initial - moved - sum(profits.values(), ZERO)
    if rest:
        first = min(profits, default=began)
        profits = {**profits, first: profits.get(first, ZERO) + rest}
    entries = _entries(account, challenge)
    known = sorted({*profits, *entries})
    return [DayResult(day, profits.get(day, ZERO), entries.get(day, 0)) for day in known]


def _profits(account: Account, challenge: Challenge) -> Mapping[date, Decimal]:
    """By the balances at the starts of days; the last day up to now."""
    rows = DayMark.objects.filter(
        account=account,
        period=Period.DAY.value,
        reset=challenge.reset,
        zone=challenge.zone,
        began__gte=challenge.started_at,
    ).order_by("began")
    marks = list(rows.values_list("began", "balance", "moved"))
    ends = [balance for _, balance, _ in marks[1:]] + [account.balance]
    return {
        day_of(began, challenge.reset, challenge.zone): end - balance - moved
        for (began, balance, moved), end in zip(marks, ends, strict=True)
    }


def _entries(account: Account, challenge: Challenge) -> Mapping[date, int]:
    fills = Fill.objects.filter(account=account, opens=True, at__gte=challenge.started_at)
    times = fills.values_list("at", flat=True)
    return Counter(day_of(at, challenge.reset, challenge.zone) for at in times)


def _goals(challenge: Challenge) -> Goals:
    return Goals(
        profit_target=challenge.profit_target,
        min_days=challenge.min_days,
        min_profit_days=challenge.min_profit_days,
        day_profit=challenge.day_profit,
        best_day=challenge.best_day,
        best_day_of=BestDayOf(challenge.best_day_of),
    )

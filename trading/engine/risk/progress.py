"""How far an account has come with what a programme wants beyond its limits.

Profits are those of closed balances, deposits and withdrawals aside, in account currency; shares
are percent. The kinds of consistency rules are those that proprietary trading firms publish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Final

from trading.engine.types import EngineError

ZERO: Final = Decimal(0)
ALL: Final = Decimal(100)
CENT: Final = Decimal("0.01")


class BestDayOf(StrEnum):
    """What the profit of the best day is a share of."""

    TOTAL = "TOTAL"
    POSITIVE_DAYS = "POSITIVE_DAYS"
    """The sum of the days with a profit."""


@dataclass(frozen=True, slots=True)
class DayResult:
    """One trading day: what it booked, and how many entries were made."""

    day: date
    profit: Decimal
    entries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """What is wanted; None and 0 = not. `profit_target` and `day_profit` are percent of the initial
    balance, `best_day` is the most that the best day may make up."""

    profit_target: Decimal | None = None
    min_days: int = 0
    """With an entry."""
    min_profit_days: int = 0
    """That made `day_profit`."""
    day_profit: Decimal = ZERO
    best_day: Decimal | None = None
    best_day_of: BestDayOf = BestDayOf.TOTAL


@dataclass(frozen=True, slots=True)
class Goal:
    """One of them: `found` of `wanted`, in `unit`; `missing` in words, empty once it is met."""

    label: str
    found: Decimal | None
    wanted: Decimal
    unit: str
    is_met: bool
    missing: str = ""


def progress(goals: Goals, initial: Decimal, days: Sequence[DayResult]) -> tuple[Goal, ...]:
    """Every goal that is set. EngineError without an initial balance above 0."""
    if not (initial.is_finite() and initial > 0):
        raise EngineError(f"Expected an initial balance above 0, was {initial}")
    found = (
        _profit(goals, initial, days),
        _days("Trading days", goals.min_days, sum(1 for day in days if day.entries)),
        _days("Profitable days", goals.min_profit_days, _profitable(goals, initial, days)),
        _consistency(goals, days),
    )
    return tuple(goal for goal in found if goal is not None)


def _profit(goals: Goals, initial: Decimal, days: Sequence[DayResult]) -> Goal | None:
    target = goals.profit_target
    if target is None:
        return None
    total, wanted = _total(days), initial * target / ALL
    missing = "" if total >= wanted else f"{_up(wanted - total)} more"
    return Goal("Profit", total / initial * ALL, target, "% of initial", not missing, missing)


def _days(label: str, wanted: int, found: int) -> Goal | None:
    if not wanted:
        return None
    missing = f"{wanted - found} more" if found < wanted else ""
    return Goal(label, Decimal(found), Decimal(wanted), "days", not missing, missing)


def _profitable(goals: Goals, initial: Decimal, days: Sequence[DayResult]) -> int:
    least = initial * goals.day_profit / ALL
    return sum(1 for day in days if day.profit > 0 and day.profit >= least)


def _consistency(goals: Goals, days: Sequence[DayResult]) -> Goal | None:
    """The best day within its share. It is not met before there is a profit."""
    most = goals.best_day
    if most is None:
        return None
    is_total = goals.best_day_of is BestDayOf.TOTAL
    label = f"Best day, of {'the profit' if is_total else 'all days with a profit'}"
    best = max((day.profit for day in days), default=ZERO)
    base = _total(days) if is_total else sum((max(ZERO, day.profit) for day in days), ZERO)
    if best <= 0 or base <= 0:
        return Goal(label, None, most, "% at most", False, "a profit")
    share = best / base * ALL
    if share <= most:
        return Goal(label, share, most, "% at most", True)
    missing = f"{_up(best * ALL / most - base)} more on other days" if most else "no best day"
    return Goal(label, share, most, "% at most", False, missing)


def _total(days: Sequence[DayResult]) -> Decimal:
    return sum((day.profit for day in days), ZERO)


def _up(amount: Decimal) -> str:
    """Money that is enough, in whole cents."""
    return f"{amount.quantize(CENT, ROUND_CEILING)}"

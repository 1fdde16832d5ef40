"""Limits, the refusals they cause, and the boundaries of the trading day."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from trading.engine.types import AccountState, Denied, EngineError, IntArray, Market

NEW_YORK = ZoneInfo("America/New_York")
ROLLOVER = time(17)
"""The trading day ends, and swap is booked, at 17:00 New York."""


class Control(StrEnum):
    """The controls a limit can set; the value's unit is part of the label."""

    MAX_LOTS = "MAX_LOTS"
    MAX_SPREAD = "MAX_SPREAD"
    MAX_POSITIONS = "MAX_POSITIONS"
    DAILY_LOSS = "DAILY_LOSS"
    MARGIN_USE = "MARGIN_USE"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Control.MAX_LOTS: "Largest order, lots",
    Control.MAX_SPREAD: "Widest spread, ticks",
    Control.MAX_POSITIONS: "Most open positions of the account",
    Control.DAILY_LOSS: "Daily loss, percent of the day's start equity",
    Control.MARGIN_USE: "Margin in use after the order, percent of equity",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Effective limits of one decision; None = not limited."""

    max_lots: Decimal | None = None
    max_spread: Decimal | None = None
    """Ticks."""
    max_positions: int | None = None
    daily_loss: Decimal | None = None
    """Percent of the day's start equity; equity below start x (1 - this) blocks entries."""
    margin_use: Decimal = Decimal(80)
    """Percent of equity that may be margin after the order, at most 100."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if value is not None and not (Decimal(value).is_finite() and value >= 0):
                raise EngineError(f"Expected {f.name} of at least 0, was {value}")
        if self.margin_use > 100:
            raise EngineError(f"Expected margin_use of at most 100 %, was {self.margin_use}")


def denial(
    limits: Limits, account: AccountState, market: Market, reserved: int = 0
) -> Denied | None:
    """The first limit that forbids an entry now, or None. Sizing applies the volume limits.

    `reserved` are entries on their way or resting, whose positions are not open yet.
    """
    return (
        _spread_denial(limits, market)
        or _positions_denial(limits, account, reserved)
        or _daily_loss_denial(limits, account)
    )


def _spread_denial(limits: Limits, market: Market) -> Denied | None:
    spread = market.quote.spread / market.instrument.tick_size
    if limits.max_spread is None or spread <= limits.max_spread:
        return None
    return Denied(
        "SPREAD_TOO_WIDE",
        f"Spread is {spread:f} ticks, limit {limits.max_spread:f}",
        {"spread_ticks": f"{spread:f}", "limit": f"{limits.max_spread:f}"},
    )


def _positions_denial(limits: Limits, account: AccountState, reserved: int) -> Denied | None:
    count = len(account.positions) + reserved
    if limits.max_positions is None or count < limits.max_positions:
        return None
    return Denied(
        "MAX_POSITIONS",
        f"{count} positions are open or on their way, limit {limits.max_positions}",
        {
            "positions": str(len(account.positions)),
            "reserved": str(reserved),
            "limit": str(limits.max_positions),
        },
    )


def _daily_loss_denial(limits: Limits, account: AccountState) -> Denied | None:
    if limits.daily_loss is None:
        return None
    if account.day_start_equity is None:
        return Denied("DAY_START_UNKNOWN", "The day's start equity is not known yet")
    floor = account.day_start_equity * (1 - limits.daily_loss / 100)
    if account.equity >= floor:
        return None
    return Denied(
        "DAILY_LOSS",
        f"Equity {account.equity:f} is below the day's floor {floor:f}",
        {"equity": f"{account.equity:f}", "floor": f"{floor:f}"},
    )


def day_start(at: datetime) -> datetime:
    """The last 17:00 New York at or before `at`, in UTC."""
    local = at.astimezone(NEW_YORK)
    day = local.date() if local.time() >= ROLLOVER else local.date() - timedelta(days=1)
    return _rollover_of(day)


def rollovers(start: int, end: int) -> IntArray:
    """Every 17:00 New York in (start, end], epoch seconds UTC, weekends included."""
    first = datetime.fromtimestamp(start, UTC).year - 1
    last = datetime.fromtimestamp(end, UTC).year + 1
    if end <= start:
        return np.empty(0, np.int64)
    times = np.concatenate([_rollovers_of_year(year) for year in range(first, last + 1)])
    result: IntArray = times[(times > start) & (times <= end)]
    return result


@lru_cache(maxsize=1024)
def next_rollover(at: int) -> int:
    """The first 17:00 New York after `at`, epoch seconds UTC."""
    return int(rollovers(at, at + 2 * 86400)[0])


def swap_nights(rollover: IntArray, triple_weekday: int) -> IntArray:
    """Nights booked at each rollover: weekdays one, the triple day three, weekends none."""
    # 17:00 New York is 21:00 or 22:00 UTC of the same date; 1970-01-01 was a Thursday
    weekday = (rollover // 86400 + 3) % 7
    nights = np.where(weekday == triple_weekday, 3, 1)
    return np.where(weekday >= 5, 0, nights).astype(np.int64)


def _rollover_of(day: date) -> datetime:
    return datetime.combine(day, ROLLOVER, NEW_YORK).astimezone(UTC)


@lru_cache(maxsize=256)
def _rollovers_of_year(year: int) -> IntArray:
    days = (date(year, 1, 1) + timedelta(days=k) for k in range(366))
    stamps = [int(_rollover_of(day).timestamp()) for day in days if day.year == year]
    return np.array(stamps, dtype=np.int64)

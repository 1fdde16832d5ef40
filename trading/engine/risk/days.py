"""When days, weeks and months begin by the clock of a zone, and the nights that swap is booked.

A reset that the clock skips happens at the moment it jumps; one that it shows twice happens at the
first. Where the reset is at noon or later the day that begins is the next one: Monday begins on
Sunday at 17:00 New York.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from trading.engine.risk.kinds import Period
from trading.engine.types import IntArray

NEW_YORK = "America/New_York"
ROLLOVER = time(17)
"""The trading day ends, and swap is booked, at 17:00 New York."""
_NOON = time(12)
_DAY = timedelta(days=1)


def period_start(at: datetime, period: Period, reset: time, zone: str) -> datetime:
    """When the period that contains `at` began, UTC; `at` itself where it begins one.

    `reset` is on the clock of `zone`, an IANA name. A week begins with its Monday, a month with
    its first day.
    """
    first = _first_day(day_of(at, reset, zone), period)
    return day_begins(first, reset, zone)


def next_reset(at: datetime, period: Period, reset: time, zone: str) -> datetime:
    """When the period that contains `at` ends, and the next one begins, UTC."""
    first = _first_day(day_of(at, reset, zone), period)
    # a day of the next period, whichever its length: 1, 7, 28 to 31 days
    beyond = first + {Period.DAY: _DAY, Period.WEEK: 7 * _DAY, Period.MONTH: 31 * _DAY}[period]
    return day_begins(_first_day(beyond, period), reset, zone)


def day_of(at: datetime, reset: time, zone: str) -> date:
    """The trading day that `at` belongs to."""
    day = at.astimezone(ZoneInfo(zone)).date() + _DAY
    while day_begins(day, reset, zone) > at:
        day -= _DAY
    return day


@lru_cache(maxsize=4096)
def day_begins(day: date, reset: time, zone: str) -> datetime:
    """When a trading day begins, UTC."""
    info = ZoneInfo(zone)
    local = datetime.combine(day - _DAY if reset >= _NOON else day, reset, info)
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return first if first <= second else _jump_between(second, first, info)


def _jump_between(low: datetime, high: datetime, info: ZoneInfo) -> datetime:
    """The second in (low, high] at which the clock jumps."""
    after = high.astimezone(info).utcoffset()
    while (seconds := int((high - low).total_seconds())) > 1:
        middle = low + timedelta(seconds=seconds // 2)
        jumped = middle.astimezone(info).utcoffset() == after
        low, high = (low, middle) if jumped else (middle, high)
    return high


def _first_day(day: date, period: Period) -> date:
    if period is Period.WEEK:
        return day - day.weekday() * _DAY
    return day.replace(day=1) if period is Period.MONTH else day


def day_start(at: datetime) -> datetime:
    """The last 17:00 New York at or before `at`, in UTC."""
    return period_start(at, Period.DAY, ROLLOVER, NEW_YORK)


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


@lru_cache(maxsize=256)
def _rollovers_of_year(year: int) -> IntArray:
    days = (date(year, 1, 1) + k * _DAY for k in range(366))
    begins = [day_begins(day + _DAY, ROLLOVER, NEW_YORK) for day in days if day.year == year]
    return np.array([int(begin.timestamp()) for begin in begins], dtype=np.int64)

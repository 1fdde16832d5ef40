"""Trading days and swap nights."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from trading.engine.types import IntArray

NEW_YORK = ZoneInfo("America/New_York")
ROLLOVER = time(17)
"""The trading day ends, and swap is booked, at 17:00 New York."""


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

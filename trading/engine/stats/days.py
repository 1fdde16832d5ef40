"""Trading days by the clock of an account, and returns from one day's end to the next."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from trading.engine.risk.days import NEW_YORK, ROLLOVER, day_begins, rollovers
from trading.engine.types import EngineError, FloatArray, IntArray


def resets(start: int, end: int, reset: time = ROLLOVER, zone: str = NEW_YORK) -> IntArray:
    """Every `reset` on the clock of `zone` in (start, end], epoch seconds UTC, weekends too.

    EngineError where no zone is called so.
    """
    if (reset, zone) == (ROLLOVER, NEW_YORK):
        return rollovers(start, end)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise EngineError(
            f"Expected an IANA time zone such as Europe/Athens, was {zone!r}"
        ) from None
    if end <= start:
        return np.empty(0, np.int64)
    first, last = (datetime.fromtimestamp(at, UTC).year for at in (start, end))
    years = range(first - 1, last + 2)
    times = np.concatenate([_resets_of_year(year, reset, zone) for year in years])
    result: IntArray = times[(times > start) & (times <= end)]
    return result


@lru_cache(maxsize=256)
def _resets_of_year(year: int, reset: time, zone: str) -> IntArray:
    days = (date(year, 1, 1) + timedelta(days=k) for k in range(366))
    begins = (day_begins(day, reset, zone) for day in days if day.year == year)
    return np.array([int(begin.timestamp()) for begin in begins], dtype=np.int64)


def day_ends(time: IntArray, resets: IntArray) -> IntArray:
    """The last row of each trading day that has bars; a bar belongs to the day it opens in."""
    if not len(time):
        return np.empty(0, np.int64)
    after = np.unique(np.append(np.searchsorted(time, resets), len(time)))
    return after[after > 0] - 1


def daily_returns(daily: FloatArray) -> FloatArray:
    """r[i] = E[i+1] / E[i] - 1; none at all when the equity was lost on the way."""
    if not (daily > 0.0).all():
        return np.empty(0)
    result: FloatArray = daily[1:] / daily[:-1] - 1.0
    return result


def without_flows(equity: FloatArray, flows: FloatArray, start: float) -> FloatArray:
    """The equity had nothing been paid in or out: growth chained row by row (time-weighted).

    `flows[i]` came in (out where negative) after row i - 1 and is part of `equity[i]`; it earns
    from row i on. EngineError where the account was empty before a row.
    """
    before = np.concatenate([[start], equity[:-1]])
    if not (before > 0.0).all():
        raise EngineError(f"Expected equity > 0 before each row, was {float(before.min())}")
    result: FloatArray = start * np.cumprod((equity - flows) / before)
    return result

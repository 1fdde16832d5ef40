"""The trading week of the simulated market: Sunday 17:00 to Friday 17:00, New York.

A session runs from 17:00 to 17:00; five of them make a week. Clocks change in New York on Sunday
mornings, while the market is closed, so every session lasts exactly a day. Times here are epoch
seconds (UTC).
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from trading.engine.types import EngineError, IntArray

NEW_YORK: Final = ZoneInfo("America/New_York")
SESSION_SECONDS: Final = 86_400
SESSIONS_A_WEEK: Final = 5
FIRST_OPEN: Final = date(2000, 1, 2)  # a Sunday
WEEKS: Final = 52 * 200  # to April 2199: years of an accelerated clock


@lru_cache(maxsize=1)
def session_opens() -> IntArray:
    """When each session opens; session i is the first of its week where i % 5 == 0."""
    sundays = (FIRST_OPEN + timedelta(weeks=week) for week in range(WEEKS))
    weeks = [datetime(d.year, d.month, d.day, 17, tzinfo=NEW_YORK).timestamp() for d in sundays]
    days = np.arange(SESSIONS_A_WEEK) * SESSION_SECONDS
    opens = (np.array(weeks, np.int64)[:, None] + days).reshape(-1)
    opens.setflags(write=False)
    return opens


def session_at(time: float) -> int:
    """The session in progress at `time`, or the last one before it when the market is closed."""
    opens = session_opens()
    if not opens[0] <= time < opens[-1] + SESSION_SECONDS:
        first, end = (datetime.fromtimestamp(int(t), UTC) for t in (opens[0], opens[-1]))
        raise EngineError(f"Expected a time from {first:%F} to {end:%F}, was epoch {time:.0f}")
    return int(np.searchsorted(opens, time, side="right")) - 1


def session_open(session: int) -> int:
    """When the session opens."""
    return int(session_opens()[session])


def is_open(time: float) -> bool:
    return time < session_open(session_at(time)) + SESSION_SECONDS


def next_open(time: float) -> float:
    """`time` itself while the market is open, else the opening of the next week."""
    return time if is_open(time) else float(session_open(session_at(time) + 1))

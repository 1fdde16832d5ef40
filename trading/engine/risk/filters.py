"""What the filters of an entry compare: how far off weekend and news are, and what is usual."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from trading.engine import money
from trading.engine.risk.days import NEW_YORK, ROLLOVER, day_begins
from trading.engine.sessions import Week

WEEKEND: Final = timedelta(hours=24)
"""A market that is closed for as long rests for the weekend; shorter breaks are within a week."""
USUAL_MINUTES: Final = 60
LEAST_MINUTES: Final = 10
"""Of fewer minutes nobody can say what is usual."""
_SATURDAY: Final = 5


def week_end(week: Week, at: datetime) -> datetime | None:
    """The first close at or after `at` that is followed by a weekend; None where there is none.

    A broker that tells no sessions closes on Friday at 17:00 New York. While the market is closed
    for a day or longer still, its close is `at` itself.
    """
    if not week.spans:
        return _friday(at)
    close = week.next_close(at)
    while close is not None and close < at + timedelta(days=8):
        opens = week.next_open(close)
        if opens is None or opens - close >= WEEKEND:
            return close
        close = week.next_close(opens)
    return None


def is_flat_due(week: Week, at: datetime, before: timedelta) -> bool:
    """Whether the market is open, and closes for the weekend within `before`."""
    close = week_end(week, at)
    return close is not None and at < close <= at + before and week.is_open(at)


def seconds_to(moments: Iterable[datetime], at: datetime) -> tuple[Decimal, ...]:
    """From `at` to each moment, below 0 for those that have passed."""
    return tuple(Decimal((moment - at) // timedelta(seconds=1)) for moment in moments)


def usual_spread(spreads: Sequence[float], tick_size: Decimal) -> Decimal | None:
    """Median of the spreads of the last minutes, in ticks; None of too few. 0 is not known."""
    known = [money.spread_from_float(spread, tick_size) for spread in spreads if spread > 0]
    return median(known) / tick_size if len(known) >= LEAST_MINUTES else None


def usual_gap(ticks: Sequence[float]) -> Decimal | None:
    """Median of the seconds between ticks, by the ticks of the last minutes; None of too few."""
    known = [Decimal(count) for count in ticks if count > 0]
    return 60 / median(known) if len(known) >= LEAST_MINUTES else None


def _friday(at: datetime) -> datetime:
    """The first Friday 17:00 New York at or after `at`: there Saturday begins."""
    day = at.astimezone(ZoneInfo(NEW_YORK)).date()
    saturday = day + timedelta(days=(_SATURDAY - day.weekday()) % 7)
    close = day_begins(saturday, ROLLOVER, NEW_YORK)
    return close if close >= at else day_begins(saturday + timedelta(7), ROLLOVER, NEW_YORK)

"""Days on which markets may be closed: candidates, of which a market's own data picks its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

_FIXED: Final = {
    "New Year": (1, 1),
    "Labour Day": (5, 1),
    "Juneteenth": (6, 19),
    "Independence Day": (7, 4),
    "Unity Day": (10, 3),
    "Christmas Eve": (12, 24),
    "Christmas": (12, 25),
    "Boxing Day": (12, 26),
    "New Year's Eve": (12, 31),
}
_MONDAYS: Final = {  # month and which Monday of it, -1 = the last
    "Martin Luther King Day": (1, 3),
    "Presidents' Day": (2, 3),
    "Early May holiday": (5, 1),
    "Memorial Day": (5, -1),
    "Summer holiday": (8, -1),
    "Labor Day": (9, 1),
}
_FROM_EASTER: Final = {"Good Friday": -2, "Easter Monday": 1, "Ascension": 39, "Whit Monday": 50}


@lru_cache(maxsize=256)
def closures(year: int) -> dict[date, str]:
    """Date -> name of every day of `year` on which some large exchange closes or ends early."""
    fixed = {date(year, month, day): name for name, (month, day) in _FIXED.items()}
    observed = {_observed(day): f"{name} observed" for day, name in fixed.items()}
    return observed | fixed | dict(_moving(year))


def easter(year: int) -> date:
    """Easter Sunday (the anonymous Gregorian algorithm, Meeus, Astronomical Algorithms, ch. 8)."""
    century, rest = divmod(year, 100)
    leaps, skipped = divmod(century, 4)
    lunar = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * (year % 19) + century - leaps - lunar + 15) % 30
    weekday = (32 + 2 * skipped + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (year % 19 + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _moving(year: int) -> Iterator[tuple[date, str]]:
    for name, days in _FROM_EASTER.items():
        yield easter(year) + timedelta(days), name
    for name, (month, which) in _MONDAYS.items():
        yield _weekday(year, month, 0, which), name
    thanksgiving = _weekday(year, 11, 3, 4)
    yield thanksgiving, "Thanksgiving"
    yield thanksgiving + timedelta(1), "Day after Thanksgiving"


def _observed(day: date) -> date:
    """The weekday on which some keep a holiday that falls on a weekend."""
    return day + timedelta({5: -1, 6: 1}.get(day.weekday(), 0))


def _weekday(year: int, month: int, weekday: int, which: int) -> date:
    """The `which`-th such weekday (Monday 0) of a month; -1 is the last."""
    first = date(year, month, 1)
    day = first + timedelta((weekday - first.weekday()) % 7 + 7 * (max(which, 1) - 1))
    while which == -1 and (day + timedelta(7)).month == month:
        day += timedelta(7)
    return day

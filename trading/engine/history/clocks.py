"""Does the clock of a history stay the same? Two witnesses, each with the data alone.

*Week opens*: the hour of the first bar after each weekend. Summer time moves it twice a year; read
on the right clock (UTC, New York or London) it stands still, so what moves there for good is a
change of the server's time zone or of the trading hours.

*Rhythm*: the market is lively at the same hours every day. A month whose profile of bar ranges
fits the whole history only when turned by some bars is misaligned (or is another market's data).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

import numpy as np

from trading.engine.history.gaps import ANCHOR, DAY, WEEK, iso
from trading.engine.history.zones import Zone, zone_of
from trading.engine.types import Bars, FloatArray, IntArray

HOUR: Final = 3600
CLOCKS: Final = ("UTC", "America/New_York", "Europe/London")
CLOSED: Final = 12 * HOUR
"""A market that pauses for less around Saturday noon has no weekend and no week open."""
HALF_WINDOW: Final = 4
"""Weeks on either side that vote on the usual hour; a holiday or two cannot win."""
LASTING: Final = 8
"""Weeks a new hour has to stand to be a change: longer than the clocks of the US and Europe differ
each spring and autumn."""
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class OpenChange:
    """From the week that begins on `week` on, the first bar comes at `after` and not at `before`
    (weekday, hour and the clock on which that hour stands still).
    """

    week: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class WeekOpens:
    """When weeks begin."""

    histogram: dict[str, dict[str, int]]
    """Quarter ("2014Q4") -> weekday and hour in UTC ("Sun 22") -> weeks that began then."""
    changes: tuple[OpenChange, ...]


@dataclass(frozen=True, slots=True)
class RhythmBreak:
    """Months in a row whose daily profile fits better when turned by `shift_bars`."""

    first: str
    last: str
    fit: float
    """Correlation with the profile of the whole history, mean of the months."""
    shifted_fit: float
    """The same after turning."""
    shift_bars: int
    """Of the first month; bars are an hour long or the timeframe, whichever is longer."""


# --- week opens ---


def week_opens(time: IntArray) -> WeekOpens:
    """`time`: open times of a series, ordered without duplicates."""
    opens = _opens(time)
    if not len(opens):
        return WeekOpens({}, ())
    usual = np.array([_usual(_hours(opens, zone_of(name))) for name in CLOCKS])
    return WeekOpens(_histogram(opens), _changes(opens, usual, _clock_path(usual)))


def _opens(time: IntArray) -> IntArray:
    """The first bar after each weekend, where the market really paused."""
    week = (time - ANCHOR) // WEEK
    first = np.flatnonzero((np.diff(week) > 0) & (np.diff(time) >= CLOSED)) + 1
    return time[first]


def _hours(opens: IntArray, zone: Zone) -> IntArray:
    """Hours since the Saturday noon before, on the clock of `zone`."""
    hours: IntArray = (opens + zone.offsets(opens) - ANCHOR) % WEEK // HOUR
    return hours


def _usual(hours: IntArray) -> list[int]:
    """The lasting hour of each week: the majority of the weeks around, short runs left out."""
    majority: list[int] = []
    for at in range(len(hours)):
        votes = hours[max(0, at - HALF_WINDOW) : at + HALF_WINDOW + 1].tolist()
        hour, count = Counter(votes).most_common(1)[0]
        majority.append(hour if 2 * count > len(votes) or not majority else majority[-1])
    usual: list[int] = []
    for hour, run in groupby(majority):
        length = len(list(run))
        usual += [hour if length >= LASTING or not usual else usual[-1]] * length
    return usual


def _clock_path(usual: IntArray) -> list[int]:
    """For every week the clock (row of `usual`) that explains the opens with the fewest changes.

    A change is another hour on the same clock or another clock. Shortest path, week by week.
    """
    clocks = range(len(usual))
    cost, steps = [0.0 for _ in clocks], []
    for moved in (np.diff(usual, axis=1) != 0).T:
        best = min(clocks, key=cost.__getitem__)
        # staying wins a tie
        stay = [cost[clock] + moved[clock] <= cost[best] + 1 for clock in clocks]
        steps.append([clock if stay[clock] else best for clock in clocks])
        cost = [cost[c] + moved[c] if stay[c] else cost[best] + 1 for c in clocks]
    path = [min(clocks, key=cost.__getitem__)]
    for step in reversed(steps):
        path.append(step[path[-1]])
    return path[::-1]


def _changes(opens: IntArray, usual: IntArray, path: list[int]) -> tuple[OpenChange, ...]:
    hours = [int(usual[clock, week]) for week, clock in enumerate(path)]
    names = [f"{_hour_name(hour)} {CLOCKS[c]}" for hour, c in zip(hours, path, strict=True)]
    return tuple(
        OpenChange(iso(int(opens[week + 1]))[:10], before, after)
        for week, (before, after) in enumerate(pairwise(names))
        if before != after
    )


def _hour_name(hours: int) -> str:
    """Hours since Saturday noon as weekday and hour."""
    moment = hours + 12 + 5 * 24
    return f"{_DAYS[moment // 24 % 7]} {moment % 24:02}"


def _histogram(opens: IntArray) -> dict[str, dict[str, int]]:
    months = opens.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    names = [f"{1970 + month // 12}Q{month % 12 // 3 + 1}" for month in months.tolist()]
    hours = [_hour_name(hour) for hour in _hours(opens, zone_of("UTC")).tolist()]
    table: dict[str, Counter[str]] = {}
    for name, hour in zip(names, hours, strict=True):
        table.setdefault(name, Counter())[hour] += 1
    return {name: dict(counts.most_common()) for name, counts in table.items()}


# --- rhythm ---

LEAST_SWING: Final = 0.1
"""Relative spread of the profile over the day below which a market has no rhythm to compare."""
LEAST_FIT: Final = 0.6
"""Fit the months must have in the middle, else the profile says nothing."""
GAIN: Final = 0.25
"""By how much a turned profile must fit better to be called shifted."""
LEAST_MONTHS: Final = 2
LEAST_DAYS: Final = 5


def rhythm_breaks(bars: Bars, seconds: int) -> tuple[RhythmBreak, ...]:
    """Runs of at least two months whose hours do not fit the rest; () where none can be told."""
    slot = max(seconds, HOUR)
    if slot >= DAY or len(bars) < 2:
        return ()
    months, profiles = _profiles(bars, slot)
    if len(months) < 3 * LEAST_MONTHS:
        return ()
    reference = np.median(profiles, axis=0)
    fits = _fits(profiles, reference)
    usual_fit = float(np.median(fits[:, 0]))
    if reference.std() < LEAST_SWING * reference.mean() or usual_fit < LEAST_FIT:
        return ()
    best = fits.argmax(axis=1)
    gain = fits[np.arange(len(fits)), best] - fits[:, 0]
    return tuple(_breaks(months, fits, np.where(gain > GAIN, best, 0)))


def _profiles(bars: Bars, slot: int) -> tuple[IntArray, FloatArray]:
    """Months since 1970 and their mean relative bar range per slot of the day, each of mean 1.

    Ranges above three times the month's mean are cut: news come when they come. Months without
    enough bars in some slot are left out.
    """
    month = bars.time.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    first, count = int(month[0]), int(month[-1] - month[0]) + 1
    month -= first
    per_day = DAY // slot
    key = month * per_day + bars.time // slot % per_day
    ranges = (bars.high - bars.low) / bars.open
    counts = np.bincount(key, minlength=count * per_day).reshape(count, per_day)
    totals = np.bincount(month, ranges, count) / np.maximum(counts.sum(axis=1), 1)
    cut = np.minimum(ranges, 3 * totals[month])
    sums = np.bincount(key, cut, count * per_day).reshape(count, per_day)
    enough = (counts >= LEAST_DAYS).all(axis=1) & (sums.sum(axis=1) > 0)
    profiles = sums[enough] / counts[enough]
    return np.flatnonzero(enough) + first, profiles / profiles.mean(axis=1, keepdims=True)


def _fits(profiles: FloatArray, reference: FloatArray) -> FloatArray:
    """Correlation of each profile with the reference turned by 0, 1, ... slots."""
    centred = profiles - 1.0
    sizes = np.maximum(np.linalg.norm(centred, axis=1), 1e-12)
    level = reference - reference.mean()
    turned = np.array([np.roll(level, shift) for shift in range(len(level))])
    result: FloatArray = (
        centred @ turned.T / sizes[:, None] / max(float(np.linalg.norm(level)), 1e-12)
    )
    return result


def _breaks(months: IntArray, fits: FloatArray, shifts: IntArray) -> list[RhythmBreak]:
    found = []
    at = 0
    for shifted, group in groupby(shifts != 0):
        rows = range(at, at + len(list(group)))
        at = rows.stop
        if shifted and len(rows) >= LEAST_MONTHS:
            found.append(_break(months, fits, shifts, rows))
    return found


def _break(months: IntArray, fits: FloatArray, shifts: IntArray, rows: range) -> RhythmBreak:
    index = np.arange(rows.start, rows.stop)
    slots = fits.shape[1]
    shift = int(shifts[rows.start])
    first, last = (np.datetime64(int(months[row]), "M") for row in (rows[0], rows[-1]))
    return RhythmBreak(
        first=str(first),
        last=str(last),
        fit=round(float(fits[index, 0].mean()), 2),
        shifted_fit=round(float(fits[index, shifts[index]].mean()), 2),
        shift_bars=shift if 2 * shift <= slots else shift - slots,
    )

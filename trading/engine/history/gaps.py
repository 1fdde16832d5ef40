"""Bars that should be there and are not, judged by the market's own week.

A slot of the week (weekday and time of day) is expected where most of the neighbouring weeks have
a bar in it. So nights, weekends and breaks are no gaps, summer time and new trading hours are
followed as they come, and a missing Tuesday is found. Gaps on holidays the market keeps (missing
in at least half of the years) are counted apart. Where the sessions of the symbol are known,
nothing is expected outside of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from trading.engine.history.closures import closures
from trading.engine.sessions import Week
from trading.engine.types import IntArray

WEEK: Final = 604_800
DAY: Final = 86_400
ANCHOR: Final = 216_000
"""1970-01-03 12:00 UTC, a Saturday: weeks are cut where markets that close are closed."""
NEIGHBOURS: Final = 4
"""Weeks with data on either side whose majority says what a week should have."""
LARGEST: Final = 10

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing bars in a row: open times of the first and the last, and how many."""

    first: str
    last: str
    bars: int


@dataclass(frozen=True, slots=True)
class GapReport:
    """Counts are bars unless they say otherwise; holidays are not in `missing` and `gaps`."""

    expected: int
    missing: int
    gaps: int
    largest: tuple[Gap, ...]
    holiday_gaps: int
    holiday_missing: int
    holidays: tuple[str, ...]
    """Names of the holidays this market keeps."""
    quality_percent: float
    """Share of the expected bars that are there."""
    months: dict[str, float]
    """The same of each month ("2012-11") that is not whole."""


def gap_report(time: IntArray, seconds: int, week: Week | None = None) -> GapReport:
    """`time`: open times, ordered without duplicates; `seconds`: the timeframe; `week`: when the
    symbol is quoted, where that is known."""
    if len(time) < 2:
        return GapReport(len(time), 0, 0, (), 0, 0, (), 100.0, {})
    grid = _Grid(time, seconds)
    if week is not None:
        grid.limit(week)
    missing = grid.expected & ~grid.present
    runs = _runs(grid.present | grid.expected, missing)
    names = _kept_holidays(grid, missing)
    holiday = _holiday_slots(grid, missing, names)
    sums = np.concatenate([[0], np.cumsum(holiday)])
    starts, stops, bars = runs
    closed = 2 * (sums[stops + 1] - sums[starts]) > bars
    for start, stop in zip(starts[closed], stops[closed], strict=True):
        missing[start : stop + 1] = False
    return _report(
        grid, missing, (starts[~closed], stops[~closed], bars[~closed]), (bars[closed], names)
    )


def iso(seconds: int) -> str:
    """Epoch seconds as 2012-11-16T08:00Z."""
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%MZ}"


Runs = tuple[IntArray, IntArray, IntArray]


class _Grid:
    """All slots from the first bar to the last, flat, and which of them are present, expected."""

    def __init__(self, time: IntArray, seconds: int) -> None:
        self.seconds = seconds
        slots = (time - ANCHOR) // seconds
        self.first = int(slots[0])
        per_week = WEEK // seconds
        week = int(slots[0]) // per_week
        weeks = int(slots[-1]) // per_week - week + 1
        table = np.zeros((weeks, per_week), dtype=bool)
        table.reshape(-1)[slots - week * per_week] = True
        inside = slice(self.first - week * per_week, int(slots[-1]) - week * per_week + 1)
        self.present: Mask = table.reshape(-1)[inside]
        self.expected: Mask = _expected(table).reshape(-1)[inside] | self.present
        phases, counts = np.unique(time % seconds, return_counts=True)
        self.phase = int(phases[counts.argmax()])

    def limit(self, week: Week) -> None:
        """Expect nothing while the symbol is not quoted."""
        absent = np.flatnonzero(self.expected & ~self.present)
        self.expected[absent[~week.open_mask(self.time(absent), self.seconds)]] = False

    def time(self, index: IntArray) -> IntArray:
        """Open times of the bars of these slots."""
        start = (index + self.first) * self.seconds + ANCHOR
        result: IntArray = start + (self.phase - start) % self.seconds
        return result


def _expected(table: Mask) -> Mask:
    """Where most of the nearest weeks with data have a bar."""
    filled = np.flatnonzero(table.any(axis=1))
    sums = np.zeros((len(filled) + 1, table.shape[1]), dtype=np.int32)
    np.cumsum(table[filled], axis=0, out=sums[1:])
    weeks = np.arange(len(table))
    here = np.searchsorted(filled, weeks)
    after = here + table.any(axis=1)
    low, high = np.maximum(here - NEIGHBOURS, 0), np.minimum(after + NEIGHBOURS, len(filled))
    votes = sums[here] - sums[low] + sums[high] - sums[after]
    voters = here - low + high - after
    result: Mask = 2 * votes > voters[:, None]
    return result


def _runs(relevant: Mask, missing: Mask) -> Runs:
    """First slot, last slot and number of bars of each run of missing bars without one between."""
    index = np.flatnonzero(relevant)
    edges = np.diff(missing[index].astype(np.int8), prepend=0, append=0)
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return index[starts], index[stops - 1], stops - starts


def _kept_holidays(grid: _Grid, missing: Mask) -> set[str]:
    """Holidays on which this market misses bars in at least half of the years it could."""
    traded = _holidays_on(grid, grid.expected)
    missed = _holidays_on(grid, missing)
    seen, absent = Counter(traded.values()), Counter(missed.values())
    return {name for name, count in absent.items() if 2 * count >= seen[name]}


def _holidays_on(grid: _Grid, mask: Mask) -> dict[int, str]:
    """Day number (UTC) -> holiday, for the days with a slot of `mask`."""
    days = np.unique(grid.time(np.flatnonzero(mask)) // DAY).tolist()
    dates = {day: date.fromordinal(day + date(1970, 1, 1).toordinal()) for day in days}
    return {
        day: closures(when.year)[when] for day, when in dates.items() if when in closures(when.year)
    }


def _holiday_slots(grid: _Grid, missing: Mask, names: set[str]) -> Mask:
    found = _holidays_on(grid, missing)
    days = np.array([day for day, name in found.items() if name in names], dtype=np.int64)
    slots = np.flatnonzero(missing)
    result = np.zeros(len(missing), dtype=bool)
    result[slots[np.isin(grid.time(slots) // DAY, days)]] = True
    return result


def _report(grid: _Grid, missing: Mask, runs: Runs, closed: tuple[IntArray, set[str]]) -> GapReport:
    starts, stops, bars = runs
    largest = np.argsort(-bars, kind="stable")[:LARGEST]
    firsts, lasts = grid.time(starts[largest]), grid.time(stops[largest])
    gaps = tuple(
        Gap(iso(first), iso(last), int(count))
        for first, last, count in zip(firsts, lasts, bars[largest], strict=True)
    )
    holiday_bars, names = closed
    expected, lost = int(grid.expected.sum() - holiday_bars.sum()), int(missing.sum())
    return GapReport(
        expected=expected,
        missing=lost,
        gaps=len(bars),
        largest=gaps,
        holiday_gaps=len(holiday_bars),
        holiday_missing=int(holiday_bars.sum()),
        holidays=tuple(sorted(names)),
        quality_percent=round(100 * (1 - lost / expected), 3),
        months=_months(grid, missing),
    )


def _months(grid: _Grid, missing: Mask) -> dict[str, float]:
    """Quality of each month that misses a bar."""
    lost = _per_month(grid, missing)
    sound = _per_month(grid, grid.present)
    return {month: round(100 * sound[month] / (sound[month] + n), 2) for month, n in lost.items()}


def _per_month(grid: _Grid, mask: Mask) -> Counter[str]:
    times = grid.time(np.flatnonzero(mask)).astype("datetime64[s]").astype("datetime64[M]")
    months, counts = np.unique(times, return_counts=True)
    return Counter({str(month): int(n) for month, n in zip(months, counts, strict=True)})

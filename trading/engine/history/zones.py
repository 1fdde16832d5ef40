"""Wall-clock times of a trading server -> UTC, with the jumps of daylight saving time.

A zone is an IANA name, optionally with whole hours added: most MetaTrader servers run on
`America/New_York+7`, so that their day ends at 17:00 New York; others on `Europe/Athens` or UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from trading.engine.types import EngineError, IntArray

DAY = 86400
_SHIFTED = re.compile(r"(?P<name>.+?)(?P<hours>[+-]\d{1,2})")


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone plus whole hours."""

    info: ZoneInfo
    hours: int = 0

    @property
    def name(self) -> str:
        return f"{self.info.key}{self.hours:+d}" if self.hours else f"{self.info.key}"

    def offset(self, utc: int) -> int:
        """Seconds the wall clock is ahead of UTC at `utc` (epoch seconds)."""
        delta = datetime.fromtimestamp(utc, self.info).utcoffset()
        assert delta is not None
        return int(delta.total_seconds()) + 3600 * self.hours

    def offsets(self, utc: IntArray) -> IntArray:
        """`offset` of every time, which are in order."""
        if not len(utc):
            return utc
        jumps = self.jumps(int(utc[0]), int(utc[-1]))
        table = np.array([self.offset(int(utc[0])), *(jump.after for jump in jumps)])
        return table[np.searchsorted([jump.at for jump in jumps], utc, side="right")]

    def jumps(self, start: int, end: int) -> list[Jump]:
        """Every change of the offset in (start, end], oldest first."""
        days = range(start, end + DAY, DAY)
        edges = [(min(day, end), self.offset(min(day, end))) for day in days]
        return [
            Jump(self._change(low, high), before, after)
            for (low, before), (high, after) in pairwise(edges)
            if before != after
        ]

    def _change(self, low: int, high: int) -> int:
        """The second in (low, high] at which the offset of `high` begins."""
        after = self.offset(high)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.offset(middle) == after else (middle, high)
        return high


@dataclass(frozen=True, slots=True)
class Jump:
    """At `at` (epoch seconds UTC) the offset changes from `before` to `after` seconds."""

    at: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class UtcTimes:
    """Times in UTC; the rows whose wall-clock time does not exist, and how many had two."""

    time: IntArray
    missing: IntArray
    """Indices of rows whose time the clocks skip; their `time` means nothing."""
    ambiguous: int
    """Rows in an hour the clocks repeat."""


def zone_of(name: str) -> Zone:
    """The zone called `name`; raises EngineError for an unknown one."""
    try:
        return Zone(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        match = _SHIFTED.fullmatch(name)
    try:
        if match:
            return Zone(ZoneInfo(match["name"]), int(match["hours"]))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise EngineError(
        f"Expected an IANA time zone such as Europe/Athens or America/New_York+7, was {name!r}"
    )


def to_utc(wall: IntArray, zone: Zone) -> UtcTimes:
    """`wall` holds wall-clock times as if they were UTC, in epoch seconds and in the file's order.

    In an hour the clocks repeat, rows count as the first pass until the times step back, from
    there on as the second.
    """
    if not len(wall):
        return UtcTimes(wall, np.empty(0, np.int64), 0)
    start, end = int(wall.min()) - DAY, int(wall.max()) + DAY
    offsets = np.full(len(wall), zone.offset(start))
    missing: list[IntArray] = []
    ambiguous = 0
    for jump in zone.jumps(start, end):
        old_end, new_start = jump.at + jump.before, jump.at + jump.after
        offsets[wall >= max(old_end, new_start)] = jump.after
        if new_start > old_end:
            missing.append(np.flatnonzero((wall >= old_end) & (wall < new_start)))
            continue
        twice = np.flatnonzero((wall >= new_start) & (wall < old_end))
        ambiguous += len(twice)
        offsets[twice[_second_pass(wall[twice])]] = jump.after
    skipped = np.concatenate([*missing, np.empty(0, np.int64)])
    return UtcTimes(wall - offsets, skipped.astype(np.int64), ambiguous)


def _second_pass(wall: IntArray) -> IntArray:
    """Indices of rows that are not later than every row before them."""
    if not len(wall):
        return wall
    latest = np.maximum.accumulate(wall)
    return np.flatnonzero(wall[1:] <= latest[:-1]) + 1


UTC_ZONE = Zone(ZoneInfo("UTC"))

"""When a symbol is quoted and traded: the sessions of its week, on the broker's clock.

Stored as {"zone": ..., "quote": {"MONDAY": [["00:05:00", "24:00:00"], ...], ...}, "trade": ...};
each part may be missing. A broker that tells no sessions counts as open: it refuses by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from trading.engine.history.zones import Zone, zone_of
from trading.engine.types import EngineError, IntArray

Kind = Literal["quote", "trade"]
Span = tuple[int, int]
"""From and to, seconds of the broker's week, which begins on Monday at 0:00."""
Mask = npt.NDArray[np.bool_]

BROKER_ZONE: Final = "America/New_York+7"
"""Most brokers: midnight is 17:00 New York, in summer and in winter."""
OTHER_ZONES: Final = ("Europe/Athens", "UTC")
"""What else is tried before a fixed offset is believed."""
WEEKDAYS: Final = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
DAY: Final = 86_400
WEEK: Final = 7 * DAY
THURSDAY: Final = 3 * DAY
"""1970-01-01 was one."""
HORIZON: Final = timedelta(days=15)
"""How far ahead the next open and close are looked for."""


@dataclass(frozen=True, slots=True)
class Week:
    """The sessions of a week. No span at all: always open."""

    spans: tuple[Span, ...]
    zone: Zone

    def is_open(self, at: datetime) -> bool:
        """Whether a session is open at a moment; its end no longer belongs to it."""
        return self._is_open(_epoch(at) + self.zone.offset(_epoch(at)))

    def open_mask(self, time: IntArray, seconds: int = 1) -> Mask:
        """Whether one is open at some moment of the `seconds` from each of `time` on: epoch
        seconds UTC, in order."""
        if not self.spans:
            return np.ones(len(time), dtype=bool)
        within = (time + self.zone.offsets(time) + THURSDAY) % WEEK
        edges = np.array([*self.spans, (self.spans[0][0] + WEEK,) * 2], dtype=np.int64).reshape(-1)
        passed = np.searchsorted(edges, within, side="right")
        result: Mask = (passed % 2 == 1) | (edges[passed] < within + seconds)
        return result

    def next_open(self, at: datetime) -> datetime | None:
        """`at` while a session is open, else when the next one begins; None within 15 days."""
        return self._next(at, is_open=True)

    def next_close(self, at: datetime) -> datetime | None:
        """`at` while no session is open, else when it ends; None when it never does."""
        return self._next(at, is_open=False)

    def _next(self, at: datetime, *, is_open: bool) -> datetime | None:
        for start, end, offset in self._pieces(at):
            shown = self._first(start + offset, end + offset, is_open)
            if shown is not None:
                return max(at, datetime.fromtimestamp(shown - offset, UTC))
        return None

    def _pieces(self, at: datetime) -> Iterator[tuple[int, int, int]]:
        """Stretches of UTC in which the broker's clock does not jump, with its offset."""
        start, end = _epoch(at), _epoch(at + HORIZON)
        edges = [start, *(jump.at for jump in self.zone.jumps(start, end)), end]
        for low, high in pairwise(edges):
            yield low, high, self.zone.offset(low)

    def _first(self, low: int, high: int, is_open: bool) -> int | None:
        """The first second of [low, high), by the broker's clock, that is open (or closed)."""
        if self._is_open(low) is is_open:
            return low
        monday = low - (low + THURSDAY) % WEEK
        edges = (
            week + edge
            for week in range(monday, high, WEEK)
            for span in self.spans
            for edge in span
            if low < week + edge < high and self._is_open(week + edge) is is_open
        )
        return next(edges, None)

    def _is_open(self, shown: int) -> bool:
        within = (shown + THURSDAY) % WEEK
        return not self.spans or any(start <= within < end for start, end in self.spans)


def week_of(sessions: Mapping[str, Any], kind: Kind) -> Week:
    """The stored sessions of a symbol as a Week; EngineError when they cannot be read."""
    return Week(
        _merged(_spans(sessions.get(kind) or {})), _zone(str(sessions.get("zone") or BROKER_ZONE))
    )


def sessions_json(
    quote: Mapping[int, Sequence[tuple[time, time]]],
    trade: Mapping[int, Sequence[tuple[time, time]]],
    zone: str = "",
) -> dict[str, Any]:
    """What is stored, from weekday (Monday 0) -> spans of the broker's clock."""
    days = {"quote": _days(quote), "trade": _days(trade)}
    return {**({"zone": zone} if zone else {}), **{k: v for k, v in days.items() if v}}


def zone_that_shows(at: datetime, shown: datetime, likely: str = "") -> str:
    """The zone rule of a broker whose clock shows `shown` (no zone) at a moment.

    `likely` stands while it fits, as two rules differ for a few weeks of the year only.
    """
    ahead = round((shown.replace(tzinfo=UTC) - at).total_seconds() / 900) * 900
    for name in (likely, BROKER_ZONE, *OTHER_ZONES):
        if name and _zone(name).offset(_epoch(at)) == ahead:
            return name
    hours, rest = divmod(ahead, 3600)
    if rest or abs(hours) > 14:
        raise EngineError(f"Expected a clock whole hours from UTC, was {ahead / 3600:g} hours")
    return f"UTC{hours:+d}"


def _days(sessions: Mapping[int, Sequence[tuple[time, time]]]) -> dict[str, list[list[str]]]:
    return {
        WEEKDAYS[day]: [[_text(_start(a)), _text(_end(b))] for a, b in sessions[day]]
        for day in sorted(sessions)
    }


def _start(clock: time) -> int:
    return clock.hour * 3600 + clock.minute * 60 + clock.second


def _end(clock: time) -> int:
    """Whole seconds, up: 23:59:59.999 is how midnight is written; 0:00 is the day's end."""
    return (_start(clock) + bool(clock.microsecond)) or DAY


def _text(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def _spans(days: Mapping[str, Any]) -> Iterator[Span]:
    for name, spans in days.items():
        if name not in WEEKDAYS:
            raise EngineError(f"Expected a weekday such as MONDAY, was {name!r}")
        day = WEEKDAYS.index(name) * DAY
        for start, end in spans:
            low, high = _seconds(start), _seconds(end)
            high = high if high > low else high + DAY  # over midnight
            yield day + low, day + high


def _seconds(text: str) -> int:
    parts = [int(part) for part in text.split(":")] if text.replace(":", "").isdecimal() else []
    if not 2 <= len(parts) <= 3 or parts[0] > 24 or max(parts[1:]) > 59:
        raise EngineError(f"Expected a time of day such as 23:55:00, was {text!r}")
    seconds = parts[0] * 3600 + parts[1] * 60 + sum(parts[2:])
    if seconds > DAY:
        raise EngineError(f"Expected a time of day up to 24:00:00, was {text!r}")
    return seconds


def _merged(spans: Iterator[Span]) -> tuple[Span, ...]:
    """Inside one week, in order, touching ones joined."""
    pieces = []
    for start, end in spans:
        pieces.append((start, min(end, WEEK)))
        if end > WEEK:
            pieces.append((0, end - WEEK))
    joined: list[Span] = []
    for start, end in sorted(pieces):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


@lru_cache(maxsize=64)
def _zone(name: str) -> Zone:
    return zone_of(name)


def _epoch(at: datetime) -> int:
    return int(at.timestamp() // 1)

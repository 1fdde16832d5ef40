"""The same few metrics of trades that have something in common: side, hour, exit, symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from trading.engine.history.zones import zone_of
from trading.engine.metrics.figures import DAY, figure, percent
from trading.engine.stats import ratio
from trading.engine.tape import EXIT_REASONS
from trading.engine.trades import Trades
from trading.engine.types import IntArray

HOUR: Final = 3600
YEAR: Final = 366 * DAY
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SIDES: Final = ("short", "long")
SESSIONS: Final = (
    ("Tokyo", "Asia/Tokyo", 9, 15),
    ("London", "Europe/London", 8, 16),
    ("New York", "America/New_York", 8, 17),
)
"""Name, zone and hours of its clock; a trade counts to the last of them that is open."""
DURATIONS: Final = (
    ("under 1 h", HOUR),
    ("1 to 4 h", 4 * HOUR),
    ("4 h to 1 day", DAY),
    ("1 to 5 days", 5 * DAY),
    ("5 days or more", 1 << 60),
)


@dataclass(frozen=True, slots=True)
class SliceMetrics:
    """Some of the trades."""

    count: int = figure("Trades")
    win_rate_percent: float | None = figure("Win rate", "%")
    mean_r: float | None = figure("Mean R", "R")
    net: float = figure("Net", "money")


def slices_of(trades: Trades, zone: str) -> dict[str, dict[str, SliceMetrics]]:
    """The trades by side, exit, hour, weekday, month, session and duration.

    Hours, weekdays and months are those of the entry on the clock of `zone`.
    """
    entry = trades.entry_time
    local = entry + _offsets(entry, zone)
    months = local.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    held = trades.exit_time - entry
    ends = np.array([seconds for _, seconds in DURATIONS])
    hours, numbers = [f"{k:02d}" for k in range(24)], [f"{k:02d}" for k in range(13)]
    return {
        "side": slice_by(trades, (trades.side > 0).astype(np.int64), SIDES),
        "reason": slice_by(trades, trades.reason, [str(reason) for reason in EXIT_REASONS]),
        "hour": slice_by(trades, local // HOUR % 24, hours),
        "weekday": slice_by(trades, (local // DAY + 3) % 7, WEEKDAYS),
        "month": slice_by(trades, months, numbers),
        "session": slice_by(trades, _sessions(entry), ["none", *(s[0] for s in SESSIONS)]),
        "duration": slice_by(
            trades, np.searchsorted(ends, held, side="right"), [name for name, _ in DURATIONS]
        ),
    }


def slice_by(trades: Trades, codes: IntArray, names: Sequence[str]) -> dict[str, SliceMetrics]:
    """The trades by a code each, an index into `names`; names without a trade are left out.

    Any property does: symbols of a portfolio, tags, regimes, news or none.
    """
    net, count = trades.net, len(names)
    sizes = np.bincount(codes, minlength=count)
    wins, nets, rs = (
        np.bincount(codes, weights, minlength=count) for weights in (net > 0.0, net, trades.r)
    )
    return {
        name: SliceMetrics(n, percent(ratio(w, n)), ratio(r, n), round(total, 2))
        for name, n, w, r, total in zip(
            names, sizes.tolist(), wins.tolist(), rs.tolist(), nets.tolist(), strict=True
        )
        if n
    }


def _offsets(time: IntArray, zone: str) -> IntArray:
    """Seconds the clock of a zone is ahead, at times in any order."""
    if not len(time):
        return time
    first, last = int(time.min()) // YEAR, int(time.max()) // YEAR + 1
    instants, offsets = _jumps(zone, first * YEAR, last * YEAR)
    return offsets[np.searchsorted(instants, time, side="right")]


@lru_cache(maxsize=256)
def _jumps(name: str, start: int, end: int) -> tuple[IntArray, IntArray]:
    """When the offset of a zone changes in (start, end], and the offsets before and after each."""
    zone = zone_of(name)
    jumps = zone.jumps(start, end)
    offsets = [zone.offset(start), *(jump.after for jump in jumps)]
    return np.array([jump.at for jump in jumps], np.int64), np.array(offsets, np.int64)


def _sessions(time: IntArray) -> IntArray:
    """0 outside all sessions, else 1 + the index of the last one open on its weekdays."""
    found = np.zeros(len(time), np.int64)
    for k, (_, zone, first, last) in enumerate(SESSIONS, start=1):
        local = time + _offsets(time, zone)
        hour, weekday = local // HOUR % 24, (local // DAY + 3) % 7
        found[(hour >= first) & (hour < last) & (weekday < 5)] = k
    return found

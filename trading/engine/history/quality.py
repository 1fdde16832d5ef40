"""What is odd about a history: one report for a person to read and a database to keep."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from trading.engine.bars import bars_take, timeframe_seconds
from trading.engine.history.clocks import OpenChange, RhythmBreak, rhythm_breaks, week_opens
from trading.engine.history.gaps import GapReport, gap_report, iso
from trading.engine.sessions import Week
from trading.engine.types import Bars, FloatArray

Mask = npt.NDArray[np.bool_]

SPIKE: Final = 12.0
"""A spike stands out of both neighbouring bars by more than this many usual bar ranges."""
BLOCK: Final = 500
"""Bars over which the usual range is measured."""
EXAMPLES: Final = 5
FLAT_RUN: Final = 3
"""Flat bars in a row from which on they are worth a sentence."""


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Counts are bars, times are open times in UTC (2012-11-16T08:00Z)."""

    rows: int
    first: str
    last: str
    duplicates: int
    out_of_order: int
    non_positive: int
    """A price that is not a positive number."""
    inverted: int
    """High below, or low above, one of the other prices."""
    flat: int
    """Open, high, low and close are one price."""
    longest_flat_run: int
    spikes: int
    spike_examples: tuple[str, ...]
    """The largest ones."""
    gaps: GapReport
    week_opens: dict[str, dict[str, int]]
    """Quarter -> "Sun 22" (UTC) -> weeks whose first bar opened then."""
    open_changes: tuple[OpenChange, ...]
    """Lasting moves of the week's first bar: another time zone, or other trading hours."""
    rhythm_breaks: tuple[RhythmBreak, ...]
    """Months whose hours do not fit the rest: misaligned bars."""

    def to_json(self) -> dict[str, Any]:
        """The report as JSON gives it back."""
        result: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return result

    def findings(self) -> list[str]:
        """What a person should look at, in sentences; empty when there is nothing."""
        counts = {
            "rows that repeat a time": self.duplicates,
            "bars out of order": self.out_of_order,
            "bars with a price that is no positive number": self.non_positive,
            "bars with a high or low inside": self.inverted,
        }
        found = [f"{what}: {count}" for what, count in counts.items() if count]
        if self.gaps.gaps:
            largest = self.gaps.largest[0]
            found.append(
                f"gaps: {self.gaps.gaps} with {self.gaps.missing} bars missing;"
                f" the largest of {largest.bars} from {largest.first} to {largest.last}"
            )
        if self.longest_flat_run >= FLAT_RUN:
            found.append(f"flat bars: {self.flat}, up to {self.longest_flat_run} in a row")
        if self.spikes:
            found.append(f"lone spikes: {self.spikes}, the largest at {self.spike_examples[0]}")
        found += [
            f"from {c.week} on weeks open at {c.after}, before at {c.before}:"
            " another time zone or other trading hours"
            for c in self.open_changes
        ]
        found += [
            f"{b.first} to {b.last}: the hours of the day do not fit the other months"
            f" (fit {b.fit}; {b.shifted_fit} when turned by {b.shift_bars} bars)"
            for b in self.rhythm_breaks
        ]
        return found


def quality(bars: Bars, timeframe: str, week: Week | None = None) -> QualityReport:
    """Examine bars as they are, in any order; times in UTC. `week`: when the symbol is quoted,
    where that is known."""
    seconds = timeframe_seconds(timeframe)
    sound = _sound(bars)
    _, unique = np.unique(bars.time, return_index=True)
    series = bars_take(bars, unique[sound[unique]])
    flat = sound & (bars.high == bars.low) & (bars.open == bars.close) & (bars.open == bars.low)
    spikes, examples = _spikes(series)
    opens = week_opens(series.time)
    return QualityReport(
        rows=len(bars),
        first=iso(bars.time.min()) if len(bars) else "",
        last=iso(bars.time.max()) if len(bars) else "",
        duplicates=len(bars) - len(unique),
        out_of_order=int((np.diff(bars.time) < 0).sum()),
        non_positive=int((~sound).sum()),
        inverted=int((sound & _inverted(bars)).sum()),
        flat=int(flat.sum()),
        longest_flat_run=_longest_run(flat),
        spikes=spikes,
        spike_examples=examples,
        gaps=gap_report(series.time, seconds, week),
        week_opens=opens.histogram,
        open_changes=opens.changes,
        rhythm_breaks=rhythm_breaks(series, seconds),
    )


def _sound(bars: Bars) -> Mask:
    sound = np.ones(len(bars), dtype=bool)
    for prices in (bars.open, bars.high, bars.low, bars.close):
        sound &= np.isfinite(prices) & (prices > 0)
    return sound


def _inverted(bars: Bars) -> Mask:
    top, bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    result: Mask = (bars.high < top) | (bars.low > bottom)
    return result


def _longest_run(mask: Mask) -> int:
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _spikes(bars: Bars) -> tuple[int, tuple[str, ...]]:
    """Bars whose high or low stands alone, far outside the bars before and after."""
    if len(bars) < 3:
        return 0, ()
    high, low = bars.high, bars.low
    above = high[1:-1] - np.maximum(high[:-2], high[2:])
    below = np.minimum(low[:-2], low[2:]) - low[1:-1]
    size = np.maximum(above, below) / np.maximum(_usual_range(bars)[1:-1], 1e-12)
    found = np.flatnonzero(size > SPIKE)
    largest = found[np.argsort(-size[found], kind="stable")[:EXAMPLES]] + 1
    return len(found), tuple(iso(bars.time[index]) for index in largest)


def _usual_range(bars: Bars) -> FloatArray:
    """Median bar range of the block each bar is in; the market's where a block has none."""
    ranges = bars.high - bars.low
    blocks = max(1, len(ranges) // BLOCK)
    medians = [float(np.median(part)) for part in np.array_split(ranges, blocks)]
    lengths = [len(part) for part in np.array_split(ranges, blocks)]
    usual = np.repeat(medians, lengths)
    return np.where(usual > 0, usual, np.median(ranges))

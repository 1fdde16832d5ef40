"""Bars from ticks, bars from finer bars, and two series put together.

A bar covers [open time, open time + timeframe) and its open time is a multiple of the timeframe in
UTC; an interval without a tick has no bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from trading.engine.types import (
    BAR_COLUMNS,
    TIMEFRAMES,
    Bars,
    EngineError,
    FloatArray,
    IntArray,
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; the fields are those of `Bars`."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    spread: float


@dataclass(frozen=True, slots=True)
class Merge:
    """`bars` of two series, and what became of the newer one's rows."""

    bars: Bars
    added: int
    identical: int
    revised: int


class BarBuilder:
    """Builds the bars of one symbol and timeframe, tick by tick."""

    def __init__(self, timeframe: str) -> None:
        self.seconds = timeframe_seconds(timeframe)
        self.forming: Bar | None = None
        """The bar the next tick may still change."""

    def add(self, time_s: float, bid: float, spread: float) -> Bar | None:
        """Take a tick in; returns the bar it closes, if it opens a later one.

        `time_s` is epoch seconds; `bid` and `spread` are prices. A tick older than the forming
        bar is ignored; one that is no price raises EngineError.
        """
        if not (isfinite(bid) and bid > 0 and isfinite(spread) and spread >= 0):
            raise EngineError(f"Expected bid > 0 and spread >= 0, was {bid} and {spread}")
        start = int(time_s // self.seconds) * self.seconds
        bar = self.forming
        if bar is not None and start < bar.time:
            return None
        if bar is not None and bar.time == start:
            high, low = max(bar.high, bid), min(bar.low, bid)
            self.forming = Bar(start, bar.open, high, low, bid, bar.volume + 1.0, bar.spread)
            return None
        self.forming = Bar(start, bid, bid, bid, bid, 1.0, spread)
        return bar


def bars_from_ticks(
    times: FloatArray, bids: FloatArray, spreads: FloatArray, timeframe: str
) -> Bars:
    """All bars of a run of ticks, the last one possibly unfinished; the twin of `BarBuilder`.

    Arrays of equal length, times in epoch seconds in order of arrival; late ticks are ignored.
    """
    seconds = timeframe_seconds(timeframe)
    if not ((bids > 0) & np.isfinite(bids) & np.isfinite(spreads) & (spreads >= 0)).all():
        raise EngineError("Expected bids > 0 and spreads >= 0 throughout")
    starts = np.asarray(times // seconds, np.int64) * seconds
    if not len(starts):
        return Bars.empty()
    on_time = starts >= np.maximum.accumulate(starts)
    ones = np.ones(int(on_time.sum()))
    return _grouped(starts[on_time], [bids[on_time]] * 4, ones, spreads[on_time])


def resample(bars: Bars, source: str, target: str) -> Bars:
    """Bars of the coarser timeframe `target`; the first and last may be incomplete."""
    fine, coarse = timeframe_seconds(source), timeframe_seconds(target)
    if coarse % fine:
        raise EngineError(f"Expected a multiple of {source}, was {target}")
    if not len(bars):
        return bars
    prices = [bars.open, bars.high, bars.low, bars.close]
    return _grouped(bars.time // coarse * coarse, prices, bars.volume, bars.spread)


def bars_of(rows: Sequence[Bar]) -> Bars:
    """Rows as columns."""
    time = np.array([row.time for row in rows], dtype=np.int64)
    columns = BAR_COLUMNS[1:]
    return Bars(time, *(np.array([getattr(r, c) for r in rows], np.float64) for c in columns))


def bars_take(bars: Bars, index: IntArray) -> Bars:
    """The rows at `index`, in that order."""
    return Bars(*(getattr(bars, name)[index] for name in BAR_COLUMNS))


def bars_join(parts: Sequence[Bars]) -> Bars:
    """The parts one after the other."""
    if not parts:
        return Bars.empty()
    return Bars(*(np.concatenate([getattr(p, name) for p in parts]) for name in BAR_COLUMNS))


def merge(base: Bars, newer: Bars) -> Merge:
    """Both series in one, ordered; where both have a bar the one of `newer` stands.

    Each series is ordered without duplicates. A spread of 0 means unknown and never replaces a
    known one.
    """
    _, ours, theirs = np.intersect1d(base.time, newer.time, True, return_indices=True)
    newer = _keep_spreads(base, newer, ours, theirs)
    same = np.ones(len(ours), dtype=bool)
    for name in BAR_COLUMNS:
        same &= getattr(base, name)[ours] == getattr(newer, name)[theirs]
    identical = int(same.sum())
    counts = (len(newer) - len(ours), identical, len(ours) - identical)
    if identical == len(newer):
        return Merge(base, *counts)
    only = np.setdiff1d(np.arange(len(base)), ours, assume_unique=True)
    joined = bars_join([bars_take(base, only), newer])
    return Merge(bars_take(joined, np.argsort(joined.time, kind="stable")), *counts)


def timeframe_seconds(timeframe: str) -> int:
    """Seconds of a timeframe by its MetaTrader name."""
    if timeframe not in TIMEFRAMES:
        raise EngineError(f"Expected a timeframe of {', '.join(TIMEFRAMES)}, was {timeframe!r}")
    return TIMEFRAMES[timeframe]


def _grouped(
    starts: IntArray, prices: list[FloatArray], volume: FloatArray, spread: FloatArray
) -> Bars:
    """One bar per run of equal `starts`."""
    first = np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))
    last = np.append(first[1:], len(starts)) - 1
    open_, high, low, close = prices
    return Bars(
        time=starts[first],
        open=open_[first],
        high=np.maximum.reduceat(high, first),
        low=np.minimum.reduceat(low, first),
        close=close[last],
        volume=np.add.reduceat(volume, first),
        spread=spread[first],
    )


def _keep_spreads(base: Bars, newer: Bars, ours: IntArray, theirs: IntArray) -> Bars:
    spread = newer.spread.copy()
    spread[theirs] = np.where(spread[theirs] == 0, base.spread[ours], spread[theirs])
    return replace(newer, spread=spread)

"""Bars that several tests make."""

from dataclasses import replace

import numpy as np

from trading.engine.history.zones import zone_of
from trading.engine.types import Bars, IntArray

MONDAY = 1_704_067_200
"""2024-01-01 00:00 UTC in epoch seconds."""


def random_bars(rows: int, seconds: int = 3600, start: int = MONDAY, seed: int = 1) -> Bars:
    """A random walk in ticks of 0.00001, one bar every `seconds`, round the clock."""
    rng = np.random.default_rng(seed)
    ticks = 110_000 + np.cumsum(rng.integers(-30, 31, rows + 1))
    open_, close = ticks[:-1], ticks[1:]
    high = np.maximum(open_, close) + rng.integers(0, 9, rows)
    low = np.minimum(open_, close) - rng.integers(0, 9, rows)
    time = start + np.arange(rows, dtype=np.int64) * seconds
    volume = rng.integers(1, 500, rows).astype(np.float64)
    prices = open_ / 1e5, high / 1e5, low / 1e5, close / 1e5
    return Bars(time, *prices, volume, np.zeros(rows))


def fx_hours(weeks: int, start: int = MONDAY) -> IntArray:
    """Every hour (UTC) of a market open from Sunday 17:00 to Friday 17:00 New York."""
    hours = start + np.arange(weeks * 168, dtype=np.int64) * 3600
    local = hours + zone_of("America/New_York").offsets(hours)
    since_sunday_evening = (local - 3 * 86400 - 17 * 3600) % 604_800
    return hours[since_sunday_evening < 5 * 86400]


def bars_at(time: IntArray, seed: int = 1) -> Bars:
    """A random walk with a bar at each of these times."""
    return replace(random_bars(len(time), seed=seed), time=time)

"""Bars that several tests make."""

import numpy as np

from trading.engine.types import Bars

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

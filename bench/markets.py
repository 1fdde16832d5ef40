"""Synthetic minute bars that a breakout strategy trades a lot without ruin."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from trading.engine.backtest import Terms
from trading.engine.sizing import fractional
from trading.engine.types import Bars, Costs, Instrument

START = 1_577_923_200  # Thursday 2020-01-02 00:00 UTC
TICK = 1e-5
REGIME = 500
"""Bars of one drift."""


def trending_bars(rows: int, seed: int = 1) -> Bars:
    """A seeded random walk in ticks whose drift changes every 500 bars, kept within a band."""
    rng = np.random.default_rng(seed)
    drift = np.repeat(rng.normal(0.0, 0.55, rows // REGIME + 1), REGIME)[:rows]
    walk = np.cumsum(np.rint(rng.normal(0.0, 10.0, rows) + drift))
    close = 70_000.0 + np.abs((walk + 40_000.0) % 160_000.0 - 80_000.0)  # reflected at both ends
    open_ = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(open_, close) + rng.integers(0, 9, rows)
    low = np.minimum(open_, close) - rng.integers(0, 9, rows)
    prices = (open_ * TICK, high * TICK, low * TICK, close * TICK)
    time = START + 60 * np.arange(rows, dtype=np.int64)
    spread = np.asarray(TICK * rng.integers(2, 7, rows), np.float64)
    return Bars(time, *prices, np.ones(rows), spread)


def terms() -> Terms:
    """A EURUSD account with every cost: spread in the bars, commission, slippage and swap."""
    instrument = Instrument(
        symbol="EURUSD",
        tick_size=Decimal("0.00001"),
        contract_size=Decimal(100_000),
        volume_min=Decimal("0.01"),
        volume_step=Decimal("0.01"),
        volume_max=Decimal(100),
        base_currency="EUR",
        profit_currency="USD",
        swap_long=Decimal("-6.3"),
        swap_short=Decimal("1.2"),
    )
    costs = Costs(commission_per_lot=Decimal(5), slippage_ticks=1)
    return Terms(instrument, costs, balance=Decimal(100_000), sizing=fractional("0.1"))

"""Candle tables: a market and a strategy's wishes in ticks, and what the simulator makes of them.

A table has a row per bar: open, high, low, close (bid), spread, then the side wanted at its close
with the distances of stop and take and the price of a pending entry; `-` is none. A tenth column
is how far the stop follows. One lot moves one unit of money per tick, so sizes can be worked out in
the head.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from trading.engine import fills, simulator, tape
from trading.engine.risk import Limits
from trading.engine.sizing import SizingRule, fractional
from trading.engine.ticks import ticks_of
from trading.engine.types import Bars, Conversion, Costs, FloatArray, Instrument, Signals

NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
"""A Tuesday, ten hours before the next rollover."""


def instrument(**more: object) -> Instrument:
    """A symbol with whole prices and whole lots."""
    values: dict[str, object] = {
        "symbol": "TEST",
        "tick_size": Decimal(1),
        "contract_size": Decimal(1),
        "volume_min": Decimal(1),
        "volume_step": Decimal(1),
        "volume_max": Decimal(1000),
        "base_currency": "AAA",
        "profit_currency": "USD",
    }
    return Instrument(**{**values, **more})  # type: ignore[arg-type]  # any field


@dataclass(frozen=True)
class Setup:
    """Everything around a table; a risk of 1 % of 10,000 loses 100 at the stop."""

    instrument: Instrument = field(default_factory=instrument)
    costs: Costs = Costs()
    limits: Limits = Limits(margin_use=Decimal(100))
    conversion: Conversion = Conversion()
    leverage: int = 1000
    balance: Decimal = Decimal(10000)
    sizing: SizingRule = fractional(1)
    start: datetime = NOON
    seconds: int = 3600
    rates: tuple[float, ...] = (1.0,)


def slipped(ticks: int = 3) -> Setup:
    return Setup(costs=Costs(slippage_ticks=ticks))


def run(table: str, setup: Setup | None = None) -> tape.Output:
    """Simulate a table."""
    setup = setup or Setup()
    bars, signals = read(table, setup)
    ticks = ticks_of(bars, float(setup.instrument.tick_size))
    return simulator.simulate(
        tape.tape_of(ticks, signals, np.array(setup.rates)),
        fills.contract_of(setup.instrument, setup.costs, setup.conversion, setup.leverage),
        tape.rules_of(setup.instrument, setup.limits, setup.balance, setup.sizing),
        tape.calendar_of(bars.time, setup.instrument.triple_swap_weekday),
    )


def trades(table: str, setup: Setup | None = None) -> list[str]:
    """The trades as text: bars, side, lots, prices, reason."""
    return [_as_text(row) for row in run(table, setup).trades]


def denials(table: str, setup: Setup | None = None) -> dict[str, int]:
    """How often each limit refused an entry, for those that did."""
    counts = run(table, setup).denials.tolist()
    return {code: n for code, n in zip(tape.DENIAL_CODES, counts, strict=True) if n}


def read(table: str, setup: Setup) -> tuple[Bars, Signals]:
    """A table as bars and signals, in prices."""
    rows = [line.split() for line in table.strip().splitlines()[1:]]
    values = [np.nan if cell == "-" else float(cell) for row in rows for cell in row]
    cells = np.array(values).reshape(-1, len(rows[0]) if rows else 9)
    tick = float(setup.instrument.tick_size)
    count = len(rows)
    time = int(setup.start.timestamp()) + setup.seconds * np.arange(count)

    def column(index: int) -> FloatArray:
        return np.ascontiguousarray(cells[:, index]) * tick

    open_, high, low, close, spread = (column(index) for index in range(5))
    bars = Bars(time, open_, high, low, close, np.ones(count), spread)
    side = cells[:, 5].astype(np.int8)
    trail = column(9) if cells.shape[1] > 9 else np.full(count, np.nan)
    return bars, Signals(side, column(6), column(7), trail, column(8), np.zeros(count))


def _as_text(row: np.void) -> str:
    side = "long" if row["side"] > 0 else "short"
    bars, prices = f"{row['entry_bar']}-{row['exit_bar']}", f"{row['entry']}>{row['exit']}"
    reason = tape.EXIT_REASONS[row["reason"]]
    return f"{bars} {side} {row['steps']} at {prices} {reason}"

"""What the simulator kernel is given, what it keeps between bars, and what it returns."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import numpy as np

from trading.engine.types import ExitReason, FloatArray, IntArray, SideArray

FAR: Final = 1 << 60
"""A level no price reaches."""

NONE, SIGNAL, STOP, TAKE, STOP_OUT, END = -1, 0, 1, 2, 3, 4
EXIT_REASONS: Final = (
    ExitReason.SIGNAL,
    ExitReason.STOP,
    ExitReason.TAKE,
    ExitReason.STOP_OUT,
    ExitReason.END,
)
"""The reason of each code above, by index."""
SPREAD_TOO_WIDE, DAILY_LOSS, STOP_REQUIRED, VOLUME_BELOW_MIN = 0, 1, 2, 3
DENIAL_CODES: Final = ("SPREAD_TOO_WIDE", "DAILY_LOSS", "STOP_REQUIRED", "VOLUME_BELOW_MIN")


class Tape(NamedTuple):
    """Bars and signals as columns of one length; `rate` may also have length 1."""

    time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    spread: FloatArray
    rate: FloatArray
    side: SideArray
    stop: FloatArray
    take: FloatArray
    entry: FloatArray


class Rules(NamedTuple):
    """Money management of a run, in steps, ticks and shares."""

    balance: float
    risk: float
    """Share of the balance lost at the stop."""
    min_steps: int
    max_steps: int
    max_spread: float
    """Ticks; infinite = not limited."""
    daily_loss: float
    """Share of the day's start equity; 0 = not limited."""
    margin_use: float
    """Share of equity that may be margin."""
    stops_level: int
    """Least distance of stop and take, in ticks."""


class Calendar(NamedTuple):
    """Rollover instants (epoch seconds, ascending) and the nights each books."""

    time: IntArray
    nights: IntArray


class Output(NamedTuple):
    """Trades by row and the equity by bar.

    `ints` columns: entry bar, exit bar, side, steps, entry, exit, stop (ticks), reason;
    `floats` columns: profit, commission, swap, risk money, worst and best closing price (ticks).
    """

    ints: IntArray
    floats: FloatArray
    equity: FloatArray
    denials: IntArray


class State(Protocol):
    """The account and its one position (side 0 = none) between two steps; a record of `STATE`."""

    balance: float
    day_start: float
    trades: int
    side: int
    steps: int
    entry: int
    stop: int
    take: int
    bar: int
    swap: float
    margin: float
    risk: float
    worst: int
    best: int


STATE: Final = np.dtype(
    [
        (name, np.float64 if kind in ("float", float) else np.int64)
        for name, kind in State.__annotations__.items()
    ]
)


class Bar(NamedTuple):
    """One bar in ticks, bid side."""

    row: int
    open: int
    high: int
    low: int
    close: int
    spread: int
    rate: float


class Verdict(NamedTuple):
    """Whether and where to close; reason NONE = stay."""

    reason: int
    price: int


class Entry(NamedTuple):
    """A wish to enter, in ticks: `price` before slippage, `fill` after."""

    side: int
    price: int
    fill: int
    stop_distance: int
    take_distance: int

"""What the simulator is given, what it keeps between bars, what it returns, and how to make it."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, NamedTuple, Protocol

import numpy as np

from trading.engine import risk
from trading.engine.risk import Limits
from trading.engine.ticks import RecordArray, TickBars
from trading.engine.types import (
    ExitReason,
    FloatArray,
    Instrument,
    IntArray,
    SideArray,
    Signals,
)

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
    """Bars and signals as columns of one length; rate and the signals' floats may have length 1.

    `rows` are records of `ticks.TICK_ROW`.
    """

    time: IntArray
    rows: RecordArray
    rate: FloatArray
    side: SideArray
    stop: FloatArray
    take: FloatArray
    trail: FloatArray
    entry: FloatArray
    stop_scale: float = 1.0
    """What the stop's column is multiplied by: many runs may share one column."""
    take_scale: float = 1.0
    trail_scale: float = 1.0


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
    """Share of the day's start equity; infinite = not limited."""
    margin_use: float
    """Share of equity that may be margin."""


class Calendar(NamedTuple):
    """Rollover instants (epoch seconds, ascending) and the nights each books."""

    time: IntArray
    nights: IntArray
    seconds: int
    """What a bar covers: of more than an hour, a rollover may fall into it."""


class Trade(Protocol):
    """One closed trade in ticks and steps; a record of `TRADE`."""

    entry_bar: int
    exit_bar: int
    side: int
    steps: int
    entry: int
    exit: int
    stop: int
    """Where the stop was at the entry."""
    last_stop: int
    """Where it was at the exit."""
    reason: int
    profit: float
    commission: float
    swap: float
    risk: float
    """Loss the size was chosen for."""
    worst: float
    """Worst and best closing price seen."""
    best: float


class State(Protocol):
    """The account and its one position (side 0 = none) between two steps; a record of `STATE`."""

    balance: float
    day_start: float
    trades: int
    side: int
    steps: int
    entry: int
    first_stop: int
    """Where the stop was at the entry."""
    stop: int
    take: int
    trail: int
    """How far the stop follows behind the close; FAR = it stays."""
    goal: int
    """Where the last close lets the stop be."""
    bar: int
    swap: float
    nights: int
    """What a rollover inside the bar at hand books."""
    margin: float
    risk: float
    worst: int
    best: int


def _record_of(row: type) -> np.dtype[np.void]:
    """The fields of a protocol as a record of 64-bit integers and floats."""
    kinds = {"int": np.int64, "float": np.float64}
    return np.dtype([(name, kinds[kind]) for name, kind in row.__annotations__.items()])


TRADE: Final = _record_of(Trade)
STATE: Final = _record_of(State)


class Output(NamedTuple):
    """Closed trades (records of `TRADE`), equity by bar and denials by code."""

    trades: RecordArray
    equity: FloatArray
    denials: IntArray


class Wish(NamedTuple):
    """One row of signals: distances in price units, NaN = none."""

    side: int
    stop: float
    take: float
    trail: float
    entry: float


class Bar(NamedTuple):
    """One bar in ticks, bid side."""

    row: int
    time: int
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
    """A wish to enter, in ticks: `price` before slippage, `fill` after.

    Distances of 0 are bad ones; a take or a trail of FAR is none.
    """

    side: int
    price: int
    fill: int
    stop_distance: int
    take_distance: int
    trail: int


def tape_of(bars: TickBars, signals: Signals, rate: FloatArray) -> Tape:
    """Bars and the signals of the same rows; `rate` has a value per bar or one for all."""
    wishes = (signals.stop, signals.take, signals.trail, signals.entry)
    stop, take, trail, entry = map(_slim, wishes)
    return Tape(bars.time, bars.rows, rate, signals.side, stop, take, trail, entry)


def _slim(column: FloatArray) -> FloatArray:
    """A column that repeats one value without memory of its own, as that value alone."""
    return column[:1].copy() if column.strides == (0,) else column


def rules_of(
    instrument: Instrument, limits: Limits, balance: Decimal, risk_percent: Decimal
) -> Rules:
    """The money management that `decide` applies with the same limits.

    `max_positions` is not among it: the simulator holds one position, and only a limit of 0 would
    make a difference.
    """
    step = instrument.volume_step
    largest = instrument.volume_max
    if limits.max_lots is not None:
        largest = min(largest, limits.max_lots)
    if limits.max_positions == 0:
        largest = Decimal(0)
    return Rules(
        balance=float(balance),
        risk=float(risk_percent / 100),
        min_steps=int((instrument.volume_min / step).to_integral_value(ROUND_CEILING)),
        max_steps=int((largest / step).to_integral_value(ROUND_FLOOR)),
        max_spread=float("inf") if limits.max_spread is None else float(limits.max_spread),
        daily_loss=float("inf") if limits.daily_loss is None else float(limits.daily_loss / 100),
        margin_use=float(limits.margin_use / 100),
    )


def calendar_of(time: IntArray, triple_weekday: int) -> Calendar:
    """The rollovers from the first of some bars' open times to the end of the last bar."""
    if len(time) < 2:
        return Calendar(time[:0], time[:0], 0)
    seconds = int(np.diff(time).min())
    rollovers = risk.rollovers(int(time[0]), int(time[-1]) + seconds - 1)
    return Calendar(rollovers, risk.swap_nights(rollovers, triple_weekday), seconds)

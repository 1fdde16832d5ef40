"""What the simulator is given, what it keeps between bars, what it returns, and how to make it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple, Protocol

import numpy as np

from trading.engine import risk
from trading.engine.risk import Limits
from trading.engine.sizing import Base, Caps, Code, Method, SizingRule, twin
from trading.engine.ticks import RecordArray, TickBars
from trading.engine.types import (
    EngineError,
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
SPREAD_TOO_WIDE, DAILY_LOSS, SIZING = 0, 1, 2
STOP_REQUIRED: Final = SIZING + twin.CODES.index(Code.STOP_REQUIRED)
DENIAL_CODES: Final = ("SPREAD_TOO_WIDE", "DAILY_LOSS", *(code.value for code in twin.CODES))
"""From SIZING on those of a size that is none."""


UNMEASURED: Final = np.array([np.nan])
"""The measure of a sizing rule that needs none."""


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
    measure: FloatArray
    """What the sizing rule measures of the bars, see `sizing.measures`."""
    stop_scale: float = 1.0
    """What the stop's column is multiplied by: many runs may share one column."""
    take_scale: float = 1.0
    trail_scale: float = 1.0


class Rules(NamedTuple):
    """Money management of a run, in steps, ticks and shares."""

    balance: float
    recipe: twin.Recipe
    max_spread: float
    """Ticks; infinite = not limited."""
    daily_loss: float
    """Share of the day's start equity; infinite = not limited."""


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
    day_balance: float
    """Balance at the day's start."""
    peak: float
    """The highest balance there was."""
    trades: int
    counted: int
    """Trades that are summed up in the following three."""
    wins: int
    won: float
    lost: float
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
    measure: float


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


def tape_of(
    bars: TickBars, signals: Signals, rate: FloatArray, measure: FloatArray = UNMEASURED
) -> Tape:
    """Bars and the signals of the same rows; rate and measure have a value per bar or one."""
    wishes = (signals.stop, signals.take, signals.trail, signals.entry)
    stop, take, trail, entry = map(_slim, wishes)
    return Tape(bars.time, bars.rows, rate, signals.side, stop, take, trail, entry, measure)


def _slim(column: FloatArray) -> FloatArray:
    """A column that repeats one value without memory of its own, as that value alone."""
    return column[:1].copy() if column.strides == (0,) else column


def rules_of(instrument: Instrument, limits: Limits, balance: Decimal, rule: SizingRule) -> Rules:
    """The money management that `decide` applies with the same limits.

    `max_positions` is not among it: the simulator holds one position, and only a limit of 0 would
    make a difference. EngineError for a rule that no simulation can follow.
    """
    if rule.method is Method.KELLY and rule.start_percent == 0:
        raise EngineError(
            "Expected a start_percent above 0 for KELLY: before its first trade a backtest has none"
        )
    if rule.base is Base.LOSS_ROOM and limits.daily_loss is None:
        raise EngineError("Expected a daily loss limit, which leaves the LOSS_ROOM, was none")
    largest = Decimal(0) if limits.max_positions == 0 else limits.max_lots
    caps = Caps(max_lots=largest, margin_use=limits.margin_use)
    return Rules(
        balance=float(balance),
        recipe=twin.recipe_of(rule, instrument, caps),
        max_spread=float("inf") if limits.max_spread is None else float(limits.max_spread),
        daily_loss=float("inf") if limits.daily_loss is None else float(limits.daily_loss / 100),
    )


def calendar_of(time: IntArray, triple_weekday: int) -> Calendar:
    """The rollovers from the first of some bars' open times to the end of the last bar."""
    if len(time) < 2:
        return Calendar(time[:0], time[:0], 0)
    seconds = int(np.diff(time).min())
    rollovers = risk.rollovers(int(time[0]), int(time[-1]) + seconds - 1)
    return Calendar(rollovers, risk.swap_nights(rollovers, triple_weekday), seconds)

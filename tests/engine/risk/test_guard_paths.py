"""Random prices with the guard on: no floor is broken except where a price leaps over the buffer.

Each path is an account of its own: positions in up to three pairs, two of them in yen, limits of
every kind of reference and trailing, two clocks, two or three days. Floors are worked out here once
more, from what the book shows at every quote. GUARD_PATHS says how many (`make guard`: 10,000).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np

from tests.engine.risk.guarded import NOON, Guarded, instrument, quote
from trading.engine.book_checks import OrderRefused
from trading.engine.guarding import Terms
from trading.engine.risk import (
    Action,
    Clock,
    Control,
    Limit,
    Period,
    Reference,
    Trailing,
    Unit,
    limit_of,
)
from trading.engine.risk.watching import Kind
from trading.engine.types import Costs, Quote

PATHS = int(os.environ.get("GUARD_PATHS", "300"))
TICKS = 70
STEP = 25
"""Most minutes between two quotes; the reset is looked at at least once before it comes."""
PRICES = {"EURUSD": 1.1, "USDJPY": 150.0, "GBPJPY": 190.0}
CLOCKS = (
    Clock(Period.DAY, time(0), "Europe/Prague"),
    Clock(Period.DAY, time(17), "America/New_York"),
)
BUFFER = 5.0
"""Percent of the room."""
UNITS = (Unit.PERCENT_INITIAL, Unit.PERCENT_REFERENCE)
CENT = 0.0051
T = TypeVar("T")


def pick(rng: Any, items: Sequence[T]) -> T:
    return items[int(rng.integers(len(items)))]


def daily(rng: Any, clock: Clock) -> Limit:
    return limit_of(
        Control.DAILY_LOSS,
        Decimal(int(rng.integers(20, 60))) / 10,
        unit=pick(rng, UNITS),
        reference=pick(rng, tuple(Reference)),
        action=Action.FLATTEN,
        reset=clock.reset,
        zone=clock.zone,
    )


def drawdown(rng: Any, clock: Clock) -> Limit:
    return limit_of(
        Control.MAX_DRAWDOWN,
        Decimal(int(rng.integers(30, 100))) / 10,
        unit=pick(rng, UNITS),
        trailing=pick(rng, tuple(Trailing)),
        lock=None,
        reset=clock.reset,
        zone=clock.zone,
    )


@dataclass
class Oracle:
    """The floors of an account by their definition, without anything of the guard."""

    limits: tuple[Limit, ...]
    clock: Clock
    initial: float
    day: datetime = NOON - timedelta(days=9)
    start: tuple[float, float] = (0.0, 0.0)
    peaks: dict[Trailing, float] = field(default_factory=dict)

    def reset(self, at: datetime, balance: float, equity: float) -> None:
        """Money as it was when a day began."""
        self.day, self.start = self.clock.start(at), (balance, equity)
        self._raise(Trailing.END_OF_DAY, balance)

    def see(self, balance: float, equity: float) -> None:
        self._raise(Trailing.CLOSED_BALANCE, balance)
        self._raise(Trailing.INTRADAY, equity)

    def _raise(self, kind: Trailing, money: float) -> None:
        self.peaks[kind] = max(self.peaks.get(kind, self.initial), money)

    def floors(self, cost: float) -> Iterator[tuple[float, float]]:
        """Of each limit, and its buffer while closing costs so much."""
        for limit in self.limits:
            balance, equity = self.start
            starts = {Reference.BALANCE: balance, Reference.EQUITY: equity}
            reference = starts.get(limit.reference, max(balance, equity))
            if limit.control is Control.MAX_DRAWDOWN:
                reference = self.peaks.get(limit.trailing, self.initial)
            whole = self.initial if limit.unit is Unit.PERCENT_INITIAL else reference
            room = float(limit.value) / 100 * whole
            yield reference - room, min(cost + BUFFER / 100 * room, room / 2)


@dataclass
class Path:
    """One account on its random way."""

    number: int
    is_guarded: bool = True

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.number)
        clock = pick(self.rng, CLOCKS)
        limits = (daily(self.rng, clock), drawdown(self.rng, clock))
        terms = Terms(buffer_percent=BUFFER, reset_trim_minutes=STEP + 5)
        costs = Costs(Decimal(int(self.rng.integers(0, 9))), int(self.rng.integers(0, 4)))
        self.account = Guarded.opened(*limits, terms=terms, costs=costs)
        self.account.obeys = self.is_guarded
        self.equity = 100_000.0
        self.account.at = clock.next(NOON) - timedelta(hours=float(self.rng.uniform(4, 13)))
        self.oracle = Oracle(limits, clock, 100_000)

    def run(self) -> str:
        """How it ends: well, trimmed, flattened, leapt, or broken without a leap, or late."""
        self._open()
        for new in self._quotes():
            ending = self._step(new)
            if ending:
                return ending
        kinds = {alarm.kind for alarm in self.account.alarms}
        return "flattened" if Kind.BROKEN in kinds else "trimmed" if Kind.TRIM in kinds else "well"

    def _step(self, new: Quote) -> str:
        account, oracle, book = self.account, self.oracle, self.account.book
        before = self.equity
        if oracle.clock.start(new.time) > oracle.day:
            oracle.reset(new.time, book.state.balance, before)
        cost, account.at = self.cost, new.time
        fills = book.on_quote(new)
        self.equity = book._equity()
        dropped = before - self.equity
        oracle.see(book.state.balance, self.equity)
        is_trimming = oracle.clock.next(new.time) - new.time <= account.guard.terms.reset_trim
        if account.guard.on_quote(new) or fills or is_trimming:
            account.read()
            self.equity = book._equity()
            oracle.see(book.state.balance, self.equity)
        return self._ending(dropped, cost)

    def _ending(self, dropped: float, cost: float) -> str:
        """A leap is more than what the cost of closing leaves of the buffer; what is within the
        buffer has been closed."""
        ending = ""
        floors = zip(self.oracle.floors(cost), self.oracle.floors(self.cost), strict=True)
        for (floor, before), (_, after) in floors:
            if self.equity < floor - CENT:
                return "leapt" if dropped > before - cost > 0 else "broken"
            if self.account.book.state.positions and self.equity < floor + after - CENT:
                ending = "late"
        return ending

    @property
    def cost(self) -> float:
        """Of closing everything now."""
        return self.account.guard._valuation.total().cost

    def _open(self) -> None:
        account, rng = self.account, self.rng
        for name, price in PRICES.items():
            account.feed(quote(name, f"{price:.3f}", account.at))
        for _ in range(rng.integers(1, 7)):
            name, side = pick(rng, tuple(PRICES)), pick(rng, (-1, 1))
            away = Decimal(int(rng.integers(500, 9000))) * instrument(name).tick_size
            stop = Decimal(f"{PRICES[name]:.3f}") - side * away
            lots = f"{rng.integers(50, 800) / 100:.2f}"
            keeps = rng.random() < 0.5
            try:
                account.open(side, lots, str(stop) if keeps else None, symbol=name)
            except OrderRefused:
                continue
        account.book.state.balance += round(float(max(0.0, rng.uniform(-5000, 9000))), 2)
        account.read()  # a profit that was booked by day: a reset counts it
        self.equity = account.book._equity()
        self.oracle.see(account.book.state.balance, self.equity)
        self.oracle.reset(account.at, 100_000, 100_000)

    def _quotes(self) -> Iterator[Quote]:
        """A trend, with a leap in a hundred steps."""
        rng, at, prices = self.rng, self.account.at, dict(PRICES)
        width, drift = 10 ** rng.uniform(-4.2, -3.4), rng.uniform(-4, 4)
        for _ in range(TICKS):
            at += timedelta(minutes=float(rng.uniform(1, STEP)))
            name = pick(rng, tuple(prices))
            leap = 12.0 if rng.random() < 1 / 100 else 1.0
            prices[name] *= 1 + width * (drift + leap * rng.standard_normal())
            tick = float(instrument(name).tick_size)
            digits = 3 if name.endswith("JPY") else 5
            yield quote(name, f"{round(prices[name] / tick) * tick:.{digits}f}", at)


def test_no_floor_is_broken_except_by_a_leap_over_the_buffer() -> None:
    ends = Counter(Path(number).run() for number in range(PATHS))
    assert (ends["broken"], ends["late"]) == (0, 0), ends
    assert min(ends["flattened"], ends["leapt"], ends["well"], ends["trimmed"]) > 0, ends


def test_without_it_floors_are_broken() -> None:
    ends = Counter(Path(number, is_guarded=False).run() for number in range(60))
    assert ends["broken"] + ends["late"] > 5, ends

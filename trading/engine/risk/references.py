"""What loss limits count from, and the floors they draw.

A floor is reference - loss allowed; equity at the floor is legal, below it is a breach. Money is
in the currency of the subject: an account, a deployment's own stream, a group, everything.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from trading.engine.risk.controls import Control
from trading.engine.risk.kinds import Reference, Trailing, Unit
from trading.engine.risk.limits import Clock, Limit
from trading.engine.types import EngineError

ALL: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of the subject at a moment; `equity` counts floating profit and costs.

    `moved` is what deposits (+) and withdrawals (-) brought since the reading before.
    """

    at: datetime
    balance: Decimal
    equity: Decimal
    moved: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        for name in ("balance", "equity", "moved"):
            value = getattr(self, name)
            if not value.is_finite():
                raise EngineError(f"Expected a finite {name}, was {value}")


@dataclass(frozen=True, slots=True)
class DrawdownState:
    """All that the floors of one subject need to remember for one clock; a row can store it.

    `highest_start` is the highest balance at a reset, `highest_balance` and `highest_equity` those
    ever seen, each at least the initial balance. The start of the period is what it began with.
    """

    initial: Decimal
    balance: Decimal
    equity: Decimal
    highest_start: Decimal
    highest_balance: Decimal
    highest_equity: Decimal
    started: datetime
    """When the period began, UTC."""
    start_balance: Decimal
    start_equity: Decimal

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Decimal) and not value.is_finite():
                raise EngineError(f"Expected a finite {f.name}, was {value}")

    @classmethod
    def opened(cls, initial: Decimal, reading: Reading, clock: Clock) -> DrawdownState:
        """The first state; the period counts from the reading itself."""
        balance, equity = reading.balance, reading.equity
        return cls(
            initial=initial,
            balance=balance,
            equity=equity,
            highest_start=max(initial, balance),
            highest_balance=max(initial, balance),
            highest_equity=max(initial, equity),
            started=clock.start(reading.at),
            start_balance=balance,
            start_equity=equity,
        )

    def advance(self, reading: Reading, clock: Clock) -> DrawdownState:
        """The state after a reading; one that is older than the period changes nothing.

        A reset between two readings is seen from both sides, and the higher one counts: the floor
        is then never below the true one.
        """
        if reading.at < self.started:
            return self
        state = self.moved(reading.moved) if reading.moved else self
        balance, equity = reading.balance, reading.equity
        started = clock.start(reading.at)
        if started > state.started:
            state = replace(
                state,
                started=started,
                start_balance=max(state.balance, balance),
                start_equity=max(state.equity, equity),
                highest_start=max(state.highest_start, state.balance, balance),
            )
        return replace(
            state,
            balance=balance,
            equity=equity,
            highest_balance=max(state.highest_balance, balance),
            highest_equity=max(state.highest_equity, equity),
        )

    def moved(self, amount: Decimal) -> DrawdownState:
        """The state after a deposit (+) or withdrawal (-): neither profit nor loss.

        A deposit adds to the initial balance; a withdrawal takes the profit first, and from the
        initial balance what it takes beyond. Neither leaves more room to lose.
        """
        profit = max(Decimal(0), self.balance - self.initial)
        initial = self.initial + (amount if amount > 0 else min(Decimal(0), amount + profit))
        return replace(
            self,
            initial=initial,
            balance=self.balance + amount,
            equity=self.equity + amount,
            highest_start=max(initial, self.highest_start + amount),
            highest_balance=max(initial, self.highest_balance + amount),
            highest_equity=max(initial, self.highest_equity + amount),
            start_balance=self.start_balance + amount,
            start_equity=self.start_equity + amount,
        )


@dataclass(frozen=True, slots=True)
class Floor:
    """A loss limit in money: from `reference` down to `floor`, and where `equity` stands."""

    limit: Limit
    reference: Decimal
    floor: Decimal
    equity: Decimal

    @property
    def is_breached(self) -> bool:
        return self.equity < self.floor

    @property
    def used(self) -> Decimal:
        """Percent of the room that is lost, 0 and up; above 100 is a breach."""
        lost, room = self.reference - self.equity, self.reference - self.floor
        if room <= 0:
            return 2 * ALL if self.is_breached else Decimal(0)
        return max(Decimal(0), lost / room * ALL)


def floor_of(limit: Limit, state: DrawdownState, equity: Decimal | None = None) -> Floor:
    """The floor that a limit draws now, and `equity` (by default the last seen) against it.

    EngineError for a control that is no loss.
    """
    reference = _reference(limit, state)
    floor = reference - _allowed(limit, reference, state.initial)
    if limit.control is Control.EQUITY_STOP:
        floor = limit.value
    if limit.lock is not None:
        floor = min(floor, state.initial * (1 + limit.lock / ALL))
    return Floor(limit, reference, floor, state.equity if equity is None else equity)


def _reference(limit: Limit, state: DrawdownState) -> Decimal:
    if limit.spec.referenced:
        starts = {
            Reference.BALANCE: state.start_balance,
            Reference.EQUITY: state.start_equity,
            Reference.HIGHER: max(state.start_balance, state.start_equity),
        }
        return starts[limit.reference]
    if limit.spec.trails or limit.control is Control.EQUITY_STOP:
        peaks = {
            Trailing.STATIC: state.initial,
            Trailing.END_OF_DAY: state.highest_start,
            Trailing.CLOSED_BALANCE: state.highest_balance,
            Trailing.INTRADAY: state.highest_equity,
        }
        return peaks[limit.trailing]
    raise EngineError(f"Expected a limit of losses, was {limit.control}")


def _allowed(limit: Limit, reference: Decimal, initial: Decimal) -> Decimal:
    """The loss that is legal, in money."""
    if limit.unit is Unit.PERCENT_INITIAL:
        return initial * limit.value / ALL
    if limit.unit is Unit.PERCENT_REFERENCE:
        return reference * limit.value / ALL
    return limit.value

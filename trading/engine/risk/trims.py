"""Which positions to close so that the rest may stay: before a reset, and for want of margin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from trading.engine.guarding import Terms
from trading.engine.risk.references import ALL, DrawdownState, Floor, Reading
from trading.engine.risk.watching import Rule, Track
from trading.engine.types import AccountState, PositionState


@dataclass(frozen=True, slots=True)
class Trim:
    """Positions to close for a rule, in this order; `key` is that of the alarm that began it."""

    rule: Rule
    key: str
    positions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Boundary:
    """A limit at the reset to come, and what an account brings there."""

    track: Track
    state: DrawdownState
    at: datetime
    terms: Terms

    def floor(self, balance: Decimal, equity: Decimal) -> Floor:
        """The floor that the limit draws after the reset, if nothing moves until then."""
        state = replace(self.state, balance=balance, equity=equity)
        after = state.advance(Reading(self.at, balance, equity), self.track.clock)
        return self.track.floor(after, equity, Decimal(0))

    def holds(self, balance: Decimal, equity: Decimal, cost: Decimal) -> bool:
        """Whether nothing is broken then; `cost` is of closing what is still open."""
        floor = self.floor(balance, equity)
        return equity >= floor.floor + self.track.buffer(floor, cost, self.terms)


def losing_first(
    boundary: Boundary, account: AccountState, costs: Mapping[str, float]
) -> tuple[str, ...]:
    """The positions whose closing makes the limit hold after the reset, the largest loss first.

    A loss that is booked lowers the balance from which the next period counts; a profit would
    raise it. Empty where closing does not help.
    """
    balance, equity = account.balance, account.equity
    left = sum((_cost(costs, seen) for seen in account.positions), Decimal(0))
    picked: list[str] = []
    for seen in sorted(account.positions, key=_result):
        if boundary.holds(balance, equity, left):
            return tuple(picked)
        if _result(seen) >= 0:
            break
        cost = _cost(costs, seen)
        balance, equity, left = balance + _result(seen) - cost, equity - cost, left - cost
        picked.append(seen.id)
    return tuple(picked) if boundary.holds(balance, equity, left) else ()


def margin_first(
    account: AccountState, level: Decimal, weights: Mapping[str, float]
) -> tuple[str, ...]:
    """The positions whose closing brings the margin level back to `level` percent, the largest
    margin first; `weights` are in proportion to it."""
    whole = sum(weights.values())
    margin, picked = account.margin, list[str]()
    for seen in _heaviest(account.positions, weights):
        if account.equity * ALL >= level * margin or whole <= 0:
            break
        margin -= account.margin * Decimal(weights.get(seen.id, 0.0) / whole)
        picked.append(seen.id)
    return tuple(picked)


def _heaviest(
    positions: Iterable[PositionState], weights: Mapping[str, float]
) -> list[PositionState]:
    return sorted(positions, key=lambda seen: -weights.get(seen.id, 0.0))


def _result(seen: PositionState) -> Decimal:
    return seen.profit + seen.swap


def _cost(costs: Mapping[str, float], seen: PositionState) -> Decimal:
    return round(Decimal(costs.get(seen.id, 0.0)), 2)

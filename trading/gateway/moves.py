"""Deposits and withdrawals: what the balance has moved and no deal explains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from time import monotonic
from typing import Final

from trading.engine.types import AccountState
from trading.models import LossState
from trading.selectors.guards import Ledger

FEES: Final = Decimal("0.005")
"""Less than this share of the balance is taken for fees, interest or rounding: lost or won."""
PATIENCE: Final = 1.0
"""Seconds that deals may come later than the balance they explain, before they are asked for."""
ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Puzzle:
    """What is not explained yet. Where positions have changed with it, it is taken for a trade."""

    amount: Decimal
    since: float
    is_trade: bool


class Moves:
    """Of one account, from its first reading on; `row` is what was written down before."""

    def __init__(self, account_id: int, balance: Decimal, row: LossState | None) -> None:
        self.ledger = Ledger(account_id)
        self._booked = self.ledger.read_all()
        self._settled = balance
        self._puzzle: Puzzle | None = None
        self._held: frozenset[tuple[str, Decimal]] = frozenset()
        if row is not None:
            self._settled = row.balance
            self._booked -= self.ledger.since(row.updated_at)

    @property
    def is_settled(self) -> bool:
        return self._puzzle is None

    @property
    def unexplained(self) -> Decimal:
        """What the last look has left out of the balance."""
        return ZERO if self._puzzle is None or self._puzzle.is_trade else self._puzzle.amount

    @property
    def wants_deals(self) -> bool:
        """Whether it is time to read the broker's deals."""
        return self._puzzle is not None and monotonic() - self._puzzle.since >= PATIENCE

    def look(self, state: AccountState, compared_at: float) -> tuple[AccountState, Decimal]:
        """The state to be judged, and what was deposited (+) or withdrawn (-) since the last look.

        `compared_at` is when all deals of the broker were read, by the monotonic clock: what they
        do not explain is proved by that. Until then it counts as won or lost where positions have
        changed with it, else it is left out.
        """
        held = frozenset((seen.id, seen.lots) for seen in state.positions)
        is_same, self._held = held == self._held, held
        if state.balance == self._settled:
            self._puzzle = None
            return state, ZERO
        booked = self.ledger.read()
        amount = state.balance - self._settled - (booked - self._booked)
        if abs(amount) < FEES * abs(self._settled) or not amount:
            return self._settle(state, booked), ZERO
        if self._puzzle is None or self._puzzle.amount != amount:
            self._puzzle = Puzzle(amount, monotonic(), not is_same)
        elif compared_at > self._puzzle.since and self.ledger.read_all() == booked:
            return self._settle(state, booked), amount
        if self._puzzle.is_trade:
            return state, ZERO
        balance, equity = state.balance - amount, state.equity - amount
        return replace(state, balance=balance, equity=equity), ZERO

    def _settle(self, state: AccountState, booked: Decimal) -> AccountState:
        self._settled, self._booked, self._puzzle = state.balance, booked, None
        return state

"""What the accounts of this process are worth, for limits of several accounts together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from time import monotonic
from typing import Final

from django.conf import settings

from trading.engine import money
from trading.engine.risk.guard import Others
from trading.engine.types import Quote
from trading.selectors.guards import Member

ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Worth:
    """An account at its newest quote, in its own currency."""

    balance: Decimal
    equity: Decimal
    worst: Decimal
    cost: Decimal
    at: float

    @property
    def is_fresh(self) -> bool:
        return monotonic() - self.at <= settings.TIMING.status_age


class Board:
    """Guards write on it from their threads, each in its own row."""

    def __init__(self) -> None:
        self._rows: dict[int, Worth] = {}
        self._moved: dict[int, Decimal] = {}
        """All deposits less withdrawals that guards of this process have counted."""

    def move(self, account_id: int, amount: Decimal) -> None:
        self._moved[account_id] = self._moved.get(account_id, ZERO) + amount

    def put(self, account_id: int, worth: Worth) -> None:
        self._rows[account_id] = worth

    def drop(self, account_id: int) -> None:
        self._rows.pop(account_id, None)

    def leads(self, account_id: int, members: Mapping[int, Member]) -> bool:
        """Whether the guard of this account judges all of them: the first that is alive does."""
        alive = (pk for pk, member in members.items() if pk == account_id or self._lives(member))
        return account_id == min(alive, default=-1)

    def _lives(self, member: Member) -> bool:
        row = self._rows.get(member.pk)
        return member.is_fresh or (row is not None and row.is_fresh)

    def others(
        self,
        account_id: int,
        members: Mapping[int, Member],
        currency: str,
        quotes: Mapping[str, Quote],
    ) -> Others | None:
        """All members but one, in a currency, and all they have ever moved; None while one of them
        is not known."""
        own = money.rate_between(members[account_id].currency, currency, quotes)
        if own is None:
            return None
        whole = Others(rate=own)
        for pk, member in members.items():
            rate = money.rate_between(member.currency, currency, quotes)
            worth = self._worth(member)
            if rate is None or worth is None:
                return None
            if pk != account_id:
                moved = self._moved.get(pk, ZERO) * rate
                whole = _plus(whole, worth, rate, moved)
        return whole

    def _worth(self, member: Member) -> Worth | None:
        """What is seen here, or was written down by another process lately; an account in which
        nothing is open may have been read long ago."""
        row = self._rows.get(member.pk)
        if row is not None and row.is_fresh:
            return row
        if not member.is_fresh and member.is_exposed:
            return None
        return Worth(member.balance, member.equity, member.equity, ZERO, 0.0)


def _plus(whole: Others, worth: Worth, rate: Decimal, moved: Decimal) -> Others:
    return Others(
        whole.balance + worth.balance * rate,
        whole.equity + worth.equity * rate,
        whole.worst + worth.worst * rate,
        whole.cost + worth.cost * rate,
        whole.rate,
        whole.moved + moved,
    )


BOARD: Final = Board()
"""Of this process."""

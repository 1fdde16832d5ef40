"""The port every broker adapter implements. Adapters know the engine, never the ORM.

The errors say what is known about the outcome:

* BrokerError
  - Unavailable     a read failed; nothing was asked for, try later
  - NotSent         the order never left; it may be decided anew
  - Rejected        the broker said no, with its code
  - UnknownOutcome  no proof either way: the order stays in doubt until evidence is found
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from trading.engine.types import AccountState, Bars, Fill, OrderKind, Quote, Snapshot


class BrokerError(Exception):
    """Any failure at the port. `code` is the broker's own, for the record."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Unavailable(BrokerError):
    """A read could not be answered; ask again later."""


class NotSent(BrokerError):
    """It is proved that the order never reached the broker."""


class Rejected(BrokerError):
    """The broker refused the order."""


class UnknownOutcome(BrokerError):
    """The order may or may not have been executed; never send it again without evidence."""


@dataclass(frozen=True, slots=True)
class EntryRequest:
    """An order that opens a position. `client_id` comes back with everything it causes."""

    client_id: str
    symbol: str
    side: int
    lots: Decimal
    kind: OrderKind
    price: Decimal | None
    stop: Decimal | None
    take: Decimal | None
    magic: int
    expires_at: datetime | None = None
    """End of life of a pending order, on the market's clock; required for STOP and LIMIT."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the broker answered: ids and the fills known so far (none for a resting order, or for
    one whose deal cannot be read yet). A close of what was gone already has no `order_id`."""

    order_id: str
    position_id: str | None
    fills: tuple[Fill, ...] = ()


class Broker(Protocol):
    """Trading and reading of one account."""

    def account(self) -> AccountState:
        """Balance, equity, margin and open positions; raises Unavailable."""

    def snapshot(self, since: datetime) -> Snapshot:
        """Account, pending orders and the deals since a moment of the broker's clock, read afresh;
        raises Unavailable."""

    def submit(self, request: EntryRequest) -> Receipt:
        """Send an entry once; raises NotSent, Rejected or UnknownOutcome."""

    def close(self, position_id: str, lots: Decimal | None = None) -> Receipt:
        """Close a position, or `lots` of it. Closing the whole is harmless to repeat and gives no
        fill when it is gone already; a part is not. Raises as `submit`."""

    def modify(self, position_id: str, stop: Decimal | None, take: Decimal | None) -> None:
        """Give a position these levels (None = no level); harmless to repeat. Raises as `submit`,
        Rejected with code POSITION_NOT_FOUND when it is gone."""

    def cancel(self, client_id: str) -> bool:
        """Take a resting order back; False when there is none (any more). Raises as `submit`."""

    def feed(self, quotes: Sequence[Quote]) -> Sequence[Fill]:
        """Show the market, in order; what it made the broker execute since. Gateway only."""


class Stream(Protocol):
    """A live market: quotes pushed to a callback from the stream's own thread."""

    def start(self, symbols: Sequence[str], on_quote: Callable[[Quote], None]) -> None:
        """Begin to deliver; `on_quote` must return at once."""

    def stop(self) -> None:
        """Stop delivering and release everything; safe to call twice."""

    @property
    def speed(self) -> float:
        """Market seconds per second of the wall clock, 1 for a real market."""

    def now(self) -> datetime:
        """The market's clock."""

    def history(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Bars:
        """Closed bars that open in [start, end); raises Unavailable."""

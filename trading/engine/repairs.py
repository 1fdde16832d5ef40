"""What reconciliation compares and what it finds: our side as values, and one value per repair.

Ids are ours unless a name says otherwise. Seconds are of our own clock; datetimes are of the
broker's or the market's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading.engine.orders import OrderStatus
from trading.engine.timing import Timing
from trading.engine.types import Fill, PositionState, RestingOrder


@dataclass(frozen=True, slots=True)
class OurOrder:
    """An order as we have it on record."""

    id: int
    client_id: str
    is_entry: bool
    status: OrderStatus
    symbol: str
    side: int
    lots: Decimal
    filled_lots: Decimal
    magic: int
    position_id: str
    """Broker's id of the position it made, '' while not known; of a close: the one it closes."""
    remaining_lots: Decimal
    """Of a close: what shall be left; 0 closes the whole."""
    is_overdue: bool
    """APPROVED and too old to be sent."""
    sent_for: float | None
    """Seconds from its sending to the reading, below 0 where it was sent later; None = never."""
    absent_for: float | None
    """Seconds since the first complete reading that did not show it."""
    verify_stage: int
    """Readings still due before a rejection is believed: 2, 1, or 0 for none."""
    quoted_at: datetime | None
    """When it passed the gate, market's clock."""
    expires_at: datetime | None
    """End of a resting order, market's clock."""


@dataclass(frozen=True, slots=True)
class OurPosition:
    """An open position as we have it on record."""

    id: int
    broker_id: str
    symbol: str
    side: int
    lots: Decimal
    stop: Decimal | None
    take: Decimal | None
    goal: Decimal | None
    """Where its stop shall be in a moment; None = it stays where it is."""
    missing_for: float | None
    """Seconds since the first complete reading that did not show it."""


@dataclass(frozen=True, slots=True)
class Ours:
    """Our side of an account.

    `orders` holds those that are not final and those that the reading mentions, by client id or as
    owner of a position; an order left out has nothing said about it.
    """

    orders: tuple[OurOrder, ...]
    positions: tuple[OurPosition, ...]
    """Open rows."""
    known: frozenset[str]
    """Broker's ids of all rows, also of closed positions."""
    deal_ids: frozenset[str]
    """Recorded deals."""
    magics: frozenset[int]
    """Numbers of this account's deployments."""


@dataclass(frozen=True, slots=True)
class Rules:
    timing: Timing
    is_netting: bool = False
    """One position for each symbol: no close may be asked for twice without proof."""


@dataclass(frozen=True, slots=True)
class Expire:
    """APPROVED and not to be sent any more: overdue, or the broker shows its client id already,
    which a restored backup brings about."""

    order_id: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """SENDING for so long that its sender is gone, and nothing shows how it ended: UNKNOWN."""

    order_id: int


@dataclass(frozen=True, slots=True)
class Record:
    """Deals that are not on record, oldest first, openings before closings."""

    deals: tuple[Fill, ...]


@dataclass(frozen=True, slots=True)
class Bind:
    """`position` is the execution of an entry; probable where only its features say so."""

    order_id: int
    position: PositionState
    is_probable: bool


@dataclass(frozen=True, slots=True)
class Rest:
    """An entry in doubt rests at the broker: ACCEPTED, and any absence is forgotten."""

    order_id: int
    resting: RestingOrder


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A pending order at the broker whose order is over for us: it must be taken back."""

    client_id: str
    order_id: int


@dataclass(frozen=True, slots=True)
class Absent:
    """The first complete reading that does not show an order (of a close: shows it undone)."""

    order_id: int


@dataclass(frozen=True, slots=True)
class Present:
    """A resting order is shown again: its absence (`absent_for`) is forgotten, its status stays."""

    order_id: int


@dataclass(frozen=True, slots=True)
class Conclude:
    """What became of an order, as the readings prove."""

    order_id: int
    status: OrderStatus
    why: str


@dataclass(frozen=True, slots=True)
class Verified:
    """One more reading shows nothing of a rejected order; `stage` are due after it."""

    order_id: int
    stage: int


@dataclass(frozen=True, slots=True)
class Found:
    """A position without a row; `origin` is STRATEGY, ORPHAN or MANUAL."""

    position: PositionState
    origin: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Lots or levels of an open row are not what is shown."""

    position_id: int
    seen: PositionState


@dataclass(frozen=True, slots=True)
class Missing:
    """The first complete reading that does not show an open row."""

    position_id: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """An open row is gone, and no deal says how."""

    position_id: int


@dataclass(frozen=True, slots=True)
class Returned:
    """A missing position is shown again."""

    position_id: int


Repair = (
    Expire
    | Doubt
    | Record
    | Bind
    | Rest
    | Withdraw
    | Absent
    | Present
    | Conclude
    | Verified
    | Found
    | Changed
    | Missing
    | Vanished
    | Returned
)

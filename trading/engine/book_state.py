"""What the book remembers between two processes, as values and as JSON.

A state written with `to_json` and read back with `from_json` is the same state, to the last bit:
floats survive JSON exactly, Decimals and times travel as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from trading.engine.types import EngineError, OrderKind


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order handed to the book; a pending one dies at `expires_at` on the market's clock.

    `placed_at` is the book's own note of when it began to rest.
    """

    client_id: str
    symbol: str
    side: int
    lots: Decimal
    kind: OrderKind
    price: Decimal | None
    stop: Decimal | None
    take: Decimal | None
    magic: int = 0
    expires_at: datetime | None = None
    placed_at: datetime | None = None


@dataclass(slots=True)
class OpenPosition:
    """A position in ticks and steps; `opened` is epoch seconds."""

    id: str
    client_id: str
    symbol: str
    side: int
    steps: int
    entry: int
    stop: int
    take: int
    opened: float
    margin: float
    magic: int
    swap: float = 0.0


@dataclass(slots=True)
class BookState:
    """Everything the book remembers; times are epoch seconds of the market's clock."""

    balance: float
    day_start: float
    """max(balance, equity) at the first tick of the trading day."""
    day_seen: float = 0.0
    """When the newest trading day began for the book: rollovers until then are booked."""
    counter: int = 0
    positions: list[OpenPosition] = field(default_factory=list)
    pending: list[Ticket] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and text, ready for `json.dumps`."""
        return {**asdict(self), "pending": [_ticket_to_json(ticket) for ticket in self.pending]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BookState:
        """The state that `to_json` wrote; EngineError when it is not one."""
        try:
            return cls(
                **{
                    **values,
                    "positions": [OpenPosition(**p) for p in values["positions"]],
                    "pending": [_ticket_from_json(t) for t in values["pending"]],
                }
            )
        except (KeyError, TypeError, ValueError, InvalidOperation) as e:
            raise EngineError(f"Expected the state of a book, was {dict(values)!r}: {e!r}") from e


_DECIMALS = ("lots", "price", "stop", "take")
_MOMENTS = ("expires_at", "placed_at")


def _ticket_to_json(ticket: Ticket) -> dict[str, Any]:
    values = asdict(ticket)
    decimals = {n: None if values[n] is None else str(values[n]) for n in _DECIMALS}
    moments = {n: values[n] and values[n].isoformat() for n in _MOMENTS}
    return {**values, **decimals, **moments, "kind": str(ticket.kind)}


def _ticket_from_json(values: Mapping[str, Any]) -> Ticket:
    decimals = {n: None if values[n] is None else Decimal(values[n]) for n in _DECIMALS}
    moments = {n: values[n] and datetime.fromisoformat(values[n]) for n in _MOMENTS}
    return Ticket(**{**values, **decimals, **moments, "kind": OrderKind(values["kind"])})

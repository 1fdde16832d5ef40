"""What the book remembers between two processes, and its deals, as values and as JSON.

What is written as JSON and read back is the same, to the last bit: floats survive JSON exactly,
Decimals and times travel as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from trading.engine.fills import round_cents
from trading.engine.types import EngineError, ExitReason, Fill, OrderKind


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
    parts: int = 0
    """How often a part of it has been closed."""

    def split(self, steps: int) -> tuple[OpenPosition, OpenPosition]:
        """The part of `steps` that is to be closed and the rest, each with its share of the margin
        and, in whole cents, of the swap."""
        share = steps / self.steps
        margin, swap = self.margin * share, round_cents(self.swap * share)
        part = replace(self, steps=steps, margin=margin, swap=swap)
        rest = replace(
            self,
            steps=self.steps - steps,
            margin=self.margin - margin,
            swap=round_cents(self.swap - swap),
            parts=self.parts + 1,
        )
        return part, rest


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

    @property
    def symbols(self) -> set[str]:
        """What is held or waited for."""
        return {p.symbol for p in self.positions} | {t.symbol for t in self.pending}

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


_MONEY = ("lots", "price", "profit", "commission", "swap")


def fill_to_json(fill: Fill) -> dict[str, Any]:
    """A deal as plain numbers and text, ready for `json.dumps`."""
    values = asdict(fill)
    decimals = {name: str(values[name]) for name in _MONEY}
    reason = None if fill.reason is None else fill.reason.value
    return {**values, **decimals, "at": fill.at.isoformat(), "reason": reason}


def fill_from_json(values: Mapping[str, Any]) -> Fill:
    """The deal that `fill_to_json` wrote; EngineError when it is not one."""
    try:
        decimals = {name: Decimal(values[name]) for name in _MONEY}
        reason = None if values["reason"] is None else ExitReason(values["reason"])
        at = datetime.fromisoformat(values["at"])
        return Fill(**{**values, **decimals, "at": at, "reason": reason})
    except (KeyError, TypeError, ValueError, InvalidOperation) as e:
        raise EngineError(f"Expected a deal of a book, was {dict(values)!r}: {e!r}") from e

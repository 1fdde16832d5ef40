"""The book's ticks, steps and floats as the values that everybody else speaks in, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from trading.engine import money
from trading.engine.book_state import OpenPosition, Ticket
from trading.engine.tape import FAR
from trading.engine.types import ExitReason, Fill, Instrument, PositionState, RestingOrder


@dataclass(frozen=True, slots=True)
class Exit:
    """How a position, or a part of one, was closed: price in ticks, money as it was booked."""

    deal_id: str
    price: int
    profit: float
    commission: float
    reason: ExitReason


def levels_in_ticks(
    instrument: Instrument, side: int, stop: Decimal | None, take: Decimal | None
) -> tuple[int, int]:
    """Stop and take of a position; none is one that no price reaches."""
    tick, far = instrument.tick_size, side * FAR
    return (
        -far if stop is None else money.price_to_ticks(stop, tick),
        far if take is None else money.price_to_ticks(take, tick),
    )


def opening_fill(p: OpenPosition, instrument: Instrument, at: datetime, commission: float) -> Fill:
    """The deal that opened a position."""
    return Fill(
        deal_id=f"{p.id}-in",
        position_id=p.id,
        symbol=p.symbol,
        side=p.side,
        opens=True,
        lots=p.steps * instrument.volume_step,
        price=money.ticks_to_price(p.entry, instrument.tick_size),
        at=at,
        commission=money.money_from_float(commission),
        client_id=p.client_id,
        magic=p.magic,
    )


def closing_fill(closed: OpenPosition, instrument: Instrument, at: datetime, out: Exit) -> Fill:
    """The deal that closed a position, or the part that `closed` is."""
    return replace(
        opening_fill(closed, instrument, at, out.commission),
        deal_id=out.deal_id,
        opens=False,
        price=money.ticks_to_price(out.price, instrument.tick_size),
        profit=money.money_from_float(out.profit),
        swap=money.money_from_float(closed.swap),
        reason=out.reason,
    )


def position_state(p: OpenPosition, instrument: Instrument, floating: float) -> PositionState:
    """A position as a broker reports it."""
    tick = instrument.tick_size
    return PositionState(
        id=p.id,
        symbol=p.symbol,
        side=p.side,
        lots=p.steps * instrument.volume_step,
        entry_price=money.ticks_to_price(p.entry, tick),
        opened_at=datetime.fromtimestamp(p.opened, UTC),
        stop=None if abs(p.stop) == FAR else money.ticks_to_price(p.stop, tick),
        take=None if abs(p.take) == FAR else money.ticks_to_price(p.take, tick),
        profit=money.money_from_float(floating),
        swap=money.money_from_float(p.swap),
        magic=p.magic,
        client_id=p.client_id,
    )


def resting_order(ticket: Ticket) -> RestingOrder:
    """A pending order as a broker reports it; its id is the client's."""
    assert ticket.price is not None
    return RestingOrder(
        id=ticket.client_id,
        symbol=ticket.symbol,
        side=ticket.side,
        lots=ticket.lots,
        kind=ticket.kind,
        price=ticket.price,
        stop=ticket.stop,
        take=ticket.take,
        magic=ticket.magic,
        client_id=ticket.client_id,
    )

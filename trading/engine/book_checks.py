"""What the book refuses, as a broker would: volumes, prices of resting orders, levels.

Prices here are whole ticks unless they are Decimal. Every check raises OrderRefused.
"""

from __future__ import annotations

from decimal import Decimal

from trading.engine import money
from trading.engine.book_state import Ticket
from trading.engine.types import EngineError, Instrument, OrderKind


class OrderRefused(EngineError):
    """The book will not take an order; `code` is stable, the message explains."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check_volume(instrument: Instrument, lots: Decimal) -> None:
    """An entry has between the least and the largest volume, in whole steps: INVALID_VOLUME."""
    step = instrument.volume_step
    if not instrument.volume_min <= lots <= instrument.volume_max or lots % step:
        span = f"{instrument.volume_min} to {instrument.volume_max} in steps of {step}"
        raise OrderRefused("INVALID_VOLUME", f"Expected {span} lots, was {lots}")


def steps_to_close(instrument: Instrument, lots: Decimal, held: int) -> int:
    """The steps of a partial close: some, whole, at most those `held`; else INVALID_VOLUME."""
    step = instrument.volume_step
    if not 0 < lots <= held * step or lots % step:
        span = f"up to {held * step} lots in steps of {step}"
        raise OrderRefused("INVALID_VOLUME", f"Expected {span}, was {lots}")
    return money.lots_to_steps(lots, step)


def price_of(instrument: Instrument, ticket: Ticket, touch: int) -> int:
    """Where the order is to fill; a resting one must lie on its own side of the market `touch`:
    INVALID_PRICE."""
    if ticket.kind is OrderKind.MARKET:
        return touch
    direction = ticket.side if ticket.kind is OrderKind.STOP else -ticket.side
    price = ticket.price
    level = touch if price is None else money.price_to_ticks(price, instrument.tick_size)
    if (level - touch) * direction <= 0:
        where = "above" if direction > 0 else "below"
        raise OrderRefused(
            "INVALID_PRICE",
            f"Expected a {ticket.kind} price {where} the market, was {price}",
        )
    return level


def check_levels(
    instrument: Instrument, side: int, closing: int, stop: Decimal | None, take: Decimal | None
) -> None:
    """Stop and take lie beyond `closing`, the price that would close the position:
    INVALID_STOPS."""
    least = max(1, instrument.stops_level)
    for level, direction in ((stop, -side), (take, side)):
        if level is None:
            continue
        ticks = money.price_to_ticks(level, instrument.tick_size)
        distance = (ticks - closing) * direction
        if distance < least:
            raise OrderRefused(
                "INVALID_STOPS",
                f"Expected stop and take at least {least} ticks away, was {distance}",
            )

"""What the engine wants, as bodies of MetaApi's trade request. Pure.

The request takes JSON numbers, so that this is where Decimal becomes float: rounded to what the
symbol can express, of which the shortest text is exactly the Decimal again. There is never a
comment: the client id lives in the same 26 characters.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from trading.brokers.base import EntryRequest
from trading.brokers.metaapi.payload import PLACES
from trading.brokers.metaapi.specification import Specification, SpecificationExtras
from trading.engine.money import lots_to_steps
from trading.engine.types import EngineError, OrderKind

Body = dict[str, Any]

LONGEST_CLIENT_ID: Final = 26
_SUFFIX: Final = {OrderKind.MARKET: "", OrderKind.STOP: "_STOP", OrderKind.LIMIT: "_LIMIT"}
_UNTIL: Final = "SYMBOL_EXPIRATION_SPECIFIED"
_UNTIL_DAY: Final = "SYMBOL_EXPIRATION_SPECIFIED_DAY"


def entry_body(
    request: EntryRequest, specification: Specification, filling_modes: tuple[str, ...] = ()
) -> Body:
    """An order that opens a position; EngineError when it cannot be expressed as such.

    A pending order carries its end of life where the symbol allows that: the broker then ends it
    even if we cannot.
    """
    extras = specification.extras
    body: Body = {
        "actionType": f"ORDER_TYPE_{_word(request.side)}{_SUFFIX[request.kind]}",
        "symbol": request.symbol,
        "volume": volume_of(request.lots, specification.instrument.volume_step),
        "clientId": _client_id(request.client_id),
        "magic": request.magic,
    }
    if request.kind is not OrderKind.MARKET:
        if request.price is None:
            raise EngineError(f"Expected a price for a {request.kind} order, was none")
        body["openPrice"] = price_of(request.price, extras.digits)
        body |= _expiration(request.expires_at, extras)
    if filling_modes:
        body["fillingModes"] = list(filling_modes)
    return body | _levels(request.stop, request.take, extras.digits)


def close_body(position_id: str) -> Body:
    """Close a position whole."""
    return {"actionType": "POSITION_CLOSE_ID", "positionId": position_id}


def partial_close_body(position_id: str, lots: Decimal, step: Decimal) -> Body:
    """Close a part of a position; EngineError when the lots are not steps of it."""
    volume = volume_of(lots, step)
    return {"actionType": "POSITION_PARTIAL", "positionId": position_id, "volume": volume}


def modify_body(
    position_id: str, stop: Decimal | None, take: Decimal | None, digits: int = PLACES
) -> Body:
    """Set both levels of a position; a level that is left out is taken away."""
    levels = _levels(stop, take, digits)
    return {"actionType": "POSITION_MODIFY", "positionId": position_id, **levels}


def cancel_body(order_id: str) -> Body:
    """Take a resting order back."""
    return {"actionType": "ORDER_CANCEL", "orderId": order_id}


def price_of(price: Decimal, digits: int) -> float:
    """A price with the symbol's decimals; EngineError when it is none above 0."""
    if not (price.is_finite() and price > 0):
        raise EngineError(f"Expected a price above 0, was {price}")
    return float(price.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def volume_of(lots: Decimal, step: Decimal) -> float:
    """Lots that are whole steps above 0; EngineError for any other: an order is never changed."""
    if not (lots.is_finite() and lots > 0):
        raise EngineError(f"Expected lots above 0, was {lots}")
    return float(lots_to_steps(lots, step) * step)


def _levels(stop: Decimal | None, take: Decimal | None, digits: int) -> Body:
    levels = {"stopLoss": stop, "takeProfit": take}
    return {name: price_of(level, digits) for name, level in levels.items() if level is not None}


def _expiration(expires_at: datetime | None, extras: SpecificationExtras) -> Body:
    if expires_at is None:
        return {}
    modes = {_UNTIL: "ORDER_TIME_SPECIFIED", _UNTIL_DAY: "ORDER_TIME_SPECIFIED_DAY"}
    kind = next((modes[mode] for mode in modes if mode in extras.expiration_modes), None)
    if kind is None:
        return {}
    return {"expiration": {"type": kind, "time": iso(expires_at)}}


def iso(moment: datetime) -> str:
    """A time as MetaApi writes it: UTC with milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _word(side: int) -> str:
    if side not in (1, -1):
        raise EngineError(f"Expected side 1 or -1, was {side}")
    return "BUY" if side == 1 else "SELL"


def _client_id(client_id: str) -> str:
    if len(client_id) > LONGEST_CLIENT_ID or not client_id.isascii():
        raise EngineError(
            f"Expected a client id of at most {LONGEST_CLIENT_ID} ASCII characters, "
            f"was {client_id!r}"
        )
    return client_id

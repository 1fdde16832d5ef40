"""Positions, orders and deals as MetaApi reports them; what is empty is absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.metaapi_emulator.accounts import Account, Changes, Pending, Position, Reason, Ticket, way
from tests.metaapi_emulator.formats import iso, number, times
from tests.metaapi_emulator.specifications import specification


@dataclass(frozen=True, slots=True)
class Booking:
    """A deal to be written down; `position` is what it changes, `side` its own direction."""

    order_id: str
    position: Position
    side: int
    volume: Decimal
    price: Decimal
    entry: str
    """IN, OUT, INOUT or OUT_BY."""
    reason: Reason
    profit: Decimal = Decimal(0)
    ticket: Ticket | None = None
    """The request it came from, for its marks; none when the platform acted by itself."""
    broker_comment: str = ""


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is None or an empty text; Decimal as a number."""
    plain = {k: number(v) if isinstance(v, Decimal) else v for k, v in values.items()}
    return {k: v for k, v in plain.items() if v is not None and v != ""}


def position_json(account: Account, position: Position) -> dict[str, Any]:
    """An open position now."""
    floating, symbol = account.floating(position), position.symbol
    tick_value = account.instrument(symbol).tick_value * account.market.worth(symbol)
    shown = None if position.is_hidden else position.ticket
    return present(
        {
            "id": position.id,
            "type": f"POSITION_TYPE_{way(position.side)}",
            "symbol": symbol,
            "magic": position.ticket.magic,
            **times("", position.opened),
            "updateTime": iso(position.updated),
            "openPrice": position.price,
            "currentPrice": account.closing_price(symbol, position.side),
            "currentTickValue": tick_value,
            "volume": position.volume,
            "stopLoss": position.stop,
            "takeProfit": position.take,
            "swap": 0,
            "commission": position.commission,
            "profit": floating + position.realized,
            "unrealizedProfit": floating,
            "realizedProfit": position.realized,
            "unrealizedSwap": 0,
            "realizedSwap": 0,
            "unrealizedCommission": 0,
            "realizedCommission": position.commission,
            "clientId": shown and shown.client_id,
            "comment": shown and shown.comment,
            "brokerComment": position.broker_comment,
            "reason": None if account.is_mt4 else f"POSITION_REASON_{position.ticket.reason}",
            "accountCurrencyExchangeRate": 1,
        }
    )


def pending_json(account: Account, order: Pending) -> dict[str, Any]:
    """A resting order now."""
    ticket = order.ticket
    return present(
        {
            **_order(account, order.id, f"ORDER_TYPE_{ticket.way}_{order.kind}", ticket),
            "state": "ORDER_STATE_PLACED",
            **times("", order.placed),
            "currentPrice": account.opening_price(ticket.symbol, ticket.side),
            "openPrice": ticket.price,
            "currentVolume": ticket.volume,
            "fillingMode": "ORDER_FILLING_RETURN",
            "expirationType": order.expiration,
            "expirationTime": order.expires and iso(order.expires),
        }
    )


def ended_order(account: Account, order: Pending, state: str) -> dict[str, Any]:
    """A resting order that was cancelled, has expired or was filled."""
    live = pending_json(account, order)
    del live["currentPrice"]
    left = 0 if state == "FILLED" else live["volume"]
    done = {"state": f"ORDER_STATE_{state}", "currentVolume": left}
    return {**live, **done, **times("done", account.market.now())}


def market_order(account: Account, booking: Booking, at: datetime) -> dict[str, Any]:
    """The order of the history that stands behind a deal."""
    ticket, position = booking.ticket, booking.position
    kind = f"ORDER_TYPE_{way(booking.side)}"
    return present(
        {
            **_order(account, booking.order_id, kind, ticket or position.ticket),
            **_marks(booking),
            "state": "ORDER_STATE_FILLED",
            "volume": booking.volume,
            "currentVolume": 0,
            "openPrice": booking.price,
            **times("", at),
            **times("done", at),
            "positionId": position.id,
            "reason": None if account.is_mt4 else f"ORDER_REASON_{booking.reason}",
            "fillingMode": "ORDER_FILLING_FOK",
            "expirationType": "ORDER_TIME_GTC",
        }
    )


def deal_json(account: Account, deal_id: str, booking: Booking, at: datetime) -> dict[str, Any]:
    """A deal. MT4 tells no reason: there only the broker's comment hints at it."""
    position = booking.position
    return present(
        {
            "id": deal_id,
            "platform": account.platform,
            "type": f"DEAL_TYPE_{way(booking.side)}",
            "entryType": f"DEAL_ENTRY_{booking.entry}",
            "symbol": position.symbol,
            "magic": position.ticket.magic,
            **times("", at),
            "volume": booking.volume,
            "price": booking.price,
            "commission": account.commission(position.symbol, booking.volume),
            "swap": 0,
            "profit": booking.profit,
            "positionId": position.id,
            "orderId": booking.order_id,
            "stopLoss": position.stop,
            "takeProfit": position.take,
            **_marks(booking),
            "reason": None if account.is_mt4 else f"DEAL_REASON_{booking.reason}",
            "accountCurrencyExchangeRate": 1,
        }
    )


def positions_json(account: Account) -> list[dict[str, Any]]:
    """Everything open."""
    return [position_json(account, position) for position in account.positions.values()]


def orders_json(account: Account) -> list[dict[str, Any]]:
    """Everything resting."""
    return [pending_json(account, order) for order in account.pending.values()]


def specification_of(account: Account, symbol: str) -> dict[str, Any]:
    """A symbol as this account's platform knows it."""
    return specification(symbol, is_mt4=account.is_mt4)


def update_packet(account: Account, changes: Changes) -> dict[str, Any]:
    """The body of an `update` packet; what has not changed is absent."""
    positions = [account.positions[i] for i in changes.positions if i in account.positions]
    orders = [account.pending[i] for i in changes.orders if i in account.pending]
    parts = {
        "updatedPositions": [position_json(account, position) for position in positions],
        "removedPositionIds": list(changes.gone_positions),
        "updatedOrders": [pending_json(account, order) for order in orders],
        "completedOrderIds": list(changes.gone_orders),
        "historyOrders": changes.history,
        "deals": changes.deals,
    }
    return {
        "type": "update",
        "accountInformation": account.information(),
        **{name: part for name, part in parts.items() if part},
    }


def _order(account: Account, order_id: str, kind: str, ticket: Ticket) -> dict[str, Any]:
    return {
        "id": order_id,
        "platform": account.platform,
        "type": kind,
        "symbol": ticket.symbol,
        "magic": ticket.magic,
        "volume": ticket.volume,
        "stopLoss": ticket.stop,
        "takeProfit": ticket.take,
        "clientId": ticket.client_id,
        "comment": ticket.comment,
        "reason": None if account.is_mt4 else f"ORDER_REASON_{ticket.reason}",
        "accountCurrencyExchangeRate": 1,
    }


def _marks(booking: Booking) -> dict[str, Any]:
    """Client id and comment of the request; a level hit leaves only the broker's own comment."""
    ticket = booking.ticket
    return {
        "clientId": ticket and ticket.client_id,
        "comment": ticket and ticket.comment,
        "brokerComment": booking.broker_comment,
    }

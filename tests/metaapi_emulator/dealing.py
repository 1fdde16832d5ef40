"""Executing: opening, netting and closing, with everything that has to be written down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from tests.metaapi_emulator.accounts import Account, Pending, Position, Reason, Ticket
from tests.metaapi_emulator.shapes import Booking, deal_json, ended_order, market_order
from trading.engine.types import Fill


@dataclass(frozen=True, slots=True)
class Closing:
    """How something is closed; `price` None = the market's."""

    reason: Reason = Reason.EXPERT
    price: Decimal | None = None
    ticket: Ticket | None = None
    """Carries the marks of the request that asked for it."""
    entry: str = "OUT"
    comment: str = ""
    """The broker's."""


def enter(
    account: Account, ticket: Ticket, price: Decimal, pending: Pending | None = None
) -> tuple[str, Position]:
    """Execute an entry at a price, of a resting order where one is given: order id and position.

    On a netting account it first meets what is held of the symbol.
    """
    order_id = pending.id if pending else account.next_id()
    held = next(account.held(ticket.symbol), None) if account.is_netting else None
    if held is None:
        position = _opened(account, order_id, ticket, price)
    elif held.side == ticket.side:
        position = _increased(account, order_id, held, (ticket, price))
    else:
        position = _reduced(account, order_id, held, (ticket, price))
    if pending:
        _complete(account, pending, "FILLED", position.id)
    return order_id, position


def leave(
    account: Account, position: Position, volume: Decimal, closing: Closing
) -> tuple[str, Position | None]:
    """Close `volume` of a position: the order's id and the position that remains, if any.

    On MT4 the rest of a partial close continues under a new ticket, and its marks are lost.
    """
    price = closing.price or account.closing_price(position.symbol, position.side)
    order_id = position.id if account.is_mt4 else account.next_id()
    rest_id = account.next_id() if account.is_mt4 and volume < position.volume else ""
    comment = f"to #{rest_id}" if rest_id else closing.comment
    booking = Booking(
        order_id=order_id,
        position=position,
        side=-position.side,
        volume=volume,
        price=price,
        entry=closing.entry,
        reason=closing.reason,
        profit=account.profit(position, price, volume),
        ticket=_marked(position, closing),
        broker_comment=comment,
    )
    _book(account, booking, opens=False)
    return order_id, _rest_of(account, booking, rest_id)


def close_by(account: Account, position: Position, opposite: Position, marks: Ticket) -> str:
    """Close two opposite positions against each other as far as both reach: the order's id."""
    volume = min(position.volume, opposite.volume)
    closing = Closing(price=opposite.price, entry="OUT_BY", ticket=marks)
    order_id, _ = leave(account, position, volume, closing)
    leave(account, opposite, volume, closing)
    return order_id


def cancel(account: Account, order: Pending, state: str = "CANCELED") -> None:
    """Take a resting order back, or let it expire."""
    _complete(account, order, state)


def _opened(account: Account, order_id: str, ticket: Ticket, price: Decimal) -> Position:
    now = account.market.now()
    position = Position(
        id=order_id,
        ticket=ticket,
        volume=ticket.volume,
        price=price,
        opened=now,
        updated=now,
        stop=ticket.stop,
        take=ticket.take,
    )
    account.positions[position.id] = position
    _book(account, _entry_of(order_id, position, (ticket, price)), opens=True)
    return position


def _increased(
    account: Account, order_id: str, held: Position, order: tuple[Ticket, Decimal]
) -> Position:
    ticket, price = order
    total = held.volume + ticket.volume
    average = (held.price * held.volume + price * ticket.volume) / total
    tick = account.instrument(held.symbol).tick_size
    held.price, held.volume = average.quantize(tick), total
    _levels(held, ticket)
    _book(account, _entry_of(order_id, held, order), opens=True)
    return held


def _reduced(
    account: Account, order_id: str, held: Position, order: tuple[Ticket, Decimal]
) -> Position:
    """Close as much of it as the order reaches; what is left over turns the position around."""
    ticket, price = order
    closed = min(held.volume, ticket.volume)
    over = ticket.volume - closed
    booking = Booking(
        order_id=order_id,
        position=held,
        side=ticket.side,
        volume=ticket.volume,
        price=price,
        entry="INOUT" if over else "OUT",
        reason=ticket.reason,
        profit=account.profit(held, price, closed),
        ticket=ticket,
    )
    out = replace(booking, volume=closed)
    deal = _book(account, booking, opens=False, fill=_fill(account, out, opens=False))
    if not over:
        _rest_of(account, booking, "")
        return held
    held.ticket, held.volume, held.price = ticket, over, price
    held.opened = account.market.now()
    held.stop, held.take = ticket.stop, ticket.take
    held.realized = Decimal(0)
    turned = _fill(account, replace(booking, volume=over, profit=Decimal(0)), opens=True)
    account.changes.fills.append(replace(turned, deal_id=f"{deal}-in"))
    return held


def _levels(held: Position, ticket: Ticket) -> None:
    held.stop = ticket.stop or held.stop
    held.take = ticket.take or held.take


def _entry_of(order_id: str, position: Position, order: tuple[Ticket, Decimal]) -> Booking:
    ticket, price = order
    return Booking(
        order_id=order_id,
        position=position,
        side=ticket.side,
        volume=ticket.volume,
        price=price,
        entry="IN",
        reason=ticket.reason,
        ticket=ticket,
    )


def _marked(position: Position, closing: Closing) -> Ticket | None:
    """The marks of the request, else of the position; none for what the platform did itself."""
    if closing.reason not in (Reason.EXPERT, Reason.CLIENT):
        return None
    if closing.ticket and (closing.ticket.client_id or closing.ticket.comment):
        return closing.ticket
    return None if position.is_hidden else position.ticket


def _rest_of(account: Account, booking: Booking, rest_id: str) -> Position | None:
    position = booking.position
    position.volume -= booking.volume
    position.realized += booking.profit
    if position.volume and not rest_id:
        account.touch(position)
        return position
    del account.positions[position.id]
    account.changes.positions.pop(position.id, None)
    account.changes.gone_positions[position.id] = None
    if not rest_id:
        return None
    rest = replace(
        position,
        id=rest_id,
        realized=Decimal(0),
        broker_comment=f"from #{position.id}",
        is_hidden=True,
    )
    account.positions[rest_id] = rest
    account.touch(rest)
    return rest


def _book(account: Account, booking: Booking, *, opens: bool, fill: Fill | None = None) -> str:
    """Write a deal down with the order behind it and move the money: the deal's id."""
    now, deal_id = account.market.now(), account.next_id()
    position = booking.position
    cost = account.commission(position.symbol, booking.volume)
    account.balance += booking.profit + cost
    position.commission += cost if opens else Decimal(0)
    _keep(account, market_order(account, booking, now), deal_json(account, deal_id, booking, now))
    fill = fill or _fill(account, booking, opens=opens)
    account.changes.fills.append(replace(fill, deal_id=deal_id))
    if opens or booking.entry == "INOUT":
        account.touch(position)
    return deal_id


def _keep(account: Account, order: dict[str, object], deal: dict[str, object]) -> None:
    resting = account.pending.get(str(order["id"]))
    if resting is None:  # a filled resting order is written down when it completes
        account.history.append(order)
        account.changes.history.append(order)
    account.deals.append(deal)
    account.changes.deals.append(deal)


def _fill(account: Account, booking: Booking, *, opens: bool) -> Fill:
    """The deal in the engine's words, for the ledger."""
    position = booking.position
    ticket = booking.ticket if opens and booking.ticket else position.ticket
    return Fill(
        deal_id="",
        position_id=position.id,
        symbol=position.symbol,
        side=ticket.side if opens else position.side,
        opens=opens,
        lots=booking.volume,
        price=booking.price,
        at=account.market.now(),
        profit=booking.profit,
        commission=-account.commission(position.symbol, booking.volume),
        reason=None if opens else booking.reason.exit,
        client_id=ticket.client_id,
        magic=ticket.magic,
        by_hand=booking.reason is Reason.CLIENT,
    )


def _complete(account: Account, order: Pending, state: str, position_id: str = "") -> None:
    done = ended_order(account, order, state)
    if position_id:
        done["positionId"] = position_id
    del account.pending[order.id]
    account.history.append(done)
    account.changes.orders.pop(order.id, None)
    account.changes.gone_orders[order.id] = None
    account.changes.history.append(done)

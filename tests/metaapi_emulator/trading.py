"""Trade requests: from the body MetaApi documents to what is done with an account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from tests.metaapi_emulator import checks
from tests.metaapi_emulator.accounts import Account, Pending, Position, Reason, Ticket
from tests.metaapi_emulator.codes import Code, Malformed, Refused
from tests.metaapi_emulator.dealing import Closing, cancel, close_by, enter, leave
from tests.metaapi_emulator.formats import iso
from tests.metaapi_emulator.triggers import judge, stop_out

Body = Mapping[str, Any]
HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Twist:
    """What a fault makes of an entry."""

    is_partial: bool = False
    drops_stop: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request."""

    code: Code
    order_id: str = ""
    position_id: str = ""

    def to_json(self, account: Account) -> dict[str, Any]:
        """MetaApi's trade response."""
        now = iso(account.market.now())
        ids = {"orderId": self.order_id, "positionId": self.position_id}
        return {
            **self.code.to_json(is_mt4=account.is_mt4),
            **{name: value for name, value in ids.items() if value},
            "tradeStartTime": now,
            "tradeExecutionTime": now,
        }


def execute(account: Account, body: Body, twist: Twist = Twist()) -> Outcome:
    """Do what the body asks; a refusal is an outcome too. Raises Malformed."""
    action = str(body.get("actionType"))
    checks.check_marks(body)
    try:
        checks.check_may_trade(account)
        if action.startswith("ORDER_TYPE_"):
            return _order(account, action.removeprefix("ORDER_TYPE_"), body, twist)
        if action not in ACTIONS:
            raise Refused(Code.INVALID)
        return ACTIONS[action](account, body)
    except Refused as refusal:
        return Outcome(refusal.code)


def operation(body: Body) -> str:
    """What a ledger calls the request: submit, close, modify or cancel."""
    action = str(body.get("actionType"))
    if action.startswith("ORDER_TYPE_"):
        return "submit"
    if action == "ORDER_CANCEL":
        return "cancel"
    return "modify" if action.endswith("MODIFY") else "close"


def entry(account: Account, ticket: Ticket, twist: Twist = Twist()) -> Outcome:
    """Execute a market order; raises Refused."""
    price = account.opening_price(ticket.symbol, ticket.side)
    checks.check_volume(account, ticket.symbol, ticket.volume)
    checks.check_levels(account, ticket, account.closing_price(ticket.symbol, ticket.side))
    checks.check_money(account, ticket, price)
    part = _halved(account, ticket) if twist.is_partial else ticket.volume
    is_bare = twist.drops_stop
    done = replace(ticket, volume=part, stop=None if is_bare else ticket.stop)
    order_id, position = enter(account, done, price)
    stop_out(account)
    code = Code.DONE if part == ticket.volume else Code.DONE_PARTIAL
    return Outcome(code, order_id, position.id)


def leave_part(account: Account, position: Position, volume: Decimal, closing: Closing) -> Outcome:
    """Close a part or all of a position; raises Refused."""
    checks.check_part(account, position.symbol, volume, position.volume)
    order_id, _ = leave(account, position, volume, closing)
    return Outcome(Code.DONE, order_id, position.id)


def set_levels(
    account: Account, position: Position, stop: Decimal | None, take: Decimal | None
) -> Outcome:
    """Give a position these levels, None = none; raises Refused."""
    if (stop, take) == (position.stop, position.take):
        raise Refused(Code.NO_CHANGES)
    closing = account.closing_price(position.symbol, position.side)
    checks.check_levels(account, replace(position.ticket, stop=stop, take=take), closing)
    position.stop, position.take = stop, take
    account.touch(position)
    judge(account, position)
    return Outcome(Code.DONE, position_id=position.id)


def _order(account: Account, kind: str, body: Body, twist: Twist) -> Outcome:
    way, _, resting = kind.partition("_")
    if resting == "STOP_LIMIT":
        raise Refused(Code.UNSUPPORTED)
    if way not in ("BUY", "SELL") or resting not in ("", "LIMIT", "STOP"):
        raise Refused(Code.INVALID)
    checks.check_symbol(str(body.get("symbol")))
    checks.check_filling(body)
    ticket = _ticket(account, 1 if way == "BUY" else -1, body)
    return _rest(account, ticket, resting, body) if resting else entry(account, ticket, twist)


def _rest(account: Account, ticket: Ticket, kind: str, body: Body) -> Outcome:
    checks.check_volume(account, ticket.symbol, ticket.volume)
    checks.check_resting(account, ticket, kind)
    assert ticket.price is not None
    checks.check_levels(account, ticket, ticket.price)
    expiration, expires = checks.expiration_of(account, body)
    now = account.market.now()
    order = Pending(account.next_id(), ticket, kind, now, expiration, expires)
    account.pending[order.id] = order
    account.changes.orders[order.id] = None
    return Outcome(Code.DONE, order.id)


def _ticket(account: Account, side: int, body: Body) -> Ticket:
    symbol = str(body["symbol"])
    price = _number(body, "openPrice")
    reference = price or account.opening_price(symbol, side)
    bare = Ticket(symbol, side, _required(body, "volume"), price, **_marks(body))
    return replace(
        bare,
        stop=_level(account, bare, body, ("stopLoss", reference, -side)),
        take=_level(account, bare, body, ("takeProfit", reference, side)),
    )


def _marks(body: Body) -> dict[str, Any]:
    return {
        "magic": int(body.get("magic") or 0),
        "client_id": str(body.get("clientId") or ""),
        "comment": str(body.get("comment") or ""),
    }


def _level(
    account: Account, ticket: Ticket, body: Body, where: tuple[str, Decimal, int]
) -> Decimal | None:
    """A level of the body as a price; `where` is its name, what it is relative to, and the way
    away from there."""
    name, reference, direction = where
    value = _number(body, name)
    units = str(body.get(f"{name}Units") or "ABSOLUTE_PRICE")
    if value is None or units == "ABSOLUTE_PRICE":
        return value
    instrument = account.instrument(ticket.symbol)
    money = instrument.contract_size * ticket.volume * account.market.worth(ticket.symbol)
    scales = {
        "RELATIVE_PRICE": Decimal(1),
        "RELATIVE_POINTS": instrument.tick_size,
        "RELATIVE_PIPS": instrument.tick_size * 10,
        "RELATIVE_CURRENCY": 1 / money,
        "RELATIVE_BALANCE_PERCENTAGE": account.balance / HUNDRED / money,
    }
    if units not in scales:
        raise Malformed(**{f"{name}Units": f"Expected one of {', '.join(scales)}, was {units}"})
    return (reference + direction * value * scales[units]).quantize(instrument.tick_size)


def _modify(account: Account, body: Body) -> Outcome:
    position = _position(account, body, "positionId")
    return set_levels(account, position, _number(body, "stopLoss"), _number(body, "takeProfit"))


def _close(account: Account, body: Body) -> Outcome:
    position = _position(account, body, "positionId")
    return leave_part(account, position, position.volume, _closing(position, body))


def _close_part(account: Account, body: Body) -> Outcome:
    position = _position(account, body, "positionId")
    return leave_part(account, position, _required(body, "volume"), _closing(position, body))


def _close_by(account: Account, body: Body) -> Outcome:
    position = _position(account, body, "positionId")
    opposite = _position(account, body, "closeByPositionId")
    fits = position.symbol == opposite.symbol and position.side != opposite.side
    if account.is_netting or not fits:
        raise Refused(Code.INVALID)
    marks = replace(position.ticket, **_marks(body))
    order_id = close_by(account, position, opposite, marks)
    return Outcome(Code.DONE, order_id, position.id)


def _close_symbol(account: Account, body: Body) -> Outcome:
    positions = list(account.held(str(body.get("symbol"))))
    if not positions:
        raise Refused(Code.POSITION_NOT_FOUND)
    for position in positions:
        leave(account, position, position.volume, _closing(position, body))
    return Outcome(Code.DONE)


def _modify_order(account: Account, body: Body) -> Outcome:
    order = _pending(account, body)
    changed = replace(
        order.ticket,
        price=_number(body, "openPrice") or order.ticket.price,
        stop=_number(body, "stopLoss"),
        take=_number(body, "takeProfit"),
    )
    if changed == order.ticket and "expiration" not in body:
        raise Refused(Code.NO_CHANGES)
    checks.check_resting(account, changed, order.kind)
    assert changed.price is not None
    checks.check_levels(account, changed, changed.price)
    if "expiration" in body:
        order.expiration, order.expires = checks.expiration_of(account, body)
    order.ticket = changed
    account.changes.orders[order.id] = None
    return Outcome(Code.DONE, order.id)


def _cancel(account: Account, body: Body) -> Outcome:
    order = _pending(account, body)
    cancel(account, order)
    return Outcome(Code.DONE, order.id)


def _closing(position: Position, body: Body) -> Closing:
    bare = replace(position.ticket, stop=None, take=None)
    return Closing(Reason.EXPERT, ticket=replace(bare, **_marks(body)))


def _position(account: Account, body: Body, name: str) -> Position:
    position = account.positions.get(str(body.get(name)))
    if position is None:
        raise Refused(Code.POSITION_NOT_FOUND)
    return position


def _pending(account: Account, body: Body) -> Pending:
    order = account.pending.get(str(body.get("orderId")))
    if order is None:
        raise Refused(Code.ORDER_NOT_FOUND)
    return order


def _required(body: Body, name: str) -> Decimal:
    value = _number(body, name)
    if value is None:
        raise Malformed(**{name: "Expected a number, was nothing"})
    return value


def _number(body: Body, name: str) -> Decimal | None:
    """A number of the body; none where it is absent or 0, which the platforms hold for none."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise Malformed(**{name: f"Expected a number, was {value!r}"})
    try:
        return Decimal(str(value)) or None if value else None
    except InvalidOperation as e:
        raise Malformed(**{name: f"Expected a number, was {value!r}"}) from e


def _halved(account: Account, ticket: Ticket) -> Decimal:
    instrument = account.instrument(ticket.symbol)
    half = ticket.volume / 2 // instrument.volume_step * instrument.volume_step
    return half if half >= instrument.volume_min else ticket.volume


ACTIONS: Final[Mapping[str, Callable[[Account, Body], Outcome]]] = {
    "POSITION_MODIFY": _modify,
    "POSITION_PARTIAL": _close_part,
    "POSITION_CLOSE_ID": _close,
    "POSITION_CLOSE_BY": _close_by,
    "POSITIONS_CLOSE_SYMBOL": _close_symbol,
    "ORDER_MODIFY": _modify_order,
    "ORDER_CANCEL": _cancel,
}

"""What happens by itself when prices move: levels, stop-out, resting orders, expiry."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from tests.metaapi_emulator.accounts import STOP_OUT_PERCENT, Account, Pending, Position, Reason
from tests.metaapi_emulator.checks import check_money
from tests.metaapi_emulator.codes import Refused
from tests.metaapi_emulator.dealing import Closing, cancel, enter, leave

HUNDRED: Final = Decimal(100)


def on_quote(account: Account, symbol: str) -> None:
    """Let the account see the symbol's quote in force: expiry, resting orders, levels, money."""
    expire(account)
    for order in [o for o in account.pending.values() if o.ticket.symbol == symbol]:
        if _is_reached(account, order):
            _fill(account, order)
    for position in account.held(symbol):
        judge(account, position)
    stop_out(account)


def expire(account: Account) -> None:
    """Drop the resting orders whose time has come."""
    now = account.market.now()
    for order in [o for o in account.pending.values() if o.expires and o.expires <= now]:
        cancel(account, order, "EXPIRED")


def judge(account: Account, position: Position) -> None:
    """Close a position whose stop or take is reached."""
    price, side = account.closing_price(position.symbol, position.side), position.side
    if position.stop is not None and (price - position.stop) * side <= 0:
        _hit(account, position, Reason.STOP, position.stop)
    elif position.take is not None and (price - position.take) * side >= 0:
        _hit(account, position, Reason.TAKE, position.take)


def stop_out(account: Account) -> None:
    """While equity is below half the margin, close what has lost most."""
    while account.positions and account.equity * HUNDRED < account.margin * STOP_OUT_PERCENT:
        worst = min(account.positions.values(), key=account.floating)
        level = account.equity / account.margin * HUNDRED
        comment = f"so: {level:.1f}%/{account.equity:.1f}/{account.margin:.1f}"
        leave(account, worst, worst.volume, Closing(Reason.STOP_OUT, comment=comment))


def _hit(account: Account, position: Position, reason: Reason, level: Decimal) -> None:
    """MT5 names the level in its comment, MT4 only that there was one."""
    mark = reason.lower()
    comment = f"[{mark}]" if account.is_mt4 else f"[{mark} {level}]"
    leave(account, position, position.volume, Closing(reason, comment=comment))


def _is_reached(account: Account, order: Pending) -> bool:
    assert order.ticket.price is not None
    touch, side = account.opening_price(order.ticket.symbol, order.ticket.side), order.ticket.side
    direction = side if order.kind == "STOP" else -side
    return (touch - order.ticket.price) * direction >= 0


def _fill(account: Account, order: Pending) -> None:
    ticket = order.ticket
    price = account.opening_price(ticket.symbol, ticket.side)
    try:
        check_money(account, ticket, price)
    except Refused:
        cancel(account, order, "REJECTED")
        return
    enter(account, ticket, price, order)

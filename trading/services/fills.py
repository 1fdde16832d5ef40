"""Recording what the broker executed: fills, positions and the orders they answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from django.db import transaction
from django.utils.timezone import now

from trading.engine.orders import OrderStatus
from trading.engine.types import ExitReason
from trading.engine.types import Fill as EngineFill
from trading.models import Account, Deployment, Fill, Order, Position, Severity, Symbol
from trading.services.events import Happening, event_append
from trading.services.transitions import Cause, order_move


@transaction.atomic
def fills_record(
    *, account: Account, fills: Iterable[EngineFill], answered: Order | None = None
) -> list[Fill]:
    """Write new fills with their positions, orders and events; known ones change nothing.

    `answered` is the order whose answer these fills are; without it an opening fill finds its
    order by the client id, and a closing one has none (the broker closed by stop or take).
    """
    recorded = []
    for fill in fills:
        row = _record(account, fill, answered or _order_of(account, fill))
        if row is not None:
            recorded.append(row)
    return recorded


def _record(account: Account, fill: EngineFill, order: Order | None) -> Fill | None:
    if order is not None and order.origin == "KILL":
        fill = replace(fill, reason=ExitReason.KILL)
    symbol = order.symbol if order else Symbol.objects.get(source=account.source, name=fill.symbol)
    position = _position_of(account, fill, symbol, order)
    row, created = Fill.objects.get_or_create(
        account=account,
        deal_id=fill.deal_id,
        defaults={
            "symbol": symbol,
            "position": position,
            "order": order,
            "opens": fill.opens,
            "side": fill.side,
            "lots": fill.lots,
            "price": fill.price,
            "profit": fill.profit,
            "commission": fill.commission,
            "swap": fill.swap,
            "reason": fill.reason.value if fill.reason else "",
            "at": fill.at,
        },
    )
    if not created:
        return None
    if not fill.opens:
        _close_position(position, fill)
    else:
        Position.objects.filter(pk=position.pk).update(commission=fill.commission)
    if order is not None:
        _fill_order(order, fill)
    _tell(account, position, row)
    return row


def _order_of(account: Account, fill: EngineFill) -> Order | None:
    if not fill.opens:
        return None
    orders = Order.objects.select_related("symbol", "deployment")
    return orders.filter(account=account, client_id=fill.client_id).first()


def _position_of(
    account: Account, fill: EngineFill, symbol: Symbol, order: Order | None
) -> Position:
    position, _ = Position.objects.get_or_create(
        account=account,
        broker_id=fill.position_id,
        defaults={
            "symbol": symbol,
            "deployment": order.deployment if order else deployment_of(account, fill.magic),
            "side": fill.side,
            "lots": fill.lots,
            "entry_price": fill.price,
            "stop": order.stop if order else None,
            "take": order.take if order else None,
            "opened_at": fill.at,
        },
    )
    return position


def deployment_of(account: Account, magic: int) -> Deployment | None:
    """The deployment of a magic number, if it is one of this account's."""
    return Deployment.objects.filter(account=account, pk=magic).first() if magic else None


def _close_position(position: Position, fill: EngineFill) -> None:
    position.closed_at = fill.at
    position.exit_price = fill.price
    position.exit_reason = fill.reason.value if fill.reason else ""
    position.profit = fill.profit
    position.commission += fill.commission
    position.swap = fill.swap
    names = ("closed_at", "exit_price", "exit_reason", "profit", "commission", "swap")
    position.save(update_fields=names)


def _fill_order(order: Order, fill: EngineFill) -> None:
    """FILLED, or LATE_FILLED where we had concluded that nothing was executed."""
    evidence = {"deal": fill.deal_id, "position": fill.position_id, "lots": str(fill.lots)}
    columns = {
        "position_id": fill.position_id,
        "filled_lots": fill.lots,
        "filled_price": fill.price,
        "finished_at": now(),
    }
    cause = Cause("deal", evidence)
    if order_move(order=order, to=OrderStatus.FILLED, cause=cause, **columns):
        return
    if order_move(order=order, to=OrderStatus.LATE_FILLED, cause=cause, **columns):
        event_append(
            happening=Happening(
                kind="order.late_filled",
                message=f"Executed although it was taken for dead: {order}",
                severity=Severity.CRITICAL,
                account=order.account,
                deployment=order.deployment,
                payload={"order": order.pk, **evidence},
            )
        )


def _tell(account: Account, position: Position, fill: Fill) -> None:
    symbol = position.symbol
    price, lots = f"{fill.price:.{symbol.digits}f}", f"{Decimal(fill.lots).normalize():f}"
    what = f"{position.get_side_display()} {lots} {symbol.name}"
    if fill.opens:
        kind, message = "order.filled", f"Opened {what} at {price}"
    else:
        net = fill.profit + fill.swap - position.commission
        kind = "position.closed"
        message = f"Closed {what} at {price} ({fill.reason}): {net:+.2f} {account.currency}"
    event_append(
        happening=Happening(
            kind=kind,
            message=message,
            account=account,
            deployment=position.deployment,
            payload={
                "fill": fill.pk,
                "position": position.pk,
                "symbol": symbol.name,
                "side": fill.side,
                "lots": lots,
                "price": price,
                "profit": str(fill.profit),
                "commission": str(fill.commission),
                "swap": str(fill.swap),
                "reason": fill.reason,
            },
        )
    )

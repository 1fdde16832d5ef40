"""Recording what the broker executed: fills, positions and the orders they answer."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django.db import transaction
from django.utils.timezone import now

from trading.engine.orders import OrderStatus, sources
from trading.engine.types import Fill as EngineFill
from trading.models import Account, Deployment, Fill, Order, Position, Purpose, Symbol
from trading.services.events import Happening, event_append


@transaction.atomic
def fills_record(
    *, account: Account, fills: Iterable[EngineFill], closing: Order | None = None
) -> list[Fill]:
    """Write new fills with their positions, orders and events; known ones change nothing.

    `closing` is the order whose answer these fills are, when it closes.
    """
    recorded = []
    for fill in fills:
        row = _record(account, fill, closing)
        if row is not None:
            recorded.append(row)
    return recorded


def _record(account: Account, fill: EngineFill, closing: Order | None) -> Fill | None:
    symbol = Symbol.objects.get(source=account.source, name=fill.symbol)
    order = _order_of(account, fill, closing)
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


def _order_of(account: Account, fill: EngineFill, closing: Order | None) -> Order | None:
    if not fill.opens:
        return closing if closing is not None and closing.purpose == Purpose.CLOSE else None
    return Order.objects.filter(account=account, client_id=fill.client_id).first()


def _position_of(
    account: Account, fill: EngineFill, symbol: Symbol, order: Order | None
) -> Position:
    position, _ = Position.objects.get_or_create(
        account=account,
        broker_id=fill.position_id,
        defaults={
            "symbol": symbol,
            "deployment": Deployment.objects.filter(account=account, pk=fill.magic).first(),
            "side": fill.side,
            "lots": fill.lots,
            "entry_price": fill.price,
            "stop": order.stop if order else None,
            "take": order.take if order else None,
            "opened_at": fill.at,
        },
    )
    return position


def _close_position(position: Position, fill: EngineFill) -> None:
    position.closed_at = fill.at
    position.exit_price = fill.price
    position.exit_reason = fill.reason.value if fill.reason else ""
    position.profit = fill.profit
    position.commission += fill.commission
    position.swap = fill.swap
    position.save()


def _fill_order(order: Order, fill: EngineFill) -> None:
    Order.objects.filter(pk=order.pk, status__in=sources(OrderStatus.FILLED)).update(
        status=OrderStatus.FILLED.value,
        position_id=fill.position_id,
        filled_lots=fill.lots,
        filled_price=fill.price,
        finished_at=now(),
    )
    order.refresh_from_db()


def _tell(account: Account, position: Position, fill: Fill) -> None:
    price, lots = f"{fill.price.normalize():f}", f"{Decimal(fill.lots).normalize():f}"
    what = f"{position.get_side_display()} {lots} {position.symbol.name}"
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
                "symbol": position.symbol.name,
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

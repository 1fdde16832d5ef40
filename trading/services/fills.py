"""Recording what the broker executed: fills, positions and the orders they answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from trading.engine.orders import OrderStatus
from trading.engine.types import ExitReason, PositionState
from trading.engine.types import Fill as EngineFill
from trading.models import (
    Account,
    Fill,
    Order,
    Origin,
    Position,
    Purpose,
    Severity,
)
from trading.services.events import Happening, event_append
from trading.services.orders import order_tell
from trading.services.positions import position_claim, position_find, position_open
from trading.services.protections import protections_judge
from trading.services.transitions import Cause, order_move

EXIT_REASONS: Final = {
    Origin.KILL: ExitReason.KILL,
    Origin.PERSON: ExitReason.MANUAL,
    Origin.PROTECTION: ExitReason.PROTECTION,
}
"""Why a position was closed, where no strategy wanted it."""


@transaction.atomic(savepoint=False)
def fills_record(
    *, account: Account, fills: Iterable[EngineFill], answered: Order | None = None
) -> list[Fill]:
    """Write new fills with their positions, orders and events; known ones change nothing.

    `answered` is the order whose answer these fills are; without it an opening fill finds its
    order by the client id, and a closing one has none (the broker closed by stop or take).
    """
    recorded = []
    for fill in fills:
        row = _record(account, fill, answered)
        if row is not None:
            recorded.append(row)
    return recorded


def _record(account: Account, fill: EngineFill, answered: Order | None) -> Fill | None:
    if answered is not None and fill.opens and _has_one_order(answered):
        first = _record_first(account, fill, answered)
        if first is not None:
            return first
    order = answered or _order_of(account, fill)
    if order is not None and order.purpose == Purpose.ENTRY and not fill.opens:
        order = None  # the broker stopped the new position out within the same answer
    if order is not None and order.origin in EXIT_REASONS:
        fill = replace(fill, reason=EXIT_REASONS[Origin(order.origin)])
    entry = order if fill.opens else None
    position = position_find(account=account, seen=_as_seen(fill), entry=entry)
    row, created = Fill.objects.get_or_create(
        account=account, deal_id=fill.deal_id, defaults=_columns(fill, order, position)
    )
    if not created:
        if order is not None:
            _answer_late(order, row, fill, position)
        return None
    _book(position, fill)
    if order is not None:
        _answer(order, fill, position)
    _tell(account, position, row)
    if position.closed_at is not None:
        protections_judge(account=account, at=position.closed_at)
    return row


def _record_first(account: Account, fill: EngineFill, order: Order) -> Fill | None:
    """The answer to an entry opens a position of its own: nothing there needs to be read.

    None when somebody else has recorded some of it already.
    """
    try:
        with transaction.atomic():
            position = position_open(
                account=account, seen=_as_seen(fill), entry=order, commission=fill.commission
            )
            columns = _columns(fill, order, position)
            row = Fill.objects.create(account=account, deal_id=fill.deal_id, **columns)
    except IntegrityError:
        return None
    _move_filled(order, fill, fill.position_id, fill.lots, fill.price, False)
    _tell(account, position, row)
    return row


def _has_one_order(order: Order) -> bool:
    """Whether its first deal opens a position that no other order can have."""
    if order.purpose != Purpose.ENTRY or order.filled_lots:
        return False
    return order.account.position_mode == Account.PositionMode.HEDGING


def _columns(fill: EngineFill, order: Order | None, position: Position) -> dict[str, Any]:
    return {
        "symbol": position.symbol,
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
    }


def _answer(order: Order, fill: EngineFill, position: Position) -> None:
    if order.purpose == Purpose.ENTRY:
        position_claim(position=position, order=order)
    _fill_order(order, fill, position)


def _answer_late(order: Order, row: Fill, fill: EngineFill, position: Position) -> None:
    """A deal that was recorded before anybody knew whose it was; the answer names its order."""
    nameless = Fill.objects.filter(pk=row.pk, order__isnull=True)
    if fill.opens == (order.purpose == Purpose.ENTRY) and nameless.update(order=order):
        _answer(order, fill, position)
        message = f"Recorded already as deal {fill.deal_id}: {order}"
        order_tell(order=order, kind="order.resolved", severity=Severity.INFO, message=message)


def _as_seen(fill: EngineFill) -> PositionState:
    """The position behind a fill, for one we do not know of yet."""
    return PositionState(
        id=fill.position_id,
        symbol=fill.symbol,
        side=fill.side,
        lots=fill.lots,
        entry_price=fill.price,
        opened_at=fill.at,
        magic=fill.magic,
        client_id=fill.client_id,
        by_hand=fill.by_hand,
    )


def _order_of(account: Account, fill: EngineFill) -> Order | None:
    """The entry of its client id, or the close whose answer came before its deal."""
    orders = Order.objects.select_related("account", "symbol", "deployment").filter(account=account)
    if fill.opens:
        return orders.filter(client_id=fill.client_id).first() if fill.client_id else None
    if fill.reason not in (None, ExitReason.SIGNAL):
        return None
    answered = orders.filter(
        purpose=Purpose.CLOSE,
        position_id=fill.position_id,
        status=OrderStatus.FILLED,
        filled_lots=0,
    )
    return answered.exclude(broker_order_id="").order_by("-id").first()


def _book(position: Position, fill: EngineFill) -> None:
    """What a new fill makes of its position; the fills on record say what is open."""
    deals = list(position.fills.values_list("opens", "lots", "profit", "swap"))
    opened = sum((lots for opens, lots, *_ in deals if opens), Decimal(0))
    closed = sum((lots for opens, lots, *_ in deals if not opens), Decimal(0))
    position.commission += fill.commission
    if fill.opens:
        position.lots = max(position.lots, opened - closed)
    else:
        position.profit = sum((profit for opens, _, profit, _ in deals if not opens), Decimal(0))
        position.swap = sum((swap for opens, *_, swap in deals if not opens), Decimal(0))
        open_now = opened - closed if opened else position.lots - fill.lots
        if open_now > 0:
            position.lots = open_now
        else:
            position.closed_at = fill.at
            position.exit_price = fill.price
            position.exit_reason = fill.reason.value if fill.reason else ""
    position.missing_since = None
    names = ("lots", "closed_at", "exit_price", "exit_reason", "profit", "commission", "swap")
    position.save(update_fields=[*names, "missing_since"])


def _fill_order(order: Order, fill: EngineFill, position: Position) -> None:
    """One more deal of an order; all on record say what it is filled with."""
    deals = list(order.fills.values_list("lots", "price"))
    filled = sum((lots for lots, _ in deals), Decimal(0))
    paid = sum((lots * price for lots, price in deals), Decimal(0))
    gone = order.purpose == Purpose.CLOSE and position.closed_at is not None
    _move_filled(order, fill, _position_id(order, fill), filled, paid / filled, gone)


def _move_filled(
    order: Order, fill: EngineFill, position_id: str, filled: Decimal, price: Decimal, gone: bool
) -> None:
    """PARTIAL or FILLED, or LATE_FILLED where we had concluded that nothing was executed."""
    evidence = {"deal": fill.deal_id, "position": fill.position_id, "lots": str(fill.lots)}
    columns = {
        "position_id": position_id,
        "filled_lots": min(filled, order.lots),
        "filled_price": price.quantize(Decimal("1E-9")),
        "verify_stage": 0,
        "finished_at": now(),
    }
    if filled > order.lots:
        message = f"Filled {filled:f} lots, more than was ordered: {order}"
        order_tell(
            order=order, kind="order.overfilled", severity=Severity.CRITICAL, message=message
        )
    cause = Cause("deal", evidence)
    target = OrderStatus.FILLED if gone or filled >= order.lots else OrderStatus.PARTIAL
    if order_move(order=order, to=target, cause=cause, **columns):
        return
    if order_move(order=order, to=OrderStatus.LATE_FILLED, cause=cause, **columns):
        message = f"Executed although it was taken for dead: {order}"
        order_tell(
            order=order, kind="order.late_filled", severity=Severity.CRITICAL, message=message
        )
        return
    Order.objects.filter(pk=order.pk).update(**columns)  # one more part of what is over


def _position_id(order: Order, fill: EngineFill) -> str:
    """Empty where another entry has the position already: on a netting account two may meet."""
    others = Order.objects.filter(
        account=order.account_id, purpose=Purpose.ENTRY, position_id=fill.position_id
    ).exclude(pk=order.pk)
    if order.purpose == Purpose.CLOSE or not others.exists():
        return fill.position_id
    message = f"Executed into the position of another order, {fill.position_id}: {order}"
    order_tell(
        order=order, kind="order.shares_position", severity=Severity.CRITICAL, message=message
    )
    return ""


def _tell(account: Account, position: Position, fill: Fill) -> None:
    symbol = position.symbol
    price, lots = f"{fill.price:.{symbol.digits}f}", f"{Decimal(fill.lots).normalize():f}"
    what = f"{position.get_side_display()} {lots} {symbol.name}"
    if fill.opens:
        kind, message = "order.filled", f"Opened {what} at {price}"
    else:
        net = fill.profit + fill.swap - (position.commission if position.closed_at else Decimal(0))
        kind = "position.closed" if position.closed_at else "position.reduced"
        verb = "Closed" if position.closed_at else "Reduced"
        message = f"{verb} {what} at {price} ({fill.reason}): {net:+.2f} {account.currency}"
    event_append(
        happening=Happening(
            kind=kind,
            message=message,
            account=account,
            deployment=position.deployment,
            payload={
                "fill": fill.pk,
                "order": fill.order_id,
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

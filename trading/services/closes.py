"""Closes that a person asks for: written down at once, sent by a worker or by the gateway."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django_q.tasks import async_task

from trading.engine import money
from trading.engine.orders import OPEN, OrderStatus
from trading.models import Order, Origin, Position, Purpose, Severity
from trading.services.orders import close_request, order_tell
from trading.services.transitions import Cause

SEND_TASK = "trading.tasks.send_order"
ON_ITS_WAY = frozenset({OrderStatus.APPROVED, OrderStatus.SENDING})


class CloseRefused(Exception):
    """The position cannot be closed like that now; the message says why."""


@transaction.atomic
def position_close(*, position: Position, actor: AbstractUser, half: bool = False) -> Order:
    """Ask for the close of a position, or of half of it in whole steps of volume, rounded down.

    Raises PermissionDenied without `trading.close_position`, CloseRefused when it is closed, when a
    close of it is on its way already (for a half also one in doubt, which may turn out to have been
    executed), or when half of it is less than the broker trades.
    """
    if not actor.has_perm("trading.close_position"):
        raise PermissionDenied(f"{actor} may not close a position")
    rows = Position.objects.select_for_update(of=("self",))
    row = rows.select_related("account", "symbol", "deployment").get(pk=position.pk)
    _check(row, OPEN if half else ON_ITS_WAY)
    who = actor.get_username()
    order = close_request(
        position=row,
        origin=Origin.PERSON,
        cause=Cause("person", {"half": half}, actor=who),
        remaining=row.lots - _half(row) if half else Decimal(0),
    )
    message = f"Asked for by {who}: {order}"
    order_tell(order=order, kind="order.requested", severity=Severity.INFO, message=message)
    order_enqueue(order=order)
    return order


def close_under_way(*, position: Position, statuses: frozenset[OrderStatus]) -> Order | None:
    """A close of the position that is in one of the statuses."""
    closes = Order.objects.filter(
        account=position.account_id, position_id=position.broker_id, purpose=Purpose.CLOSE
    )
    return closes.filter(status__in=sorted(statuses)).first()


def order_enqueue(*, order: Order) -> None:
    """Hint a worker; losing or doubling the hint does no harm."""
    async_task(SEND_TASK, order.pk, save=False)


def _check(position: Position, blocking: frozenset[OrderStatus]) -> None:
    if position.closed_at is not None:
        raise CloseRefused(f"Expected an open position, was closed: {position}")
    under_way = close_under_way(position=position, statuses=blocking)
    if under_way is not None:
        raise CloseRefused(f"A close is on its way already, {under_way.status}: {position}")


def _half(position: Position) -> Decimal:
    """Half of its lots in whole steps; CloseRefused when that is below the smallest volume."""
    symbol = position.symbol
    lots = money.whole_steps(position.lots / 2, symbol.volume_step) * symbol.volume_step
    if lots < symbol.volume_min:
        least = f"{symbol.volume_min.normalize():f}"
        found = f"{lots.normalize():f}"
        raise CloseRefused(f"Expected half to be at least {least} lots, was {found}: {position}")
    return lots

"""Moving orders: only legal moves, each once, each with its cause on record."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db import transaction

from trading.engine.orders import OrderStatus, sources
from trading.models import Order, OrderTransition


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an order moves; `evidence` is what was seen, `actor` a process or a person.

    `epoch` is that of the lease it is done under; without one it is that of the order.
    """

    name: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    actor: str = ""
    epoch: int | None = None


def order_move(*, order: Order, to: OrderStatus, cause: Cause, **columns: object) -> bool:
    """Move the row and append the transition; False when that is not legal from where the
    row is now, because somebody else has moved it.

    `columns` are further columns of the order that change with the move; `order` follows.
    """
    columns["status"] = to.value
    with transaction.atomic(savepoint=False):
        source = _leave(order, to, columns)
        if source is None:
            return False
        transition_append(order=order, source=source, to=to, cause=cause)
    for name, value in columns.items():
        setattr(order, name, value)
    return True


def transition_append(
    *, order: Order, source: OrderStatus, to: OrderStatus, cause: Cause
) -> OrderTransition:
    """Note a move that the caller makes in the same transaction."""
    return OrderTransition.objects.create(
        order=order,
        source=source.value,
        target=to.value,
        cause=cause.name[:40],
        evidence=dict(cause.evidence),
        actor=(cause.actor or process_name())[:80],
        epoch=order.epoch if cause.epoch is None else cause.epoch,
        build=settings.BUILD,
    )


def _leave(order: Order, to: OrderStatus, columns: Mapping[str, object]) -> OrderStatus | None:
    """Change the row; where it was before, or None when there is no legal move from there.

    It is mostly where `order` says, which spares reading it first.
    """
    rows, legal, believed = Order.objects.filter(pk=order.pk), sources(to), order.status
    if believed in legal and rows.filter(status=believed).update(**columns):
        return OrderStatus(believed)
    status = OrderStatus(rows.select_for_update().values_list("status", flat=True).get())
    if status not in legal:
        return None
    rows.update(**columns)
    return status


@cache
def _command() -> str:
    return sys.argv[1] if len(sys.argv) > 1 else Path(sys.argv[0]).name


def process_name() -> str:
    """This process in an audit: command, host and process id."""
    return f"{_command()}@{platform.node()}:{os.getpid()}"

"""Orders whose outcome is unknown, settled by what the broker shows."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.timezone import now

from trading.engine.orders import OrderStatus
from trading.engine.types import AccountState, PositionState
from trading.models import Account, Order, Purpose, Severity
from trading.services.accounts import position_find
from trading.services.events import Happening, event_append
from trading.services.transitions import Cause, order_move

LEAST_AGE = timedelta(seconds=5)
"""Nothing is concluded while the answer may still be on its way."""
HORIZON = timedelta(seconds=180)
"""An entry that no complete read has shown for this long was not executed."""


def doubts_resolve(*, account: Account, state: AccountState) -> int:
    """Settle UNKNOWN orders with a complete and fresh `state` of the broker; returns how many.

    An entry is FILLED when a position carries its client id, NOT_EXECUTED when none has for the
    horizon. A close is FILLED when its position is gone, NOT_EXECUTED when it is still there; it
    may be asked for again. Late evidence still turns either into LATE_FILLED.
    """
    doubtful = Order.objects.filter(
        account=account, status=OrderStatus.UNKNOWN, sent_at__lt=now() - LEAST_AGE
    ).select_related("account", "symbol", "deployment")
    return sum(_settle(order, state) for order in doubtful)


@transaction.atomic
def _settle(order: Order, state: AccountState) -> bool:
    if order.purpose == Purpose.CLOSE:
        seen = next((p for p in state.positions if p.id == order.position_id), None)
        return _filled(order, None) if seen is None else _not_executed(order, "position is open")
    seen = next((p for p in state.positions if p.client_id == order.client_id), None)
    if seen is not None:
        return _filled(order, seen)
    if order.sent_at is None or order.sent_at > now() - HORIZON:
        return False
    return _not_executed(order, f"no position for {HORIZON}")


def _filled(order: Order, seen: PositionState | None) -> bool:
    columns: dict[str, object] = {"finished_at": now()}
    evidence: dict[str, object] = {"position": order.position_id, "shown": seen is not None}
    if seen is not None:
        position = position_find(account=order.account, seen=seen)
        evidence["position"] = position.broker_id
        columns |= {
            "position_id": seen.id,
            "filled_lots": seen.lots,
            "filled_price": seen.entry_price,
        }
    cause = Cause("reconcile", evidence)
    return _move(order, OrderStatus.FILLED, cause, columns)


def _not_executed(order: Order, why: str) -> bool:
    cause = Cause("reconcile", {"absent": why})
    return _move(order, OrderStatus.NOT_EXECUTED, cause, {"finished_at": now()})


def _move(order: Order, to: OrderStatus, cause: Cause, columns: dict[str, object]) -> bool:
    moved = order_move(order=order, to=to, cause=cause, **columns)
    if moved:
        event_append(
            happening=Happening(
                kind="order.resolved",
                message=f"{order}: unknown outcome settled as {to.value.lower()}",
                severity=Severity.WARNING,
                account=order.account,
                deployment=order.deployment,
                payload={"order": order.pk, "status": to.value, **cause.evidence},
            )
        )
    return moved

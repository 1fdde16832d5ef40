"""Applying what reconciliation found, one repair at a time, each whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils.timezone import now

from trading.brokers.base import Broker, BrokerError
from trading.engine import repairs
from trading.engine.orders import OrderStatus
from trading.models import Account, Order, Position, PositionOrigin, Severity
from trading.services.accounts import account_halt
from trading.services.clock import Moment
from trading.services.fills import fills_record
from trading.services.leases import Grip, lease_check
from trading.services.orders import is_ours, order_tell
from trading.services.positions import (
    position_change,
    position_claim,
    position_find,
    position_miss,
    position_return,
    position_vanish,
)
from trading.services.transitions import Cause, order_move

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a repair is made with; `moment` and `broker_time` are of the reading it rests on."""

    account: Account
    broker: Broker
    grip: Grip
    moment: Moment
    broker_time: datetime


def repair_apply(*, bench: Bench, repair: repairs.Repair) -> None:
    """Apply one repair if the account is still ours; raises LeaseLost when it is not.

    What has changed since the reading wins: a move that is not legal any more is left out.
    """
    if isinstance(repair, repairs.Withdraw):
        _withdraw(bench, repair)  # asks the broker, so outside of any transaction
        return
    with transaction.atomic():
        lease_check(grip=bench.grip)
        APPLY[type(repair)](bench, repair)


def _expire(bench: Bench, repair: repairs.Expire) -> None:
    order = _order(repair.order_id)
    columns = {"code": "SIGNAL_TOO_OLD", "message": "Not sent in time", "finished_at": now()}
    if order_move(order=order, to=OrderStatus.EXPIRED, cause=_cause(bench), **columns):
        _tell(order, "order.denied", Severity.WARNING, f"Not sent in time: {order}")


def _doubt(bench: Bench, repair: repairs.Doubt) -> None:
    order = _order(repair.order_id)
    columns = {"code": "INTERRUPTED", "message": "The sender died", "finished_at": now()}
    cause = _cause(bench, sent_at=str(order.sent_at))
    if order_move(order=order, to=OrderStatus.UNKNOWN, cause=cause, **columns):
        _tell(order, "order.unknown", Severity.ERROR, f"Its sender died: {order}")


def _record(bench: Bench, repair: repairs.Record) -> None:
    fills_record(account=bench.account, fills=repair.deals)


def _bind(bench: Bench, repair: repairs.Bind) -> None:
    order, seen = _order(repair.order_id), repair.position
    position = position_find(account=bench.account, seen=seen)
    columns = {
        "position_id": seen.id,
        "filled_lots": min(seen.lots, order.lots),
        "filled_price": seen.entry_price,
        "verify_stage": 0,
        "absent_tick": None,
        "finished_at": now(),
    }
    cause = _cause(bench, position=seen.id, probable=repair.is_probable)
    target = OrderStatus.FILLED if seen.lots >= order.lots else OrderStatus.PARTIAL
    late = not order_move(order=order, to=target, cause=cause, **columns)
    if late and not order_move(order=order, to=OrderStatus.LATE_FILLED, cause=cause, **columns):
        return
    position_claim(position=position, order=order)
    if late:
        message = f"Executed although it was taken for dead: {order}"
        _tell(order, "order.late_filled", Severity.CRITICAL, message)
    elif repair.is_probable:
        message = f"Taken for the position {seen.id}, which does not name it: {order}"
        _tell(order, "order.matched", Severity.CRITICAL, message)
    else:
        _tell(order, "order.resolved", Severity.WARNING, f"Found as position {seen.id}: {order}")


def _rest(bench: Bench, repair: repairs.Rest) -> None:
    order, resting = _order(repair.order_id), repair.resting
    columns = {"broker_order_id": resting.id, "absent_tick": None}
    cause = _cause(bench, resting=resting.id)
    if order_move(order=order, to=OrderStatus.ACCEPTED, cause=cause, **columns):
        _tell(order, "order.resolved", Severity.WARNING, f"Found resting: {order}")


def _withdraw(bench: Bench, repair: repairs.Withdraw) -> None:
    order = _order(repair.order_id)
    try:
        cancelled = bench.broker.cancel(repair.client_id)
    except BrokerError as e:
        log.warning("withdrawal failed", order=order.pk, error=str(e))
        return
    if cancelled:
        message = f"Taken back, for it rested although it is {order.status}: {order}"
        with transaction.atomic():
            _tell(order, "order.withdrawn", Severity.ERROR, message)


def _absent(bench: Bench, repair: repairs.Absent) -> None:
    rows = Order.objects.filter(pk=repair.order_id, absent_tick__isnull=True)
    rows.update(absent_tick=bench.moment.tick)


def _present(bench: Bench, repair: repairs.Present) -> None:
    Order.objects.filter(pk=repair.order_id).update(absent_tick=None)


def _conclude(bench: Bench, repair: repairs.Conclude) -> None:
    order = _order(repair.order_id)
    columns = {"finished_at": now(), "message": repair.why[:300]}
    cause = _cause(bench, why=repair.why)
    if order_move(order=order, to=repair.status, cause=cause, **columns):
        message = f"{order}: settled as {repair.status.lower()}, {repair.why}"
        kind = "order.expired" if repair.status is OrderStatus.BROKER_EXPIRED else "order.resolved"
        _tell(order, kind, Severity.WARNING, message)


def _verified(bench: Bench, repair: repairs.Verified) -> None:
    rows = Order.objects.filter(pk=repair.order_id, status=OrderStatus.REJECTED)
    rows.update(verify_stage=repair.stage)


def _found(bench: Bench, repair: repairs.Found) -> None:
    seen = repair.position
    position = position_find(account=bench.account, seen=seen)
    unknown = position.origin == PositionOrigin.ORPHAN and is_ours(seen.client_id, bench.account)
    if unknown:
        reason = f"Position {seen.id} is of an order this database does not know: restored?"
        account_halt(account=bench.account, reason=reason)


def _changed(bench: Bench, repair: repairs.Changed) -> None:
    position_change(position=_position(repair.position_id), seen=repair.seen)


def _missing(bench: Bench, repair: repairs.Missing) -> None:
    position_miss(position=_position(repair.position_id))


def _vanished(bench: Bench, repair: repairs.Vanished) -> None:
    position_vanish(position=_position(repair.position_id), at=bench.broker_time)


def _returned(bench: Bench, repair: repairs.Returned) -> None:
    position_return(position=_position(repair.position_id))


APPLY: Mapping[type, Callable[[Bench, Any], None]] = {
    repairs.Expire: _expire,
    repairs.Doubt: _doubt,
    repairs.Record: _record,
    repairs.Bind: _bind,
    repairs.Rest: _rest,
    repairs.Absent: _absent,
    repairs.Present: _present,
    repairs.Conclude: _conclude,
    repairs.Verified: _verified,
    repairs.Found: _found,
    repairs.Changed: _changed,
    repairs.Missing: _missing,
    repairs.Vanished: _vanished,
    repairs.Returned: _returned,
}


def _order(order_id: int) -> Order:
    related = ("account", "symbol", "deployment")
    return Order.objects.select_related(*related).get(pk=order_id)


def _position(position_id: int) -> Position:
    related = ("account", "symbol", "deployment")
    return Position.objects.select_related(*related).get(pk=position_id)


def _cause(bench: Bench, **evidence: object) -> Cause:
    evidence["read_at"] = str(bench.broker_time)
    return Cause("reconcile", evidence, epoch=bench.grip.epoch)


def _tell(order: Order, kind: str, severity: Severity, message: str) -> None:
    order_tell(order=order, kind=kind, severity=severity, message=message)

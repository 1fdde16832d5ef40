"""Sending orders: once through the gate, and the outcome recorded whatever it is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from time import monotonic

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from trading.brokers.base import (
    Broker,
    BrokerError,
    EntryRequest,
    NotSent,
    Receipt,
    Rejected,
    UnknownOutcome,
)
from trading.crashpoints import crash_point
from trading.engine.orders import OrderStatus
from trading.engine.types import OrderKind
from trading.models import Account, Deployment, Order, Origin, Purpose, Severity
from trading.selectors.kills import kill_over
from trading.services.brokers import broker_for
from trading.services.fills import fills_record
from trading.services.gate import gate_pass
from trading.services.orders import order_tell
from trading.services.transitions import Cause, order_move

REJECTS = 3
REJECTS_WITHIN = timedelta(minutes=10)
"""So many rejected entries of a deployment pause it."""
NUDGE_AFTER = timedelta(seconds=2)
"""An order of a person that no worker has sent within this is sent by the gateway."""
log = structlog.get_logger(__name__)


def order_send(*, order: Order, broker: Broker) -> Order:
    """Move the order through the gate, send it once, record what came back.

    Must not run inside a transaction: SENDING is committed before the broker is called. Whatever
    is not proved to be a refusal leaves the order UNKNOWN.
    """
    began = monotonic()
    if gate_pass(order=order) is not None:
        return order
    crash_point("c2-sending-committed")
    try:
        _look_back(order, began)
        receipt = _ask(order, broker)
    except NotSent as e:
        _refuse(order, OrderStatus.REJECTED, e, e.code, verify=0)
    except Rejected as e:
        _reject(order, e)
    except UnknownOutcome as e:
        _refuse(order, OrderStatus.UNKNOWN, e, e.code)
    except Exception as e:
        log.exception("broker call failed", order=order.pk)
        _refuse(order, OrderStatus.UNKNOWN, e, "")
    else:
        crash_point("c5-reply-read")
        _accept(order, receipt)
    crash_point("c6-result-committed")
    return order


def order_dispatch(*, order_id: int) -> None:
    """Send an approved order with a broker of its account; harmless to call twice or too late.

    Raises EngineError where there is no broker for the account: the order ends when it is too old.
    """
    related = ("account", "symbol", "deployment")
    order = Order.objects.select_related(*related).get(pk=order_id)
    if order.status == OrderStatus.APPROVED:
        order_send(order=order, broker=broker_for(account=order.account))


def orders_nudge(*, account: Account, broker: Broker) -> int:
    """Send what a person asked for and no worker has sent; how many that were.

    Call it at every reading: nothing that protects money waits for the queue alone.
    """
    since = now() - timedelta(hours=1)  # older ones are settled; bounds the look into the index
    waiting = Order.objects.filter(
        account=account,
        created_at__gt=since,
        created_at__lt=now() - NUDGE_AFTER,
        status=OrderStatus.APPROVED,
        origin=Origin.PERSON,
    )
    orders = list(waiting.select_related("account", "symbol", "deployment").order_by("id"))
    for order in orders:
        order_send(order=order, broker=broker)
    return len(orders)


def order_cancel(*, order: Order, broker: Broker) -> bool:
    """Take a resting order back; False when it was not resting (any more).

    A cancel that fails, or finds nothing, leaves the order CANCEL_PENDING: it may have been filled,
    and a fill still completes it; otherwise reconciliation concludes.
    """
    if not order_move(order=order, to=OrderStatus.CANCEL_PENDING, cause=Cause("cancel")):
        return False
    try:
        cancelled = broker.cancel(order.client_id)
    except BrokerError as e:
        log.warning("cancel failed", order=order.pk, error=str(e))
        return True
    if cancelled:
        cause = Cause("broker", {"cancelled": order.client_id})
        with transaction.atomic():
            if order_move(order=order, to=OrderStatus.CANCELLED, cause=cause, finished_at=now()):
                order_tell(
                    order=order,
                    kind="order.cancelled",
                    severity=Severity.INFO,
                    message=f"Taken back: {order}",
                )
    return True


def _look_back(order: Order, began: float) -> None:
    """The last look before the write: what the gate allowed may be forbidden by now.

    A process that was stopped behind the gate must not send what may be concluded already, and a
    kill switch shall catch whoever passed the gate just before it.
    """
    if order.purpose == Purpose.ENTRY:
        switch = kill_over(order=order)
        if switch is not None:
            raise NotSent(f"{switch} pulled by {switch.pulled_by}: {switch.reason}", "KILL_SWITCH")
    late = monotonic() - began
    if late > settings.TIMING.call_deadline:
        expected = f"Expected to write within {settings.TIMING.call_deadline:g} s"
        raise NotSent(f"{expected} of entering the gate, was {late:.1f} s", "DEADLINE")
    crash_point("c3-before-write")


def _ask(order: Order, broker: Broker) -> Receipt:
    if order.is_partial_close:
        return _ask_for_part(order, broker)
    if order.purpose == Purpose.CLOSE:
        return broker.close(order.position_id)
    return broker.submit(_entry_request(order))


def _ask_for_part(order: Order, broker: Broker) -> Receipt:
    """Close down to what shall be left of what is open now: it may be less than was known."""
    try:
        positions = broker.account().positions
    except BrokerError as e:
        raise NotSent(f"The position could not be read: {e}", "POSITION_UNREAD") from e
    seen = next((p for p in positions if p.id == order.position_id), None)
    too_many = min(seen.lots - order.remaining_lots, order.lots) if seen else Decimal(0)
    if too_many <= 0:
        return Receipt("", order.position_id)
    return broker.close(order.position_id, too_many.normalize())


def _entry_request(order: Order) -> EntryRequest:
    assert order.deployment_id is not None
    return EntryRequest(
        client_id=order.client_id,
        symbol=order.symbol.name,
        side=order.side,
        lots=order.lots.normalize(),
        kind=OrderKind(order.kind),
        price=order.price,
        stop=order.stop,
        take=order.take,
        magic=order.deployment_id,
        expires_at=order.expires_at,
    )


def _accept(order: Order, receipt: Receipt) -> None:
    with transaction.atomic():
        if receipt.fills:
            fills_record(account=order.account, fills=receipt.fills, answered=order)
        elif order.purpose == Purpose.ENTRY:
            _rest(order, receipt)
        else:
            _close_without_deal(order, receipt)


def _close_without_deal(order: Order, receipt: Receipt) -> None:
    """Gone already, or executed by the broker's word while its deal is still to come."""
    gone = not receipt.order_id
    columns = {
        "code": "ALREADY_CLOSED" if gone else "",
        "message": "Gone already" if gone else "Executed, its deal follows",
        "broker_order_id": receipt.order_id,
        "finished_at": now(),
    }
    cause = Cause("broker", {"fills": 0, "order_id": receipt.order_id})
    if order_move(order=order, to=OrderStatus.FILLED, cause=cause, **columns):
        message = f"{order}: {columns['message']}"
        order_tell(order=order, kind="order.filled", severity=Severity.INFO, message=message)


def _rest(order: Order, receipt: Receipt) -> None:
    cause = Cause("broker", {"order_id": receipt.order_id})
    accepted = order_move(
        order=order,
        to=OrderStatus.ACCEPTED,
        cause=cause,
        broker_order_id=receipt.order_id,
    )
    if accepted:
        message = f"Accepted: {order}"
        order_tell(order=order, kind="order.accepted", severity=Severity.INFO, message=message)


def _reject(order: Order, error: Rejected) -> None:
    """A refusal is believed once the broker was read again; too many pause the deployment."""
    verify = 2 if order.purpose == Purpose.ENTRY else 0
    _refuse(order, OrderStatus.REJECTED, error, error.code, verify=verify)
    if order.purpose == Purpose.ENTRY and order.deployment is not None:
        _pause_after_rejects(order.deployment)


def _pause_after_rejects(deployment: Deployment) -> None:
    lately = Order.objects.filter(
        deployment=deployment,
        purpose=Purpose.ENTRY,
        status=OrderStatus.REJECTED,
        finished_at__gt=now() - REJECTS_WITHIN,
    )
    if lately.count() < REJECTS:
        return
    with transaction.atomic():
        running = Deployment.objects.filter(pk=deployment.pk, state=Deployment.State.RUNNING)
        if running.update(state=Deployment.State.PAUSED):
            last = lately.latest("finished_at")
            message = f"{deployment} paused: {REJECTS} entries rejected in 10 minutes"
            order_tell(
                order=last,
                kind="deployment.paused",
                severity=Severity.ERROR,
                message=message,
            )


def _refuse(order: Order, to: OrderStatus, error: Exception, code: str, *, verify: int = 0) -> None:
    """A refusal or a doubt, with its event in the same transaction."""
    kind = type(error).__name__
    cause = Cause("broker", {"error": kind, "code": code, "message": str(error)[:300]})
    columns = {
        "code": (code or kind)[:40],
        "message": str(error)[:300],
        "verify_stage": verify,
        "finished_at": now(),
    }
    with transaction.atomic():
        if order_move(order=order, to=to, cause=cause, **columns):
            severity = Severity.ERROR if to is OrderStatus.UNKNOWN else Severity.WARNING
            message = f"{order}: {order.code} {order.message}"
            order_tell(order=order, kind=f"order.{to.lower()}", severity=severity, message=message)

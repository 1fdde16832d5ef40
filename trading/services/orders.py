"""Orders: written first, sent once, and their outcome recorded whatever it is."""

from __future__ import annotations

import secrets
from datetime import datetime
from decimal import Decimal

import structlog
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
from trading.engine.orders import IN_DOUBT, OrderStatus
from trading.engine.types import OrderIntent, OrderKind
from trading.models import (
    Account,
    Deployment,
    KillSwitch,
    Order,
    Position,
    Purpose,
    Severity,
    StrategyRun,
)
from trading.selectors.kills import kills_on
from trading.services.events import Happening, event_append
from trading.services.fills import fills_record
from trading.services.transitions import Cause, order_move

log = structlog.get_logger(__name__)


def entry_create(*, run: StrategyRun, intent: OrderIntent, expires_at: datetime | None) -> Order:
    """The order of a decision; asking twice for the same bar gives the same one."""
    return _create(
        run,
        f"{run.deployment_id}:entry",
        purpose=Purpose.ENTRY,
        kind=intent.kind.value,
        side=intent.side,
        lots=intent.lots,
        price=intent.price,
        stop=intent.stop,
        take=intent.take,
        expires_at=None if intent.kind is OrderKind.MARKET else expires_at,
    )


def close_create(*, run: StrategyRun, position: Position) -> Order:
    """The order that closes `position` for a decision; the same one however often it is asked."""
    return _create(
        run,
        f"{position.broker_id}:close",
        purpose=Purpose.CLOSE,
        side=position.side,
        lots=position.lots,
        position_id=position.broker_id,
    )


def _create(run: StrategyRun, leg: str, **columns: object) -> Order:
    """One order for each account, bar and leg, whoever asks and however often."""
    deployment = run.deployment
    given = {
        "account": deployment.account,
        "deployment": deployment,
        "run": run,
        "symbol": deployment.symbol,
        "client_id": client_id_new(deployment=deployment),
    }
    key = f"{deployment.account_id}:{run.bar_open:%Y%m%dT%H%M%S}:{leg}"
    with transaction.atomic():
        order, created = Order.objects.get_or_create(
            decision_key=key, defaults={**given, **columns}
        )
        if created:
            order_move(
                order=order, to=OrderStatus.APPROVED, cause=Cause("decision", {"run": run.pk})
            )
    return order


def kill_close_create(*, position: Position, switch: KillSwitch) -> Order:
    """A close that a kill switch asks for; every attempt is an order of its own."""
    attempts = Order.objects.filter(account=position.account, position_id=position.broker_id)
    with transaction.atomic():
        order = Order.objects.create(
            account=position.account,
            deployment=position.deployment,
            symbol=position.symbol,
            decision_key=f"{position.account_id}:{position.broker_id}:kill{switch.pk}:"
            f"{attempts.count() + 1}",
            client_id=client_id_new(deployment=position.deployment),
            purpose=Purpose.CLOSE,
            side=position.side,
            lots=position.lots,
            position_id=position.broker_id,
        )
        cause = Cause("kill switch", {"switch": switch.pk})
        order_move(order=order, to=OrderStatus.APPROVED, cause=cause)
    return order


def client_id_new(*, deployment: Deployment | None) -> str:
    """An id for the broker: random, so that a restored backup cannot use one again."""
    number = deployment.pk % 10**6 if deployment is not None else 0
    return f"{number:06d}_{secrets.token_hex(8)}"


def order_send(*, order: Order, broker: Broker) -> Order:
    """Move the order through the gate, send it once, record what came back.

    Must not run inside a transaction: SENDING is committed before the broker is called. Whatever
    is not proved to be a refusal leaves the order UNKNOWN.
    """
    if not _pass_gate(order):
        order.refresh_from_db()
        return order
    try:
        receipt = _ask(order, broker)
    except (NotSent, Rejected) as e:
        _refuse(order, OrderStatus.REJECTED, e, e.code)
    except UnknownOutcome as e:
        _refuse(order, OrderStatus.UNKNOWN, e, e.code)
    except Exception as e:
        log.exception("broker call failed", order=order.pk)
        _refuse(order, OrderStatus.UNKNOWN, e, "")
    else:
        _accept(order, receipt)
    return order


def order_cancel(*, order: Order, broker: Broker) -> bool:
    """Take a resting order back; False when it was not resting (any more).

    A cancel that fails, or finds nothing, leaves the order CANCEL_PENDING: it may have been filled,
    and a fill still completes it.
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
            order_move(order=order, to=OrderStatus.CANCELLED, cause=cause, finished_at=now())
            _tell(order, "order.cancelled", Severity.INFO, f"Taken back: {order}")
    return True


def orders_expire(*, account: Account, market_time: datetime) -> int:
    """Resting orders whose life on the market's clock is over; returns how many."""
    due = Order.objects.filter(
        account=account,
        status__in=[OrderStatus.ACCEPTED, OrderStatus.CANCEL_PENDING],
        expires_at__lte=market_time,
    )
    return sum(_expire(order) for order in due)


def orders_doubt(*, account: Account, sent_before: datetime) -> int:
    """Orders that were being sent when their process died: UNKNOWN until evidence is found."""
    stuck = Order.objects.filter(
        account=account, status=OrderStatus.SENDING, sent_at__lt=sent_before
    )
    for order in stuck:
        cause = Cause("sender died", {"sent_at": str(order.sent_at)})
        _finish(order, OrderStatus.UNKNOWN, cause, code="INTERRUPTED", message="The sender died")
    return len(stuck)


def _pass_gate(order: Order) -> bool:
    """APPROVED -> SENDING, once ever, while account and deployment still allow it."""
    with transaction.atomic(durable=True):
        account = Account.objects.select_for_update().get(pk=order.account_id)
        refusal = _gate_refusal(order, account)
        if refusal is None:
            return order_move(
                order=order, to=OrderStatus.SENDING, cause=Cause("gate"), sent_at=now()
            )
        code, message = refusal
        cause = Cause("gate", {"code": code})
        if order_move(order=order, to=OrderStatus.EXPIRED, cause=cause, code=code, message=message):
            _tell(order, "order.denied", Severity.WARNING, message)
    return False


def _gate_refusal(order: Order, account: Account) -> tuple[str, str] | None:
    if order.purpose == Purpose.CLOSE:
        return None
    if account.state != Account.State.ACTIVE:
        return "ACCOUNT_NOT_ACTIVE", f"Account is {account.state}: {account.state_reason}"
    assert order.deployment_id is not None
    switch = kills_on(
        account=account, deployment=order.deployment_id, symbol=order.symbol_id
    ).first()
    if switch is not None:
        return "KILL_SWITCH", f"{switch} pulled by {switch.pulled_by}: {switch.reason}"
    deployment = Deployment.objects.get(pk=order.deployment_id)
    if deployment.state != Deployment.State.RUNNING:
        return "DEPLOYMENT_PAUSED", f"Deployment is {deployment.state}"
    in_flight = Order.objects.filter(
        account=account,
        symbol=order.symbol_id,
        deployment=deployment,
        purpose=Purpose.ENTRY,
        status__in=[s.value for s in IN_DOUBT],
    ).exclude(pk=order.pk)
    doubtful = in_flight.values_list("client_id", "status").first()
    if doubtful is not None:
        return "IN_DOUBT", "Order {} is {}".format(*doubtful)
    return None


def _ask(order: Order, broker: Broker) -> Receipt:
    if order.purpose == Purpose.CLOSE:
        return broker.close(order.position_id)
    return broker.submit(_entry_request(order))


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
        resting = order.purpose == Purpose.ENTRY and not receipt.fills
        if resting:
            cause = Cause("broker", {"order_id": receipt.order_id})
            order_move(
                order=order,
                to=OrderStatus.ACCEPTED,
                cause=cause,
                broker_order_id=receipt.order_id,
            )
            _tell(order, "order.accepted", Severity.INFO, f"Resting: {order}")
            return
        fills_record(account=order.account, fills=receipt.fills, answered=order)
        if order.purpose == Purpose.CLOSE and not receipt.fills:
            cause = Cause("broker", {"fills": 0})
            _finish(order, OrderStatus.FILLED, cause, code="ALREADY_CLOSED", message="Gone already")


def _refuse(order: Order, to: OrderStatus, error: Exception, code: str) -> None:
    kind = type(error).__name__
    cause = Cause("broker", {"error": kind, "code": code, "message": str(error)[:300]})
    _finish(order, to, cause, code=code or kind, message=str(error))


def _finish(order: Order, to: OrderStatus, cause: Cause, *, code: str, message: str) -> None:
    """A refusal or a doubt, with its event in the same transaction."""
    columns = {"code": code[:40], "message": message[:300], "finished_at": now()}
    with transaction.atomic():
        moved = order_move(order=order, to=to, cause=cause, **columns)
        if moved and to is not OrderStatus.FILLED:
            severity = Severity.ERROR if to is OrderStatus.UNKNOWN else Severity.WARNING
            _tell(order, f"order.{to.value.lower()}", severity, f"{order}: {code} {message}")


def _expire(order: Order) -> bool:
    cause = Cause("market clock", {"expires_at": str(order.expires_at)})
    with transaction.atomic():
        expired = order_move(
            order=order, to=OrderStatus.BROKER_EXPIRED, cause=cause, finished_at=now()
        )
        if expired:
            _tell(order, "order.expired", Severity.INFO, f"Not reached in time: {order}")
    return expired


def _tell(order: Order, kind: str, severity: Severity, message: str) -> None:
    payload = {
        "order": order.pk,
        "client_id": order.client_id,
        "symbol": order.symbol.name,
        "side": order.side,
        "lots": f"{Decimal(order.lots).normalize():f}",
        "code": order.code,
    }
    event_append(
        happening=Happening(
            kind=kind,
            message=message,
            severity=severity,
            account=order.account,
            deployment=order.deployment,
            payload=payload,
        )
    )

"""Orders as they are written down, before anything is sent."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from hashlib import blake2b

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from trading.crashpoints import crash_point
from trading.engine.orders import OrderStatus
from trading.engine.types import OrderIntent, OrderKind
from trading.models import (
    Account,
    Deployment,
    Installation,
    KillSwitch,
    Order,
    Origin,
    Position,
    Purpose,
    Severity,
    StrategyRun,
)
from trading.services.events import Happening, event_append
from trading.services.transitions import Cause, transition_append

GOOD_SECONDS = 60
"""A close that no strategy asked for is written anew after this."""
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def entry_create(*, run: StrategyRun, intent: OrderIntent, expires_at: datetime | None) -> Order:
    """The order of a decision; asking twice for the same bar gives the same one."""
    return _decided(
        run,
        f"{run.deployment_id}:entry",
        purpose=Purpose.ENTRY,
        kind=intent.kind.value,
        side=intent.side,
        lots=intent.lots,
        price=intent.price,
        stop=intent.stop,
        take=intent.take,
        trail=intent.trail,
        risk_money=Decimal(intent.numbers.get("money_at_risk", "0")),
        expires_at=None if intent.kind is OrderKind.MARKET else expires_at,
    )


def close_create(*, run: StrategyRun, position: Position) -> Order:
    """The order that closes `position` for a decision; the same one however often it is asked."""
    return _decided(run, f"{position.broker_id}:close", **_closing(position))


def close_request(
    *,
    position: Position,
    origin: Origin,
    cause: Cause,
    remaining: Decimal = Decimal(0),
) -> Order:
    """A close, down to `remaining` lots, that no strategy asked for; each is an order of its own.

    Raises ValueError when `remaining` is not less than what is open, or below 0.
    """
    if not 0 <= remaining < position.lots:
        raise ValueError(f"Expected 0 to below {position.lots} lots to remain, was {remaining}")
    key = f"{position.account_id}:{position.broker_id}:{origin.lower()}:{secrets.token_hex(6)}"
    return _create(
        key,
        cause,
        account=position.account,
        deployment=position.deployment,
        symbol=position.symbol,
        origin=origin,
        good_until=now() + timedelta(seconds=GOOD_SECONDS),
        **_closing(position, remaining),
    )


def kill_close_create(*, position: Position, switch: KillSwitch) -> Order:
    """A close that a kill switch asks for."""
    cause = Cause("kill switch", {"switch": switch.pk})
    return close_request(position=position, origin=Origin.KILL, cause=cause)


def closed_lately(*, position: Position, within: timedelta) -> bool:
    """Whether somebody has asked for a close of it that recently, with whatever outcome."""
    closes = Order.objects.filter(
        account=position.account_id, position_id=position.broker_id, purpose=Purpose.CLOSE
    )
    return closes.filter(created_at__gt=now() - within).exists()


def client_id_new(*, deployment: Deployment | None, decision_key: str) -> str:
    """An id for the broker: SSSS_PPPPPPPP_OOOOOOOO in base 36, 22 characters.

    S is the deployment, P random for every order, O a hash of this installation and the decision:
    nothing is counted, so that a restored backup cannot use an id again.
    """
    digest = blake2b(f"{_installation()}:{decision_key}".encode(), digest_size=8).digest()
    parts = (
        _base36(deployment.pk if deployment is not None else 0, 4),
        _base36(secrets.randbits(41), 8),
        _base36(int.from_bytes(digest, "big"), 8),
    )
    return "_".join(parts)


def order_tell(
    *,
    order: Order,
    kind: str,
    severity: Severity,
    message: str,
    numbers: Mapping[str, str] | None = None,
) -> None:
    """An event about the order, in the caller's transaction; `numbers` are told with it."""
    payload = {
        **(numbers or {}),
        "order": order.pk,
        "client_id": order.client_id,
        "symbol": order.symbol.name,
        "side": order.side,
        "lots": f"{Decimal(order.lots).normalize():f}",
        "status": order.status,
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


def _closing(position: Position, remaining: Decimal = Decimal(0)) -> dict[str, object]:
    return {
        "purpose": Purpose.CLOSE,
        "side": position.side,
        "lots": position.lots - remaining,
        "remaining_lots": remaining,
        "position_id": position.broker_id,
    }


def _decided(run: StrategyRun, leg: str, **columns: object) -> Order:
    """One order for each account, deployment, bar and leg, whoever asks and however often."""
    deployment = run.deployment
    return _create(
        f"{deployment.account_id}:{run.bar_open:%Y%m%dT%H%M%S}:{leg}",
        Cause("decision", {"run": run.pk}),
        account=deployment.account,
        deployment=deployment,
        run=run,
        symbol=deployment.symbol,
        good_until=run.expires_at,
        **columns,
    )


def _create(key: str, cause: Cause, **columns: object) -> Order:
    crash_point("c0-before-intent")
    try:
        order = _approve(key, cause, **columns)
    except IntegrityError:  # hardly ever there already, so it is not looked for first
        written = Order.objects.filter(decision_key=key).first()
        if written is None:
            raise
        order = written
    crash_point("c1-intent-committed")
    return order


@transaction.atomic
def _approve(key: str, cause: Cause, **columns: object) -> Order:
    deployment = columns["deployment"]
    assert deployment is None or isinstance(deployment, Deployment)
    client_id = client_id_new(deployment=deployment, decision_key=key)
    approved = OrderStatus.APPROVED
    order = Order.objects.create(
        decision_key=key, client_id=client_id, status=approved.value, **columns
    )
    transition_append(order=order, source=OrderStatus.PROPOSED, to=approved, cause=cause)
    return order


@cache
def _installation() -> str:
    """The mark of this installation, which stays the same as long as a process lives."""
    return Installation.objects.get_or_create(pk=1)[0].epoch


def _base36(number: int, length: int) -> str:
    """The last `length` digits of the number."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 36)
        digits.append(BASE36[digit])
    return "".join(reversed(digits))


def is_ours(client_id: str, account: Account) -> bool:
    """Whether an id has the form of ours and names a deployment of this account."""
    head, _, rest = client_id.partition("_")
    if len(head) != 4 or len(rest) != 17:
        return False
    numbers = Deployment.objects.filter(account=account).values_list("pk", flat=True)
    return head in {_base36(number, 4) for number in numbers}

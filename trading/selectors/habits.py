"""What was done lately on an account, for the limits that count it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import F, Q
from django.utils.timezone import now

from trading.engine.orders import OrderStatus
from trading.engine.risk import Subject
from trading.engine.risk.facts import Ages
from trading.models import Event, Fill, Order, OrderTransition, Position, Purpose

OWN_ORDERS: Final = 50
"""As many make a habit."""
MOST_LOSSES: Final = 100
"""Nobody counts further."""
MOVES: Final = ("position.stop_moved", "position.protected")
"""Events that tell of a message that changed a position at its broker."""
TOO_MANY: Final = "TOO_MANY_MESSAGES"


def own_lots(*, order: Order) -> tuple[Decimal, ...]:
    """Lots of the last entries that the account sent on the symbol."""
    rows = Order.objects.filter(
        account=order.account_id,
        symbol=order.symbol_id,
        purpose=Purpose.ENTRY,
        sent_at__isnull=False,
    ).exclude(pk=order.pk)
    return tuple(rows.order_by("-id").values_list("lots", flat=True)[:OWN_ORDERS])


def executions(*, order: Order, at: datetime, window: int) -> Ages:
    """Ages of the executed entries of equal strategy, symbol and side, by the market's clock."""
    rows = Order.objects.filter(
        deployment=order.deployment_id,
        symbol=order.symbol_id,
        side=order.side,
        purpose=Purpose.ENTRY,
        filled_lots__gt=0,
        quoted_at__gt=at - timedelta(seconds=window),
    )
    return _ages(at, [when for when in rows.values_list("quoted_at", flat=True) if when])


def slips(*, deployment_id: int, at: datetime, window: int) -> tuple[tuple[Decimal, Decimal], ...]:
    """Age, and ticks paid beyond the price expected, of the fills that opened positions."""
    fills = Fill.objects.filter(
        order__deployment=deployment_id,
        order__expected_price__isnull=False,
        opens=True,
        at__gt=at - timedelta(seconds=window),
    )
    rows = fills.values_list("at", "price", "side", "order__expected_price", "symbol__tick_size")
    return tuple(
        (_age(at, when), (price - expected) * side / tick)
        for when, price, side, expected, tick in rows
        if expected is not None
    )


def messages(*, order: Order, subject: Subject, window: int) -> Ages:
    """Ages of what was sent to brokers: new orders, changes and cancels; by the wall's clock."""
    since = now() - timedelta(seconds=window)
    scope, moved = Q(), Q()
    if subject is Subject.DEPLOYMENT:
        scope, moved = Q(deployment=order.deployment_id), Q(order__deployment=order.deployment_id)
    elif subject is Subject.ACCOUNT:
        scope, moved = Q(account=order.account_id), Q(order__account=order.account_id)
    sent = Order.objects.filter(scope, sent_at__gt=since)
    cancels = OrderTransition.objects.filter(moved, target=OrderStatus.CANCEL_PENDING, at__gt=since)
    changes = Event.objects.filter(scope, kind__in=MOVES, at__gt=since)
    times = [when for when in sent.values_list("sent_at", flat=True) if when]
    times += [*cancels.values_list("at", flat=True), *changes.values_list("at", flat=True)]
    return _ages(now(), times)


def refused_messages(*, order: Order, within: timedelta) -> Ages:
    """Ages of the entries of the deployment that were refused because of too many messages."""
    rows = Order.objects.filter(
        deployment=order.deployment_id, code=TOO_MANY, finished_at__gt=now() - within
    )
    return _ages(now(), [when for when in rows.values_list("finished_at", flat=True) if when])


def losses_in_a_row(*, deployment_id: int, at: datetime) -> tuple[int, Decimal | None]:
    """How many of the last closes of a deployment lost, and the age of the last of them."""
    rows = Position.objects.filter(deployment=deployment_id, closed_at__isnull=False)
    made = F("profit") - F("commission") + F("swap")
    closed = rows.order_by("-closed_at", "-id").values_list("closed_at", made)[:MOST_LOSSES]
    lost: list[datetime] = []
    for when, profit in closed:
        if profit >= 0 or when is None:
            break
        lost.append(when)
    return len(lost), _age(at, lost[0]) if lost else None


def _ages(at: datetime, times: list[datetime]) -> Ages:
    return tuple(_age(at, when) for when in sorted(times))


def _age(at: datetime, when: datetime) -> Decimal:
    """Seconds; what seems to come is now, for clocks differ a little."""
    return max(Decimal(0), Decimal(str((at - when).total_seconds())))

"""Orders whose outcome is open: what an account reserves, and what forbids to send more."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.utils.timezone import now

from trading.engine.orders import IN_DOUBT, RESERVING, OrderStatus
from trading.models import Account, Order, Purpose


class PendingOrder(NamedTuple):
    """An order that the broker may execute still, or whose refusal is not verified."""

    id: int
    client_id: str
    status: str
    purpose: str
    symbol_id: int
    deployment_id: int | None
    position_id: str
    verify_stage: int
    side: int
    lots: Decimal
    quoted_at: datetime | None
    symbol: str
    canonical: str

    @property
    def is_doubtful(self) -> bool:
        """Sent, and no proof either way."""
        return self.status in IN_DOUBT

    @property
    def is_unverified(self) -> bool:
        """Refused by a word that no reading has confirmed yet."""
        return self.status == OrderStatus.REJECTED and self.verify_stage > 0

    @property
    def is_reserving(self) -> bool:
        """An entry that no position shows yet."""
        return self.purpose == Purpose.ENTRY and self.status in RESERVING and self.position_id == ""


_RESERVING = Q(status__in=sorted(RESERVING))
_UNVERIFIED = Q(verify_stage__gt=0)
_RESERVES = Q(purpose=Purpose.ENTRY, status__in=sorted(RESERVING), position_id="")
_COLUMNS = (*PendingOrder._fields[:-2], "symbol__name", "symbol__canonical")
RECENT = timedelta(minutes=1)
"""How far back equal orders are read with those whose outcome is open."""


def orders_pending(*, order: Order) -> list[PendingOrder]:
    """All others of the order's account, and what was wanted just as it lately."""
    own = Q(account=order.account_id)  # in every branch: each has an index of its own
    equal = Q(created_at__gt=now() - RECENT, **_equal(order))
    rows = Order.objects.filter(own & _RESERVING | own & _UNVERIFIED | own & equal)
    return [PendingOrder(*row) for row in rows.values_list(*_COLUMNS) if row[0] != order.pk]


def equal_orders(*, order: Order, since: datetime) -> list[datetime]:
    """When others that want just the same were sent, by the market's clock."""
    rows = Order.objects.filter(quoted_at__gt=since, account=order.account_id, **_equal(order))
    sent = rows.exclude(Q(pk=order.pk) | Q(status=OrderStatus.REJECTED))
    return [at for at in sent.values_list("quoted_at", flat=True) if at is not None]


def equal_among(pending: list[PendingOrder], order: Order) -> list[datetime]:
    """As `equal_orders`, of the last minute, among what has been read."""
    wanted = (order.deployment_id, order.symbol_id, order.side, order.lots)
    return [
        p.quoted_at
        for p in pending
        if p.quoted_at is not None
        and p.purpose == Purpose.ENTRY
        and p.status != OrderStatus.REJECTED
        and (p.deployment_id, p.symbol_id, p.side, p.lots) == wanted
    ]


def _equal(order: Order) -> dict[str, Any]:
    names = ("deployment_id", "symbol_id", "side", "lots", "purpose")
    return {name: getattr(order, name) for name in names}


def reserving() -> QuerySet[Order]:
    """The entries of all accounts that no position shows yet, with their symbols."""
    return Order.objects.filter(_RESERVES).select_related("symbol")


def doubt_about(order: Order, pending: list[PendingOrder]) -> PendingOrder | None:
    """One of `pending` whose unknown outcome forbids to send the order.

    An entry waits for entries of the same account, symbol and deployment, also for a rejection
    until it is verified; on a netting account for closes too, which may come late and hit its
    position. A close that counts volume waits for closes of the same position.
    """
    same = [other for other in pending if other.symbol_id == order.symbol_id]
    return next((other for other in same if _forbids(other, order)), None)


def _forbids(other: PendingOrder, order: Order) -> bool:
    if other.purpose == Purpose.CLOSE:
        netting = order.account.position_mode == Account.PositionMode.NETTING
        concerned = (
            other.position_id == order.position_id if order.purpose == Purpose.CLOSE else netting
        )
        return other.is_doubtful and concerned
    if order.purpose == Purpose.CLOSE or other.deployment_id != order.deployment_id:
        return False
    return other.is_doubtful or other.is_unverified

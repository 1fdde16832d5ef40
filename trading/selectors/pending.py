"""Orders whose outcome is open: what an account reserves, and what forbids to send more."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Q

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
        return (
            self.purpose == Purpose.ENTRY and self.status in RESERVING and self.position_id == ""
        )


_OPEN = Q(status__in=sorted(RESERVING)) | Q(verify_stage__gt=0)


def orders_pending(*, account_id: int, besides: int | None = None) -> list[PendingOrder]:
    """All of an account, one of them left out."""
    rows = Order.objects.filter(_OPEN, account=account_id).values_list(*PendingOrder._fields)
    return [PendingOrder(*row) for row in rows if row[0] != besides]


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

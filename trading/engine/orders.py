"""The states of an order and the moves between them, as data."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class OrderStatus(StrEnum):
    """Where an order is. UNKNOWN means no proof either way."""

    APPROVED = "APPROVED"
    SENDING = "SENDING"
    ACCEPTED = "ACCEPTED"
    FILLED = "FILLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"


TRANSITIONS: Final[Mapping[OrderStatus, frozenset[OrderStatus]]] = {
    OrderStatus.APPROVED: frozenset({OrderStatus.SENDING, OrderStatus.EXPIRED}),
    OrderStatus.SENDING: frozenset(
        {
            OrderStatus.ACCEPTED,
            OrderStatus.FILLED,
            OrderStatus.REJECTED,
            OrderStatus.UNKNOWN,
        }
    ),
    OrderStatus.ACCEPTED: frozenset(
        {OrderStatus.FILLED, OrderStatus.REJECTED, OrderStatus.EXPIRED}
    ),
    OrderStatus.UNKNOWN: frozenset(
        {OrderStatus.ACCEPTED, OrderStatus.FILLED, OrderStatus.REJECTED}
    ),
    OrderStatus.FILLED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
}
"""Every legal move. An order enters SENDING once, ever."""

IN_FLIGHT: Final = frozenset({OrderStatus.APPROVED, OrderStatus.SENDING, OrderStatus.UNKNOWN})
"""States in which an order may still change our exposure without our doing."""


def sources(target: OrderStatus) -> frozenset[OrderStatus]:
    """The states from which `target` may be entered."""
    return frozenset(source for source, targets in TRANSITIONS.items() if target in targets)

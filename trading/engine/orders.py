"""The states of an order and the moves between them, as data.

    PROPOSED --> DENIED*                       refused by a limit
    PROPOSED --> APPROVED --> EXPIRED^         never sent: stale, paused, halted, fenced
    APPROVED --> SENDING                       once, ever
    SENDING  --> ACCEPTED | PARTIAL | FILLED* | REJECTED^ | UNKNOWN
    UNKNOWN  --> ACCEPTED | PARTIAL | FILLED* | REJECTED^ | NOT_EXECUTED^
    ACCEPTED --> PARTIAL | FILLED* | CANCEL_PENDING | CANCELLED^ | BROKER_EXPIRED^
    CANCEL_PENDING --> CANCELLED^ | PARTIAL | FILLED* | BROKER_EXPIRED^
    PARTIAL  --> FILLED* | DONE_PARTIAL*
    every ^  --> LATE_FILLED*                  late evidence, with an alert

`*` is final, `^` final unless late evidence turns up.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final


class OrderStatus(StrEnum):
    """Where an order is. UNKNOWN means no proof either way."""

    PROPOSED = "PROPOSED"
    DENIED = "DENIED"
    APPROVED = "APPROVED"
    EXPIRED = "EXPIRED"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    DONE_PARTIAL = "DONE_PARTIAL"
    REJECTED = "REJECTED"
    NOT_EXECUTED = "NOT_EXECUTED"
    CANCEL_PENDING = "CANCEL_PENDING"
    CANCELLED = "CANCELLED"
    BROKER_EXPIRED = "BROKER_EXPIRED"
    LATE_FILLED = "LATE_FILLED"


_S = OrderStatus
FINAL: Final = frozenset({_S.DENIED, _S.FILLED, _S.DONE_PARTIAL, _S.LATE_FILLED})
"""Nothing follows."""
SOFT_FINAL: Final = frozenset(
    {_S.EXPIRED, _S.REJECTED, _S.NOT_EXECUTED, _S.CANCELLED, _S.BROKER_EXPIRED}
)
"""Over as far as anybody knows; only late evidence follows."""

TRANSITIONS: Final[Mapping[OrderStatus, frozenset[OrderStatus]]] = {
    _S.PROPOSED: frozenset({_S.DENIED, _S.APPROVED}),
    _S.APPROVED: frozenset({_S.SENDING, _S.EXPIRED}),
    _S.SENDING: frozenset({_S.ACCEPTED, _S.PARTIAL, _S.FILLED, _S.REJECTED, _S.UNKNOWN}),
    _S.UNKNOWN: frozenset({_S.ACCEPTED, _S.PARTIAL, _S.FILLED, _S.REJECTED, _S.NOT_EXECUTED}),
    _S.ACCEPTED: frozenset(
        {_S.PARTIAL, _S.FILLED, _S.CANCEL_PENDING, _S.CANCELLED, _S.BROKER_EXPIRED}
    ),
    _S.CANCEL_PENDING: frozenset({_S.CANCELLED, _S.PARTIAL, _S.FILLED, _S.BROKER_EXPIRED}),
    _S.PARTIAL: frozenset({_S.FILLED, _S.DONE_PARTIAL}),
    **{status: frozenset({_S.LATE_FILLED}) for status in SOFT_FINAL},
    **{status: frozenset() for status in FINAL},
}
"""Every legal move."""

IN_DOUBT: Final = frozenset({_S.SENDING, _S.UNKNOWN})
"""The broker may or may not have executed it: its key is locked for entries."""
OPEN: Final = frozenset(_S) - FINAL - SOFT_FINAL
"""Anything may still happen by itself."""
RESERVING: Final = IN_DOUBT | {_S.ACCEPTED, _S.PARTIAL, _S.CANCEL_PENDING}
"""Its risk counts although no position may show it."""


def sources(target: OrderStatus) -> frozenset[OrderStatus]:
    """The states from which `target` may be entered."""
    return frozenset(source for source, targets in TRANSITIONS.items() if target in targets)


def legal_pairs() -> Iterator[tuple[str, str]]:
    """Every legal (from, to), for the database to hold."""
    for source, targets in TRANSITIONS.items():
        for target in sorted(targets):
            yield source.value, target.value

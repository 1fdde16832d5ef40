"""The checker: our record against the venue's ledger, when everything has settled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trading.engine.orders import FINAL, OPEN, SOFT_FINAL, OrderStatus
from trading.models import Account, Event, Order, OrderTransition, Position, Purpose
from trading.selectors.invariants import violations
from trading.services.events import GENESIS, event_hash

EXECUTED = (
    OrderStatus.FILLED,
    OrderStatus.PARTIAL,
    OrderStatus.DONE_PARTIAL,
    OrderStatus.LATE_FILLED,
)
Deal = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found; every list but `executions` must be empty."""

    executions: int
    duplicates: tuple[str, ...]
    unbound_positions: tuple[str, ...]
    unresolved_orders: tuple[str, ...]
    false_fills: tuple[str, ...]
    missing_events: tuple[str, ...]
    broken_invariants: tuple[str, ...]

    @property
    def faults(self) -> dict[str, tuple[str, ...]]:
        """What is not empty and should be."""
        return {name: value for name, value in self._lists.items() if value}

    @property
    def counts(self) -> dict[str, int]:
        """How many of each; all must be zero."""
        return {name: len(value) for name, value in self._lists.items()}

    @property
    def _lists(self) -> dict[str, tuple[str, ...]]:
        return {name: value for name, value in asdict(self).items() if name != "executions"}


def verdict_of(*, executions: Sequence[Deal], accounts: Mapping[str, Account]) -> Verdict:
    """Hold the ledger's deals against our rows; `accounts` by their name at the venue."""
    ordered = [deal for deal in executions if deal["opens"] and deal["client_id"]]
    return Verdict(
        executions=sum(1 for deal in executions if not deal["by_hand"]),
        duplicates=_duplicates(ordered),
        unbound_positions=_unbound(executions, accounts),
        unresolved_orders=_unresolved(),
        false_fills=_false_fills(ordered),
        missing_events=_missing_events(),
        broken_invariants=tuple(
            f"{account}: {violation}"
            for account in accounts.values()
            for violation in violations(account=account)
        ),
    )


def _duplicates(ordered: Sequence[Deal]) -> tuple[str, ...]:
    """Client ids that have opened more than one position."""
    positions: dict[str, set[str]] = defaultdict(set)
    for deal in ordered:
        positions[deal["client_id"]].add(deal["position_id"])
    return tuple(sorted(name for name, ids in positions.items() if len(ids) > 1))


def _unbound(executions: Sequence[Deal], accounts: Mapping[str, Account]) -> tuple[str, ...]:
    """Positions of ours that are not bound to the one order that opened them, with its row, and
    positions by hand without a row."""
    wrong = []
    for deal in executions:
        if not deal["opens"]:
            continue
        account, position_id = accounts[deal["account"]], str(deal["position_id"])
        row = Position.objects.filter(account=account, broker_id=position_id).first()
        bound = Order.objects.filter(
            account=account, purpose=Purpose.ENTRY, position_id=position_id
        ).values_list("client_id", flat=True)
        if row is None or list(bound) != [deal["client_id"]] * bool(deal["client_id"]):
            origin = row.origin if row else "no row"
            wrong.append(f"{account} {position_id} of {deal['client_id']}: {origin}, {list(bound)}")
    return tuple(wrong)


def _unresolved() -> tuple[str, ...]:
    """Orders that nobody will conclude any more."""
    orders = Order.objects.filter(status__in=sorted(OPEN)) | Order.objects.filter(
        verify_stage__gt=0
    )
    return tuple(f"{order.client_id} {order.status}" for order in orders.distinct())


def _false_fills(ordered: Sequence[Deal]) -> tuple[str, ...]:
    """Entries that say they were executed and were not, or the other way round."""
    executed = {deal["client_id"] for deal in ordered}
    entries = Order.objects.filter(purpose=Purpose.ENTRY)
    wrong = [
        f"{order.client_id} is {order.status}"
        for order in entries
        if (order.client_id in executed) != (order.status in EXECUTED)
    ]
    known = set(entries.values_list("client_id", flat=True))
    return (*wrong, *(f"{name} is no order of ours" for name in sorted(executed - known)))


def _missing_events() -> tuple[str, ...]:
    """Ends of orders that the log does not tell, and breaks in its chain."""
    told = Counter(Event.objects.values_list("payload__order", flat=True))
    ends = OrderTransition.objects.filter(target__in=sorted(FINAL | SOFT_FINAL))
    silent = {order for order in ends.values_list("order", flat=True) if not told[order]}
    missing = [
        f"end of order {order.pk}: {order.purpose} {order.status} {order.code}"
        for order in Order.objects.filter(pk__in=silent).order_by("pk")
    ]
    previous = GENESIS
    for event in Event.objects.order_by("id").iterator():
        if event.previous_hash != previous or event_hash(event) != event.hash:
            missing.append(f"before event {event.pk}")
        previous = event.hash
    return tuple(missing)

"""What became of signals: each is an order that passed the gate, or a denial with its code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet

from trading.engine.orders import OrderStatus
from trading.models import Deployment, Order, OrderTransition, Purpose, StrategyRun

ANSWERED = ("ENTRY", "DENIED")
"""Outcomes of a run that wanted an entry."""


@dataclass(frozen=True, slots=True)
class SignalCounts:
    """Of one deployment. Runs that could not be decided had no signal: they are `undecided`."""

    signals: int
    orders: int
    denials: Mapping[str, int]
    """By code."""
    undecided: Mapping[str, int]

    @property
    def denied(self) -> int:
        return sum(self.denials.values())

    @property
    def is_whole(self) -> bool:
        """Whether each signal has become an order or a denial, and none both."""
        return self.signals == self.orders + self.denied


def signal_counts(*, deployment: Deployment, since: datetime) -> SignalCounts:
    """By the runs that ended since then; the orders are counted by their own rows."""
    runs = StrategyRun.objects.filter(deployment=deployment, finished_at__gte=since)
    wished = runs.filter(outcome__in=ANSWERED, numbers__has_key="signal")
    sent = Order.objects.filter(run__in=wished, purpose=Purpose.ENTRY, sent_at__isnull=False)
    undecided = runs.filter(outcome="DENIED").exclude(numbers__has_key="signal")
    return SignalCounts(
        signals=wished.count(),
        orders=sent.count(),
        denials=_by_code(wished.filter(outcome="DENIED")),
        undecided=_by_code(undecided),
    )


def refusal_of(*, order: Order) -> Mapping[str, Any]:
    """Why the gate did not let it pass, with all numbers; empty where it did."""
    moves = OrderTransition.objects.filter(order=order, target=OrderStatus.EXPIRED)
    return moves.values_list("evidence", flat=True).last() or {}


def order_sent(*, run: StrategyRun) -> Order | None:
    """The entry of a run that has passed the gate already."""
    entries = Order.objects.filter(run=run, purpose=Purpose.ENTRY, sent_at__isnull=False)
    return entries.select_related("account", "symbol").first()


def orders_at_odds(*, account_id: int, since: datetime) -> list[tuple[int, str]]:
    """Entries whose run says something else than became of them, with what it says."""
    sent = Q(sent_at__isnull=False)
    odd = (sent & Q(run__outcome="DENIED")) | (~sent & Q(run__outcome="ENTRY"))
    orders = Order.objects.filter(odd, account=account_id, purpose=Purpose.ENTRY)
    return list(orders.filter(created_at__gt=since).values_list("pk", "run__outcome"))


def _by_code(runs: QuerySet[StrategyRun]) -> Mapping[str, int]:
    rows = runs.values_list("code").annotate(n=Count("id")).order_by("-n", "code")
    return dict(rows)

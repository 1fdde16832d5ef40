"""Stops that follow the market."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from trading.models import Order, Position, Purpose, StrategyRun


def trails_of(*, run: StrategyRun, broker_ids: Sequence[str]) -> dict[str, Decimal]:
    """How far behind the close the stops of these positions follow, by the broker's ids.

    Without those that stay, those that a person looks after, and those that this very run has
    opened: they follow from the next close on.
    """
    rows = Position.objects.filter(
        account=run.deployment.account_id,
        broker_id__in=broker_ids,
        closed_at__isnull=True,
        hands_off=False,
    )
    opened = Order.objects.filter(run=run, purpose=Purpose.ENTRY).values("position_id")
    found = rows.exclude(broker_id__in=opened).values_list("broker_id", "trail")
    return {broker_id: trail for broker_id, trail in found if trail is not None}

"""What waits for the gateway beside what its brokers tell: asked for many accounts at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils.timezone import now

from trading.engine.orders import RESERVING, OrderStatus
from trading.engine.types import OrderKind
from trading.models import Order, Origin, Position
from trading.selectors.kills import kills_pulled

LATELY = timedelta(hours=1)
"""What a person has asked for is sent or over by then; bounds the look into the index."""


@dataclass(frozen=True, slots=True)
class Attention:
    """Accounts by their ids; what is not in here needs no look of its own."""

    is_pulled: bool
    """Whether any kill switch is."""
    doubtful: frozenset[int]
    """An order or a position waits for evidence."""
    unsettled: frozenset[int]
    """The stop of an open position is missing, or on its way to another place."""
    asked: frozenset[int]
    """A person wants something sent, and nobody has sent it yet."""


def attention_of(accounts: Collection[int]) -> Attention:
    """Four queries, however many accounts there are."""
    held = Position.objects.filter(account__in=accounts, closed_at__isnull=True)
    marked = Q(unprotected_since__isnull=False) | Q(moving_since__isnull=False)
    asked = Order.objects.filter(
        account__in=accounts,
        created_at__gt=now() - LATELY,
        status=OrderStatus.APPROVED,
        origin=Origin.PERSON,
    )
    return Attention(
        is_pulled=kills_pulled().exists(),
        doubtful=accounts_in_doubt(accounts),
        unsettled=frozenset(held.filter(marked).values_list("account", flat=True)),
        asked=frozenset(asked.values_list("account", flat=True)),
    )


def accounts_in_doubt(accounts: Collection[int]) -> frozenset[int]:
    """Those of which an order or a position waits for evidence."""
    orders = Order.objects.filter(account__in=accounts).values_list("account", flat=True)
    resting = Q(status=OrderStatus.ACCEPTED) & ~Q(kind=OrderKind.MARKET)
    on_their_way = orders.filter(status__in=sorted(RESERVING)).exclude(resting)
    missing = Position.objects.filter(
        account__in=accounts, closed_at__isnull=True, missing_since__isnull=False
    ).values_list("account", flat=True)
    # a question each, for each has an index of its own
    return frozenset(on_their_way.union(orders.filter(verify_stage__gt=0), missing))

"""What must hold of every account's orders and positions, whatever happened; I1 to I16 by name.

I15, that nothing which decides about ownership reads the wall clock, is held by a test of the
sources.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils.timezone import now

from trading.engine.orders import FINAL, IN_DOUBT, SOFT_FINAL, OrderStatus
from trading.engine.types import AccountState
from trading.models import (
    Account,
    Event,
    Fill,
    KillSwitch,
    Order,
    OrderTransition,
    Position,
    PositionOrigin,
    Purpose,
)
from trading.selectors.risk import reserved_risk
from trading.selectors.signals import orders_at_odds

WINDOW = timedelta(hours=24)
"""Orders older than this were looked at before, and nothing changes them."""
KILL_SLACK = timedelta(seconds=5)
"""A switch is stamped before it is committed; the gate goes by the commit."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and what was found."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code} {self.message}"


def violations(*, account: Account) -> list[Violation]:
    """Everything that does not hold in our own record of the account."""
    checks: list[Callable[[Account], Iterator[Violation]]] = [
        _identities,
        _sent_once,
        _sent_by_right,
        _executed_once,
        _bound_once,
        _filled_within,
        _locked_in_doubt,
        _reserved,
        _epochs_grow,
        _told,
        _protected,
        _latched,
        _answered,
    ]
    return [violation for check in checks for violation in check(account)]


def exposure_differs(*, account: Account, state: AccountState) -> list[Violation]:
    """I13: lots by symbol and side, ours against the broker's; true only if it stays so."""
    lots: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for seen in state.positions:
        lots[seen.symbol, seen.side] += seen.lots
    rows = Position.objects.filter(account=account, closed_at__isnull=True).select_related("symbol")
    for row in rows:
        lots[row.symbol.name, row.side] -= row.lots
    return [
        Violation("I13", f"{symbol} {side:+d}: the broker has {difference:+f} lots more than we")
        for (symbol, side), difference in sorted(lots.items())
        if difference
    ]


def _lately(account: Account) -> Q:
    return Q(account=account, created_at__gt=now() - WINDOW)


def _identities(account: Account) -> Iterator[Violation]:
    """I1, I2: one order for a decision, one client id for an order."""
    for code, column in (("I1", "decision_key"), ("I2", "client_id")):
        repeated = (
            Order.objects.filter(_lately(account)).values(column).annotate(n=Count("id"))
        ).filter(n__gt=1)
        for row in repeated:
            yield Violation(code, f"{row['n']} orders have the {column} {row[column]}")


def _sent_once(account: Account) -> Iterator[Violation]:
    """I3: an order enters SENDING once, and no order is past it without."""
    sendings = Count("transitions", filter=Q(transitions__target=OrderStatus.SENDING))
    never = [OrderStatus.PROPOSED, OrderStatus.DENIED, OrderStatus.APPROVED, OrderStatus.EXPIRED]
    orders = Order.objects.filter(_lately(account)).annotate(sendings=sendings)
    wrong = orders.filter(sendings__gt=1) | orders.exclude(status__in=never).filter(sendings=0)
    for order in wrong:
        yield Violation("I3", f"Order {order.pk} is {order.status} and was sent {order.sendings}x")


def _sent_by_right(account: Account) -> Iterator[Violation]:
    """I4: entries are sent under a lease, and not past a switch that was pulled."""
    for move in _sendings(account).filter(order__purpose=Purpose.ENTRY):
        order = move.order
        if not move.epoch:
            yield Violation("I4", f"Order {order.pk} was sent without a lease")
        scope = Q(account=None, deployment=None, symbol=None) | Q(account=account)
        scope |= Q(deployment=order.deployment_id) | Q(symbol=order.symbol_id)
        pulled = KillSwitch.objects.filter(scope, pulled_at__lt=move.at - KILL_SLACK)
        held = pulled.filter(Q(rearmed_at__isnull=True) | Q(rearmed_at__gt=move.at)).first()
        if held is not None:
            yield Violation("I4", f"Order {order.pk} was sent although {held} was pulled")


def _sendings(account: Account) -> QuerySet[OrderTransition]:
    moves = OrderTransition.objects.filter(
        order__account=account, target=OrderStatus.SENDING, at__gt=now() - WINDOW
    )
    return moves.select_related("order").order_by("id")


def _executed_once(account: Account) -> Iterator[Violation]:
    """I5: an entry opens one position at most."""
    opened = Fill.objects.filter(
        account=account, opens=True, order__isnull=False, recorded_at__gt=now() - WINDOW
    )
    several = opened.values("order").annotate(n=Count("position", distinct=True)).filter(n__gt=1)
    for row in several:
        yield Violation("I5", f"Order {row['order']} has opened {row['n']} positions")


def _bound_once(account: Account) -> Iterator[Violation]:
    """I6: each open position of a strategy belongs to exactly one entry."""
    entries = Order.objects.filter(account=account, purpose=Purpose.ENTRY)
    if entries.filter(status__in=sorted(IN_DOUBT)).exists():
        return  # its position may be there already
    rows = Position.objects.filter(
        account=account, closed_at__isnull=True, origin=PositionOrigin.STRATEGY
    )
    for row in rows:
        bound = entries.filter(position_id=row.broker_id).count()
        if bound != 1:
            yield Violation("I6", f"Position {row.broker_id} belongs to {bound} entries")


def _filled_within(account: Account) -> Iterator[Violation]:
    """I7: no order is filled beyond its volume."""
    orders = Order.objects.filter(_lately(account)).annotate(filled=Sum("fills__lots"))
    for order in orders.filter(filled__gt=F("lots")):
        yield Violation("I7", f"Order {order.pk} of {order.lots} lots was filled {order.filled}")


def _locked_in_doubt(account: Account) -> Iterator[Violation]:
    """I8: no second entry on a key whose first has no known outcome."""
    doubtful = Order.objects.filter(
        account=account, purpose=Purpose.ENTRY, status__in=sorted(IN_DOUBT)
    )
    keys = doubtful.values("symbol", "deployment").annotate(n=Count("id")).filter(n__gt=1)
    for key in keys:
        yield Violation("I8", f"{key['n']} entries of deployment {key['deployment']} are in doubt")


def _reserved(account: Account) -> Iterator[Violation]:
    """I9: what is reserved is the risk of the orders on their way, each with a number."""
    total = reserved_risk(account=account)
    if not (total.is_finite() and total >= 0):
        yield Violation("I9", f"Expected a reserved risk of at least 0, was {total}")


def _epochs_grow(account: Account) -> Iterator[Violation]:
    """I10: the gate never sees an older lease after a newer one."""
    newest = 0
    for move in _sendings(account):
        if move.epoch is not None and move.epoch < newest:
            yield Violation("I10", f"Sent under epoch {move.epoch} after epoch {newest}")
        newest = max(newest, move.epoch or 0)


def _told(account: Account) -> Iterator[Violation]:
    """I11: every end of an order is in the log, from the same transaction."""
    ends = OrderTransition.objects.filter(
        order__account=account, target__in=sorted(FINAL | SOFT_FINAL), at__gt=now() - WINDOW
    )
    events = Event.objects.filter(account=account, at__gt=now() - WINDOW - KILL_SLACK)
    told = set(events.values_list("payload__order", flat=True))
    for order_id in ends.values_list("order", flat=True).distinct():
        if order_id not in told:
            yield Violation("I11", f"Order {order_id} has ended and no event says so")


def _protected(account: Account) -> Iterator[Violation]:
    """I12: no position of ours is without a stop for longer than allowed."""
    if account.unprotected_policy == Account.UnprotectedPolicy.ACCEPT:
        return
    patience = timedelta(seconds=settings.TIMING.protect)
    rows = Position.objects.filter(
        account=account,
        closed_at__isnull=True,
        hands_off=False,
        unprotected_since__lt=now() - patience,
    )
    for row in rows:
        since = f"{row.unprotected_since:%H:%M:%S}"
        yield Violation("I12", f"Position {row.broker_id} has no stop since {since}")


def _latched(account: Account) -> Iterator[Violation]:
    """I14: a switch was let go by somebody, for a reason, or it holds."""
    loose = KillSwitch.objects.filter(rearmed_at__isnull=False).filter(
        Q(rearmed_by="") | Q(rearm_reason="")
    )
    for switch in loose.filter(Q(account=None) | Q(account=account)):
        yield Violation("I14", f"Switch {switch.pk} was re-armed by nobody or for no reason")


def _answered(account: Account) -> Iterator[Violation]:
    """I16: a signal has become an order or a denial, and never both."""
    for order_id, outcome in orders_at_odds(account_id=account.pk, since=now() - WINDOW):
        sent = "was sent" if outcome == "DENIED" else "was not sent"
        yield Violation("I16", f"Order {order_id} {sent} although its run says {outcome}")

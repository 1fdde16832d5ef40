"""Reconciliation: read everything the broker knows, compare, and mend our record of it.

Gather, decide purely (`trading.engine.reconcile`), apply: every repair in a transaction of its own,
under the lease.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min, Q
from django.utils.timezone import now

from trading.brokers.base import Broker
from trading.crashpoints import crash_point
from trading.engine.orders import OPEN, OrderStatus
from trading.engine.reconcile import diff
from trading.engine.repairs import OurOrder, OurPosition, Ours, Rules
from trading.engine.types import Snapshot
from trading.models import Account, Deployment, Fill, Order, Position, Purpose
from trading.services.clock import Moment, clock_read, seconds_since
from trading.services.leases import Grip
from trading.services.repairs import Bench, repair_apply

PROBABLE_WITHIN = timedelta(days=1)
"""Orders that were taken for dead this lately may still turn out to be a position."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A snapshot, and when the reading of it began on our clocks."""

    snapshot: Snapshot
    moment: Moment
    at: datetime


def account_reconcile(*, account: Account, broker: Broker, grip: Grip) -> bool:
    """Compare with the broker and repair; False when the reading was not complete.

    Raises Unavailable, and LeaseLost when another gateway has taken the account meanwhile: then
    nothing more is applied.
    """
    clock = clock_read()
    _rebase(account, clock)
    reading = Reading(broker.snapshot(_since(account)), clock, now())
    crash_point("c7-recon-read")
    netting = account.position_mode == Account.PositionMode.NETTING
    rules = Rules(timing=settings.TIMING, is_netting=netting)
    repairs = diff(ours_of(account, reading), reading.snapshot, rules)
    bench = Bench(account, broker, grip, reading.moment, reading.snapshot.time)
    for repair in repairs:
        repair_apply(bench=bench, repair=repair)
        crash_point("c8-recon-bound")
    if reading.snapshot.is_complete:
        Account.objects.filter(pk=account.pk).update(reconciled_to=reading.snapshot.time)
        account.reconciled_to = reading.snapshot.time
    return reading.snapshot.is_complete


def ours_of(account: Account, reading: Reading) -> Ours:
    """What we hold of the account, as far as the snapshot may have something to say about it."""
    theirs = reading.snapshot
    deals = [fill.deal_id for fill in theirs.deals]
    recorded = Fill.objects.filter(account=account, deal_id__in=deals)
    shown = [p.id for p in theirs.account.positions]
    rows = Position.objects.filter(account=account).select_related("symbol")
    touched = {fill.position_id for fill in theirs.deals}
    open_rows = rows.filter(closed_at__isnull=True)
    closed = rows.filter(broker_id__in=shown, closed_at__isnull=False)
    undone = [row for row in closed if _is_long_closed(row, reading)]
    known = rows.filter(Q(broker_id__in=[*shown, *touched]) | Q(closed_at__isnull=True))
    return Ours(
        orders=tuple(_our_order(order, reading) for order in _orders(account, theirs)),
        positions=tuple(_our_position(row, reading) for row in [*open_rows, *undone]),
        known=frozenset(known.values_list("broker_id", flat=True)),
        deal_ids=frozenset(recorded.values_list("deal_id", flat=True)),
        magics=frozenset(Deployment.objects.filter(account=account).values_list("pk", flat=True)),
    )


def _orders(account: Account, theirs: Snapshot) -> Iterable[Order]:
    """Whatever is not over, and whatever the broker shows although it is."""
    positions = theirs.account.positions
    named = {p.client_id for p in positions} | {o.client_id for o in theirs.orders}
    named |= {deal.client_id for deal in theirs.deals}
    wanted = Q(status__in=sorted(OPEN)) | Q(verify_stage__gt=0) | Q(client_id__in=named - {""})
    wanted |= Q(purpose=Purpose.ENTRY, position_id__in=[p.id for p in positions])
    dead = [OrderStatus.NOT_EXECUTED, OrderStatus.REJECTED]
    wanted |= Q(
        purpose=Purpose.ENTRY, status__in=dead, sent_at__gt=now() - PROBABLE_WITHIN, position_id=""
    )
    rows = Order.objects.filter(wanted, account=account).select_related("symbol")
    return rows.order_by("id").distinct()


def _our_order(order: Order, reading: Reading) -> OurOrder:
    overdue = order.good_until is not None and order.good_until < reading.at
    sent_for = absent_for = None
    if order.sent_tick is not None:
        sent_for = seconds_since(order.sent_tick, order.sent_boot, reading.moment)
        if order.absent_tick is not None:
            absent_for = seconds_since(order.absent_tick, order.sent_boot, reading.moment)
    return OurOrder(
        id=order.pk,
        client_id=order.client_id,
        is_entry=order.purpose == Purpose.ENTRY,
        status=OrderStatus(order.status),
        symbol=order.symbol.name,
        side=order.side,
        lots=order.lots,
        filled_lots=order.filled_lots,
        magic=order.deployment_id or 0,
        position_id=order.position_id,
        remaining_lots=order.remaining_lots,
        is_overdue=overdue and order.status == OrderStatus.APPROVED,
        sent_for=sent_for,
        absent_for=absent_for,
        verify_stage=order.verify_stage,
        quoted_at=order.quoted_at,
        expires_at=order.expires_at,
    )


def _our_position(row: Position, reading: Reading) -> OurPosition:
    missing_for = None
    if row.closed_at is not None:
        missing_for = 0.0  # closed for being missing: shown again it must be opened again
    elif row.missing_since is not None:
        missing_for = (reading.at - row.missing_since).total_seconds()
    return OurPosition(
        id=row.pk,
        broker_id=row.broker_id,
        symbol=row.symbol.name,
        side=row.side,
        lots=row.lots,
        stop=row.stop,
        take=row.take,
        goal=row.wanted_stop if row.moving_since else None,
        missing_for=missing_for,
    )


def _is_long_closed(row: Position, reading: Reading) -> bool:
    """Whether a broker that still shows it means it: it may lag behind its own deals."""
    believed = reading.at - timedelta(seconds=settings.TIMING.verify_last)
    return not row.fills.filter(opens=False, recorded_at__gt=believed).exists()


def _since(account: Account) -> datetime:
    """Where to begin to read deals: before the last reading and before everything unsettled."""
    moments = [account.reconciled_to or account.created_at]
    orders = Order.objects.filter(account=account).filter(
        Q(status__in=sorted(OPEN)) | Q(verify_stage__gt=0)
    )
    positions = Position.objects.filter(account=account, closed_at__isnull=True)
    moments += [
        orders.aggregate(first=Min("quoted_at"))["first"] or moments[0],
        positions.aggregate(first=Min("opened_at"))["first"] or moments[0],
    ]
    return min(moments) - timedelta(seconds=settings.TIMING.deals_overlap)


def _rebase(account: Account, clock: Moment) -> None:
    """Ticks of before a reboot mean nothing now: the waiting begins anew, with the new clock."""
    stale = Order.objects.filter(account=account, sent_tick__isnull=False).exclude(
        sent_boot=clock.boot
    )
    unsettled = stale.filter(Q(status__in=sorted(OPEN)) | Q(verify_stage__gt=0))
    unsettled.update(sent_tick=0.0, sent_boot=clock.boot, absent_tick=None)

"""Resting entries that may not be filled any more: they are taken back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog

from trading.brokers.base import Broker
from trading.engine.orders import OrderStatus
from trading.engine.risk import Control, Facts, LimitSet, OrderFacts
from trading.engine.risk.checks import judge
from trading.engine.risk.facts import AccountFacts
from trading.engine.risk.findings import Case
from trading.engine.types import EngineError
from trading.models import Account, Order, Purpose, Severity
from trading.selectors.filters import filter_facts, market_now
from trading.selectors.protections import lock_over
from trading.selectors.risk import LimitBook, limit_book, limit_set_of
from trading.services.orders import order_tell
from trading.services.sending import order_cancel

WINDOWS: Final = (
    Control.ROLLOVER_WINDOW,
    Control.NEWS_WINDOW,
    Control.NEWS_CLOSES,
    Control.WEEKEND_WINDOW,
    Control.WEEKEND_FLAT,
)
AHEAD: Final = timedelta(seconds=10)
"""A window is kept from this much earlier on: taking back takes a moment."""
log = structlog.get_logger(__name__)


def resting_withdraw(*, account: Account, broker: Broker) -> int:
    """Take back the resting entries that a lock covers, or whose window begins; how many.

    Call it now and then: what the broker may fill by itself has passed the gate long ago.
    """
    resting = Order.objects.filter(
        account=account, status=OrderStatus.ACCEPTED, purpose=Purpose.ENTRY
    ).select_related("account", "symbol", "deployment__symbol")
    orders = list(resting)
    if not orders:
        return 0
    book, at = limit_book(), market_now(source=account.source) + AHEAD
    return sum(_withdrawn(order, broker, book, at) for order in orders)


def _withdrawn(order: Order, broker: Broker, book: LimitBook, at: datetime) -> bool:
    lock = lock_over(order=order)
    reason = f"{lock}: {lock.reason}" if lock else _window(order, book, at)
    if not reason or not order_cancel(order=order, broker=broker):
        return False
    message = f"Taken back, {reason}: {order}"
    order_tell(order=order, kind="order.withdrawn", severity=Severity.INFO, message=message)
    return True


def _window(order: Order, book: LimitBook, at: datetime) -> str:
    """The window that it rests in, in words; what cannot be judged is none."""
    if order.deployment is None:
        return ""
    try:
        limits = limit_set_of(deployment=order.deployment, book=book)
    except EngineError as e:
        log.error("not known whether a window is on", order=order.pk, error=str(e))
        return ""
    windows = LimitSet(tuple(limit for control in WINDOWS for limit in limits.of(control)))
    more = filter_facts(limits=windows, order=order, at=at)
    facts = Facts(
        at=at,
        account=AccountFacts(reading_age=None),
        order=OrderFacts(holding=None, instrument=None, **more),
    )
    found = (judge(limit, Case(windows, facts)) for limit in windows)
    return next((x.message for x in found if x and x.denies and x.code == x.limit.spec.code), "")

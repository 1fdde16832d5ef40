"""Flat before the weekend, where a limit says so."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog

from trading.brokers.base import Broker
from trading.engine.orders import OPEN
from trading.engine.risk import Control, Limit
from trading.engine.risk.filters import is_flat_due
from trading.engine.sessions import week_of
from trading.engine.types import EngineError
from trading.models import Account, Order, Origin, Position, RiskLimit, Severity
from trading.selectors.filters import market_now
from trading.selectors.risk import LimitBook, limit_book, limit_set_of
from trading.services.closes import close_under_way
from trading.services.orders import close_request, closed_lately, order_tell
from trading.services.sending import order_send
from trading.services.transitions import Cause

AGAIN_AFTER: Final = timedelta(minutes=1)
"""Pause before a close that was refused is asked for once more."""
log = structlog.get_logger(__name__)


def weekend_flatten(*, account: Account, broker: Broker) -> int:
    """Close what deployments hold once the time has come; how many closes were sent.

    Call it now and then: each position is closed once, and again only after a refusal.
    """
    if not RiskLimit.objects.filter(enabled=True, control=Control.WEEKEND_FLAT.value).exists():
        return 0
    held = Position.objects.filter(
        account=account, closed_at__isnull=True, deployment__isnull=False
    )
    book, at, sent = limit_book(), market_now(source=account.source), 0
    for position in held.select_related("account", "symbol", "deployment__symbol"):
        limit = _due(position, book, at)
        if limit is not None and _is_free(position):
            order_send(order=_asked(position, limit), broker=broker)
            sent += 1
    return sent


def _due(position: Position, book: LimitBook, at: datetime) -> Limit | None:
    """The limit for which the position is to be closed now."""
    assert position.deployment is not None
    try:
        limits = limit_set_of(deployment=position.deployment, book=book)
        week = week_of(position.symbol.sessions, "trade")
    except EngineError as e:
        log.error("not known whether to be flat", position=position.pk, error=str(e))
        return None
    flats = limits.of(Control.WEEKEND_FLAT)
    return next(
        (x for x in flats if is_flat_due(week, at, timedelta(minutes=float(x.value)))), None
    )


def _is_free(position: Position) -> bool:
    """Whether no close of it is under way or has just failed."""
    if close_under_way(position=position, statuses=OPEN) is not None:
        return False
    return not closed_lately(position=position, within=AGAIN_AFTER)


def _asked(position: Position, limit: Limit) -> Order:
    cause = Cause("weekend", {"limit": limit.words, "origin": limit.origin})
    order = close_request(position=position, origin=Origin.PROTECTION, cause=cause)
    message = f"Flat {limit.words} before the weekend: {order}"
    order_tell(order=order, kind="order.requested", severity=Severity.INFO, message=message)
    return order

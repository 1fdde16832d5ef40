"""No position of ours without its stop: it gets it again, or it is closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from trading.brokers.base import Broker, BrokerError, Rejected
from trading.engine import money
from trading.engine.symbols import quotes_by_pair
from trading.engine.types import AccountState, EngineError, PositionState, Quote
from trading.models import Account, Origin, Position, PositionOrigin, Severity, Symbol
from trading.selectors.quotes import quotes_fresh
from trading.services.orders import close_request, closed_lately
from trading.services.positions import position_find, position_tell
from trading.services.sending import order_send
from trading.services.trails import stops_settle
from trading.services.transitions import Cause

log = structlog.get_logger(__name__)
Policy = Account.UnprotectedPolicy


def positions_protect(*, account: Account, broker: Broker, state: AccountState) -> int:
    """Act on every position that the broker shows without a stop, how many that were; and on those
    whose stop is on its way.

    Call it at every reading: a stop that cannot be set is tried again until 60 % of the time a
    position may be unprotected has passed; then the position is closed.
    """
    bare = [seen for seen in state.positions if seen.stop is None]
    unsettled = _unsettled(account)
    _forget(unsettled, {seen.id for seen in bare})
    stops_settle(positions=unsettled, state=state, broker=broker)
    found = 0
    for seen in bare:
        position = position_find(account=account, seen=seen)
        if _is_protected_by_us(account, position):
            found += 1
            _protect(position, seen, broker)
    return found


def _is_protected_by_us(account: Account, position: Position) -> bool:
    if position.hands_off or position.closed_at is not None:
        return False
    manual = position.origin == PositionOrigin.MANUAL
    return not manual or account.manual_policy == Account.ManualPolicy.ADOPT


def _protect(position: Position, seen: PositionState, broker: Broker) -> None:
    policy = position.account.unprotected_policy
    since = _mark(position)
    if policy == Policy.ACCEPT:
        return
    patience = timedelta(seconds=0.6 * settings.TIMING.protect)
    if policy == Policy.REPAIR and now() - since < patience and _repair(position, seen, broker):
        return
    if not closed_lately(position=position, within=timedelta(seconds=settings.TIMING.protect / 2)):
        cause = Cause("unprotected", {"since": str(since)})
        order = close_request(position=position, origin=Origin.PROTECTION, cause=cause)
        order_send(order=order, broker=broker)


def _mark(position: Position) -> datetime:
    """Since when it is unprotected; told once."""
    if position.unprotected_since is None:
        position.unprotected_since = now()
        with transaction.atomic():
            position.save(update_fields=["unprotected_since"])
            position_tell(
                position=position,
                kind="position.unprotected",
                severity=Severity.ERROR,
                message=f"Has no stop at the broker: {position}",
            )
    return position.unprotected_since


def _repair(position: Position, seen: PositionState, broker: Broker) -> bool:
    """Give it the stop it shall have; True when it is set, or may be in a moment."""
    stop = position.wanted_stop or _stop_by_risk(position, seen)
    if stop is None:
        return False
    try:
        broker.modify(seen.id, stop, seen.take)
    except Rejected as e:
        log.warning("stop refused", position=position.pk, stop=str(stop), error=str(e))
        return False
    except BrokerError as e:
        log.warning("stop not set yet", position=position.pk, stop=str(stop), error=str(e))
        return True
    wanted = {} if position.wanted_stop else {"wanted_stop": stop}  # it may follow meanwhile
    with transaction.atomic():
        row = Position.objects.filter(pk=position.pk)
        row.update(stop=stop, unprotected_since=None, **wanted)
        position_tell(
            position=position,
            kind="position.protected",
            severity=Severity.WARNING,
            message=f"Has its stop at {stop:f} again: {position}",
        )
    return True


def _stop_by_risk(position: Position, seen: PositionState) -> Decimal | None:
    """Where an adopted position has lost the account's adoption risk; None when nobody can say."""
    account, instrument = position.account, position.symbol.instrument()
    quotes = _quotes(account)
    if instrument.symbol not in quotes or account.equity <= 0:
        return None
    try:
        conversion = money.conversion_for(instrument, account.currency, quotes)
    except EngineError:
        return None
    loss = account.equity * account.adopt_risk_percent / 100
    per_price = seen.lots * instrument.contract_size * conversion.at(seen.entry_price)
    ticks = max(1, int(loss / per_price / instrument.tick_size))
    stop = seen.entry_price - seen.side * ticks * instrument.tick_size
    return stop if stop > 0 else None


def _quotes(account: Account) -> Mapping[str, Quote]:
    """The fresh quotes of the account's source, also under the symbols' canonical names."""
    symbols = Symbol.objects.filter(source=account.source)
    names = dict(symbols.values_list("name", "canonical"))
    return quotes_by_pair(quotes_fresh(source=account.source, names=names), names)


def _unsettled(account: Account) -> list[Position]:
    """Positions without a stop, and those whose stop is on its way to another place."""
    marked = Q(unprotected_since__isnull=False) | Q(moving_since__isnull=False)
    rows = Position.objects.select_related("account", "symbol", "deployment")
    return list(rows.filter(marked, account=account).order_by("pk"))


def _forget(positions: Iterable[Position], bare: set[str]) -> None:
    """Positions that have a stop again."""
    marked = [p for p in positions if p.unprotected_since is not None]
    covered = [p.pk for p in marked if p.broker_id not in bare]
    if covered:  # a write that changes nothing would still take SQLite's only lock
        Position.objects.filter(pk__in=covered).update(unprotected_since=None)

"""Stops that follow the market: wanted by a decision, sent until the broker shows them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now

from trading.brokers.base import Broker, BrokerError, Rejected
from trading.engine.reconcile import is_on_its_way
from trading.engine.types import AccountState, PositionState, Trail
from trading.models import Account, KillMode, Origin, Position, Severity
from trading.selectors.kills import kills_on
from trading.selectors.quotes import quotes_fresh
from trading.services.orders import close_request
from trading.services.positions import position_tell
from trading.services.sending import order_send
from trading.services.transitions import Cause

NUDGE_AFTER = timedelta(seconds=2)
"""A moved stop that the broker does not show after this is sent again, by the gateway."""
GONE = "POSITION_NOT_FOUND"
log = structlog.get_logger(__name__)


def stop_move(*, position: Position, trail: Trail, broker: Broker) -> bool:
    """Want the stop where the trail says and send it at once; False where nothing is to be moved.

    A stop is only ever tightened, however often and late this is called. Under HALT strategies move
    nothing. Must not run inside a transaction: what is wanted is committed before the broker is
    asked, so that the gateway goes on with it when this process dies.
    """
    if _is_halted(position) or not _want(position, trail):
        return False
    _send(position, trail.position, broker)
    return True


def stops_settle(*, positions: Iterable[Position], state: AccountState, broker: Broker) -> None:
    """Note the moved stops that the broker shows, and send again what it does not show in time.

    Call it at every reading. A stop that is gone is protection's, one that somebody else has moved
    is reconciliation's.
    """
    shown = {seen.id: seen for seen in state.positions if seen.stop is not None}
    for position in positions:
        seen = shown.get(position.broker_id)
        if position.closed_at is not None:
            _row(position).update(moving_since=None)
        elif seen is not None and seen.stop == position.wanted_stop:
            _row(position).update(stop=seen.stop, moving_since=None)
        elif seen is not None and _is_late(position, seen):
            _send(position, seen, broker)


def _is_late(position: Position, seen: PositionState) -> bool:
    """Whether the stop should be shown where it is wanted by now, and is still on its way."""
    if position.moving_since is None or position.hands_off:
        return False
    is_moving = is_on_its_way(position.stop, position.wanted_stop, seen.stop)
    return is_moving and now() - position.moving_since >= NUDGE_AFTER


def _is_halted(position: Position) -> bool:
    """Whether a person has said that strategies shall change nothing."""
    halted = Account.objects.filter(pk=position.account_id, state=Account.State.HALTED)
    pulled = kills_on(
        account=position.account, deployment=position.deployment_id, symbol=position.symbol_id
    )
    return halted.exists() or pulled.filter(mode=KillMode.HALT).exists()


def _want(position: Position, trail: Trail) -> bool:
    """Write the tighter stop down and tell of it; False when it is wanted, or a tighter one is."""
    stop, side = trail.stop, position.side
    looser = Q(wanted_stop__lt=stop) if side > 0 else Q(wanted_stop__gt=stop)
    rows = Position.objects.filter(pk=position.pk, closed_at__isnull=True, hands_off=False)
    with transaction.atomic():
        before = position.wanted_stop
        moved = rows.filter(looser | Q(wanted_stop=None)).update(
            wanted_stop=stop, moving_since=now()
        )
        if moved:
            position.wanted_stop = stop
            position_tell(
                position=position,
                kind="position.stop_moved",
                severity=Severity.INFO,
                message=f"Stop follows from {_price(position, before)} to "
                f"{_price(position, stop)}: {position}",
            )
    return bool(moved)


def _row(position: Position) -> QuerySet[Position]:
    """Its row while it still wants what we know it to want."""
    return Position.objects.filter(
        pk=position.pk, wanted_stop=position.wanted_stop, moving_since__isnull=False
    )


def _send(position: Position, seen: PositionState, broker: Broker) -> None:
    """Ask the broker for the wanted stop; what is no refusal is tried again."""
    try:
        broker.modify(position.broker_id, position.wanted_stop, seen.take)
    except Rejected as e:
        if e.code != GONE and seen.stop is not None and _give_up(position, seen.stop, e):
            _close_if_overtaken(position, broker)
    except BrokerError as e:
        log.warning("stop not moved yet", position=position.pk, error=str(e))


def _give_up(position: Position, stop: Decimal, error: Rejected) -> bool:
    """Leave the stop where the broker shows it until the next close; False when it is wanted
    elsewhere by now."""
    refused = _price(position, position.wanted_stop)
    with transaction.atomic():
        given_up = _row(position).update(wanted_stop=stop, moving_since=None)
        if given_up:
            position_tell(
                position=position,
                kind="position.stop_refused",
                severity=Severity.WARNING,
                message=f"Stop stays at {_price(position, stop)}: {position}: {refused} was "
                f"refused: {error}",
            )
    return bool(given_up)


def _close_if_overtaken(position: Position, broker: Broker) -> None:
    """Close where the market has passed the refused stop meanwhile, as the stop would have done."""
    symbol, stop = position.symbol, position.wanted_stop
    quote = quotes_fresh(source=symbol.source, names=[symbol.name]).get(symbol.name)
    if quote is None or stop is None:
        return
    closing = quote.bid if position.side > 0 else quote.ask
    if (closing - stop) * position.side <= 0:
        evidence = {"stop": f"{stop.normalize():f}", "price": f"{closing:f}"}
        cause = Cause("overtaken", evidence)
        order = close_request(position=position, origin=Origin.STRATEGY, cause=cause)
        order_send(order=order, broker=broker)


def _price(position: Position, price: Decimal | None) -> str:
    return "none" if price is None else f"{price:.{position.symbol.digits}f}"

"""The gate: the one transaction through which an order passes from APPROVED to SENDING.

Whatever it reads, it reads under the lock of the account's lease, so that two orders of an account
pass one after the other and the second counts what the first has reserved.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from shutil import disk_usage

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from trading.engine.hours import hours_of
from trading.engine.orders import OrderStatus
from trading.engine.risk import Control
from trading.engine.risk.order_checks import news_breach
from trading.engine.sessions import week_of
from trading.engine.types import EngineError, Quote
from trading.models import (
    Account,
    Deployment,
    KillMode,
    Lease,
    Order,
    Origin,
    Position,
    PositionOrigin,
    Purpose,
    Severity,
    Side,
)
from trading.selectors.brakes import Brakes, brakes_of
from trading.selectors.facts import expected_price
from trading.selectors.filters import news_near
from trading.selectors.kills import kill_over
from trading.selectors.pending import PendingOrder, doubt_about, orders_pending
from trading.selectors.protections import lock_over
from trading.selectors.quotes import SeenQuote, quotes_seen
from trading.selectors.risk import limit_set_of
from trading.services.clock import Moment, clock_read
from trading.services.judging import Refusal, limits_judge
from trading.services.leases import lease_standing
from trading.services.orders import order_tell
from trading.services.transitions import Cause, order_move

_BOTH = (Side.LONG, Side.SHORT)
_FORBIDDEN = {
    "SYMBOL_TRADE_MODE_DISABLED": _BOTH,
    "SYMBOL_TRADE_MODE_CLOSEONLY": _BOTH,
    "SYMBOL_TRADE_MODE_LONGONLY": (Side.SHORT,),
    "SYMBOL_TRADE_MODE_SHORTONLY": (Side.LONG,),
}
"""Sides that may not be entered, by the symbol's trade mode."""
Reason = tuple[str, str]
"""A stable code, and what was expected and found."""


def gate_pass(*, order: Order) -> Reason | None:
    """Move the order to SENDING, or to EXPIRED with the refusal that is returned; its numbers are
    kept with the move.

    Once ever: an order that is not APPROVED any more is refused as ALREADY_SENT and left alone.
    """
    seen = _quote_of(order)
    with transaction.atomic(durable=True):
        lease = _lease_of(order)
        moment = clock_read()
        refusal = _refusal(order, lease, moment, seen)
        if refusal is None:
            return _send(order, lease, moment, seen.quote if seen else None)
        _expire(order, refusal)
    return refusal.code, refusal.message


def _expire(order: Order, refusal: Refusal) -> None:
    code, message = refusal.code, refusal.message
    columns = {"code": code, "message": message[:300], "finished_at": now()}
    cause = Cause("gate", refusal.evidence())
    if order_move(order=order, to=OrderStatus.EXPIRED, cause=cause, **columns):
        order_tell(
            order=order,
            kind="order.denied",
            severity=Severity.WARNING,
            message=message,
            numbers=refusal.numbers,
        )
    else:
        order.refresh_from_db()


def _lease_of(order: Order) -> Lease | None:
    """The lease of the account, locked; the account of the order is read afresh with it."""
    leases = Lease.objects.select_for_update(of=("self",)).select_related("account")
    lease = leases.filter(account=order.account_id).first()
    if lease is None or lease.account is None:
        order.account.refresh_from_db()
    else:
        order.account = lease.account
    return lease


def _send(order: Order, lease: Lease | None, moment: Moment, quote: Quote | None) -> Reason | None:
    moved = order_move(
        order=order,
        to=OrderStatus.SENDING,
        cause=Cause("gate", epoch=lease.epoch if lease else None),
        sent_at=now(),
        sent_tick=moment.tick,
        sent_boot=moment.boot,
        epoch=lease.epoch if lease else None,
        quoted_at=quote.time if quote else None,
        expected_price=_price_expected(order, quote),
    )
    if moved:
        return None
    order.refresh_from_db()
    return "ALREADY_SENT", f"Expected an approved order, was {order.status}"


def _price_expected(order: Order, quote: Quote | None) -> Decimal | None:
    if quote is None or order.purpose != Purpose.ENTRY:
        return None
    return expected_price(order, quote)


def _refusal(
    order: Order, lease: Lease | None, moment: Moment, seen: SeenQuote | None
) -> Refusal | None:
    """The first reason against sending; the limits are judged last, all of them."""
    pending, quote = orders_pending(order=order), seen.quote if seen else None
    checks: list[Callable[[], Reason | Refusal | None]] = [lambda: _age_refusal(order)]
    if order.origin == Origin.STRATEGY:
        assert order.deployment_id is not None
        brakes = brakes_of(deployment_id=order.deployment_id)
        checks.append(lambda: _halt_refusal(order, brakes))
        if order.purpose == Purpose.CLOSE:
            checks.append(lambda: _news_refusal(order, quote))
    if order.purpose == Purpose.ENTRY or _is_volume_based(order):
        checks.append(lambda: _doubt_refusal(order, pending))
    if order.purpose == Purpose.ENTRY:
        checks += [
            lambda: _lease_refusal(lease, moment),
            _disk_refusal,
            lambda: _entry_refusal(order, brakes, quote),
            lambda: _lock_refusal(order, brakes),
            lambda: _symbol_refusal(order),
            lambda: _mode_refusal(order),
            lambda: _session_refusal(order, quote),
            lambda: _limit_refusal(order, seen, pending, lease, moment),
        ]
    reason = next((found for check in checks if (found := check()) is not None), None)
    return None if reason is None else Refusal(*reason)


def _is_volume_based(order: Order) -> bool:
    """Whether sending the close twice would close more than once."""
    return order.is_partial_close or _is_netting(order)


def _is_netting(order: Order) -> bool:
    return order.account.position_mode == Account.PositionMode.NETTING


def _age_refusal(order: Order) -> Reason | None:
    if order.good_until is None or order.good_until >= now():
        return None
    return "SIGNAL_TOO_OLD", f"Expected to be sent before {order.good_until:%H:%M:%S}, was later"


def _halt_refusal(order: Order, brakes: Brakes) -> Reason | None:
    """What stops everything a strategy wants: a halted account, a switch in mode HALT.

    Strategies may still reduce under any other switch and while the account is REDUCING.
    """
    account = order.account
    if account.state == Account.State.HALTED:
        return "ACCOUNT_NOT_ACTIVE", f"Account is {account.state}: {account.state_reason}"
    mode = KillMode.HALT if order.purpose == Purpose.CLOSE else None
    switch = kill_over(order=order, mode=mode) if brakes.is_switched else None
    if switch is None:
        return None
    return "KILL_SWITCH", f"{switch} pulled by {switch.pulled_by}: {switch.reason}"


def _lease_refusal(lease: Lease | None, moment: Moment) -> Reason | None:
    if lease is None:
        return "NO_GATEWAY", "Expected a gateway that runs the account, was none"
    return lease_standing(lease, moment)


def _disk_refusal() -> Reason | None:
    """Entries stop while there is still room to write down what exits do."""
    free = disk_usage(settings.VAR_DIR).free >> 20
    if free >= settings.DISK_RESERVE_MB:
        return None
    return "DISK_FULL", f"Expected {settings.DISK_RESERVE_MB} MiB free, was {free}"


def _doubt_refusal(order: Order, pending: list[PendingOrder]) -> Reason | None:
    doubt = doubt_about(order, pending)
    if doubt is None:
        return None
    return "IN_DOUBT", f"Order {doubt.client_id} is {doubt.status}, its outcome unproved"


def _entry_refusal(order: Order, brakes: Brakes, quote: Quote | None) -> Reason | None:
    account = order.account
    if account.state != Account.State.ACTIVE:
        return "ACCOUNT_NOT_ACTIVE", f"Account is {account.state}: {account.state_reason}"
    if brakes.state != Deployment.State.RUNNING:
        return "DEPLOYMENT_PAUSED", f"Deployment is {brakes.state}"
    return _hours_refusal(brakes.hours, quote.time if quote else now())


def _hours_refusal(hours: str, at: datetime) -> Reason | None:
    """No entry outside the hours that the deployment keeps to, by the market's own clock."""
    try:
        week = hours_of(hours)
    except EngineError as e:
        return "OUTSIDE_HOURS", str(e)
    if week.is_open(at):
        return None
    return "OUTSIDE_HOURS", f"Expected within {hours}, was {at:%a %H:%M} UTC"


def _news_refusal(order: Order, quote: Quote | None) -> Reason | None:
    """A close that a strategy wants waits for its next bar where closes keep off the news too.

    What is not known, a limit or the calendar, holds no exit back.
    """
    if order.deployment is None:
        return None
    try:
        limits = limit_set_of(deployment=order.deployment).of(Control.NEWS_CLOSES)
    except EngineError:
        return None
    near = news_near(symbol=order.symbol, at=quote.time if quote else now()) if limits else None
    if near is None or near.seconds is None:
        return None
    found = (news_breach(limit, near.seconds, near.names) for limit in limits)
    breach = next((breach for breach in found if breach is not None), None)
    return (Control.NEWS_CLOSES.spec.code, breach.message) if breach else None


def _lock_refusal(order: Order, brakes: Brakes) -> Reason | None:
    lock = lock_over(order=order) if brakes.is_locked else None
    if lock is None:
        return None
    end = f"until {lock.expires_at:%a %H:%M} UTC" if lock.expires_at else "until it is released"
    return "LOCKED", f"{lock} {end}: {lock.reason}"


def _symbol_refusal(order: Order) -> Reason | None:
    """Positions of others on the symbol that forbid an entry."""
    account = order.account
    there = Position.objects.filter(account=account, symbol=order.symbol_id, closed_at=None)
    if account.manual_policy == Account.ManualPolicy.FREEZE:
        manual = there.filter(origin=PositionOrigin.MANUAL).first()
        if manual is not None:
            return "SYMBOL_FROZEN", f"Expected no position by hand on the symbol, was {manual}"
    if not _is_netting(order):
        return None
    foreign = there.exclude(deployment=order.deployment_id).first()
    if foreign is not None:
        return "NETTING_SHARED", f"Expected no position of others on the symbol, was {foreign}"
    rival = Deployment.objects.filter(
        account=account, symbol=order.symbol_id, state=Deployment.State.RUNNING
    ).exclude(pk=order.deployment_id or 0)
    if rival.exists():
        return "NETTING_SHARED", f"Expected one running deployment on it, was also {rival[0]}"
    return None


def _mode_refusal(order: Order) -> Reason | None:
    """What the broker does not allow on the symbol at all, or not to this side."""
    mode = order.symbol.trade_mode
    if order.side in _FORBIDDEN.get(mode, ()):
        side = Side(order.side).label.lower()
        return "TRADE_DISABLED", f"Expected the broker to allow {side} entries, was {mode}"
    return None


def _session_refusal(order: Order, quote: Quote | None) -> Reason | None:
    """No entry outside the symbol's trade sessions, by the market's own clock."""
    at = quote.time if quote else now()
    try:
        week = week_of(order.symbol.sessions, "trade")
    except EngineError as e:
        return "MARKET_CLOSED", f"{order.symbol.name}: {e}"
    if week.is_open(at):
        return None
    opens = week.next_open(at)
    then = f"opens {opens:%a %H:%M} UTC" if opens else "opens not within 15 days"
    return "MARKET_CLOSED", f"Expected {order.symbol.name} in a trade session, was closed: {then}"


def _limit_refusal(
    order: Order,
    seen: SeenQuote | None,
    pending: list[PendingOrder],
    lease: Lease | None,
    moment: Moment,
) -> Reason | Refusal | None:
    """Every limit, on open, resting and reserved exposure."""
    if seen is None:
        return "QUOTE_STALE", f"Expected a fresh quote of {order.symbol.name}, was none"
    assert lease is not None  # asked for before
    return limits_judge(order=order, seen=seen, pending=pending, lease=lease, moment=moment)


def _quote_of(order: Order) -> SeenQuote | None:
    symbol = order.symbol
    seen = quotes_seen(source=symbol.source, names=[symbol.name]).get(symbol.name)
    return None if seen is None or seen.is_stale else seen

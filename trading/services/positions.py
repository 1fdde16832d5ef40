"""Positions: what the broker shows, written down and told apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.timezone import now

from trading.engine.reconcile import is_on_its_way
from trading.engine.types import PositionState
from trading.models import (
    Account,
    Deployment,
    Order,
    Position,
    PositionOrigin,
    Severity,
    Symbol,
)
from trading.services.events import Happening, event_append


def position_find(*, account: Account, seen: PositionState, entry: Order | None = None) -> Position:
    """The row of a position the broker shows; one we did not know of is written down, and told.

    `entry` is the order that opened it, where the caller knows it.

    It is a strategy's when an order of ours has its client id, an orphan when only its magic is
    ours, else by hand. An orphan with the form of our client ids means that this database does not
    know what it once ordered.
    """
    related = ("account", "symbol", "deployment")
    rows = Position.objects.select_related(*related).filter(account=account, broker_id=seen.id)
    known = rows.first() if entry is None else None  # that of an entry is hardly ever known
    if known is not None:
        return known
    order = entry or _order_of(account, seen)
    position, created = Position.objects.get_or_create(
        account=account, broker_id=seen.id, defaults=_columns(account, seen, order)
    )
    if created and order is None:
        by_hand = position.origin == PositionOrigin.MANUAL
        kind = "position.manual" if by_hand else "position.orphan"
        position_tell(
            position=position,
            kind=kind,
            severity=Severity.WARNING,
            message=f"Found at the broker, {position.get_origin_display().lower()}: {position}",
        )
    return position if created else rows.get()


def position_open(
    *, account: Account, seen: PositionState, entry: Order, commission: Decimal
) -> Position:
    """The row of a position that `entry` has just opened; IntegrityError when there is one."""
    columns = _columns(account, seen, entry)
    return Position.objects.create(
        account=account, broker_id=seen.id, commission=commission, **columns
    )


def position_claim(*, position: Position, order: Order) -> None:
    """It is the execution of this entry, whatever it was taken for before."""
    if position.origin == PositionOrigin.STRATEGY and position.deployment_id == order.deployment_id:
        return
    position.origin, position.deployment = PositionOrigin.STRATEGY, order.deployment
    position.wanted_stop, position.trail = order.stop, order.trail
    position.save(update_fields=["origin", "deployment", "wanted_stop", "trail"])


def position_vanish(*, position: Position, at: datetime) -> bool:
    """Close a row whose position the broker has no longer; its deal may still arrive and complete
    it. False when it is closed already.
    """
    with transaction.atomic():
        open_row = Position.objects.filter(pk=position.pk, closed_at__isnull=True)
        vanished = open_row.update(closed_at=at, exit_reason="UNKNOWN")
        if vanished:
            position_tell(
                position=position,
                kind="position.vanished",
                severity=Severity.ERROR,
                message=f"Gone at the broker without a deal: {position}",
            )
    return bool(vanished)


def position_return(*, position: Position) -> bool:
    """The broker shows again what was missing; a row that was closed meanwhile is open again."""
    with transaction.atomic():
        if position.closed_at is None:
            return bool(Position.objects.filter(pk=position.pk).update(missing_since=None))
        closed = Position.objects.filter(pk=position.pk, closed_at__isnull=False)
        opened = closed.update(closed_at=None, exit_reason="", missing_since=None)
        if opened:
            position_tell(
                position=position,
                kind="position.returned",
                severity=Severity.ERROR,
                message=f"At the broker again although it was taken for gone: {position}",
            )
    return bool(opened)


def position_change(*, position: Position, seen: PositionState) -> bool:
    """Take over what somebody else changed at the broker; False when nothing differs."""
    goal = position.wanted_stop if position.moving_since else None
    if is_on_its_way(position.stop, goal, seen.stop):
        seen = replace(seen, stop=position.stop)
    before = (position.lots, position.stop, position.take)
    after = (seen.lots, seen.stop, seen.take)
    if before == after:
        return False
    with transaction.atomic():
        columns: dict[str, object] = {"lots": seen.lots, "stop": seen.stop, "take": seen.take}
        if seen.stop is not None and seen.stop != position.stop:
            columns |= {"wanted_stop": seen.stop, "moving_since": None}
        Position.objects.filter(pk=position.pk).update(**columns)
        was, found = _as_text(before), _as_text(after)
        position_tell(
            position=position,
            kind="position.changed",
            severity=Severity.WARNING,
            message=f"Changed at the broker: {position}, lots, stop, take were {was}; now {found}",
        )
    return True


def position_miss(*, position: Position) -> bool:
    """Note the first reading that did not show it."""
    rows = Position.objects.filter(pk=position.pk, missing_since__isnull=True)
    return bool(rows.update(missing_since=now()))


@transaction.atomic
def position_hands(*, position: Position, off: bool, actor: AbstractBaseUser) -> bool:
    """Leave the stop of an open position to a person, or look after it again; tells who wanted it.

    False when it is closed, or was so already.
    """
    rows = Position.objects.filter(pk=position.pk, closed_at__isnull=True).exclude(hands_off=off)
    changed = rows.update(hands_off=off)
    if changed:
        position.hands_off = off
        what = "Its stop is a person's now" if off else "Its stop is looked after again"
        position_tell(
            position=position,
            kind="position.hands_off" if off else "position.hands_on",
            severity=Severity.WARNING if off else Severity.INFO,
            message=f"{what}, by {actor.get_username()}: {position}",
        )
    return bool(changed)


def deployment_of(account: Account, magic: int) -> Deployment | None:
    """The deployment of a magic number, if it is one of this account's."""
    return Deployment.objects.filter(account=account, pk=magic).first() if magic else None


def position_tell(*, position: Position, kind: str, severity: Severity, message: str) -> None:
    """An event about the position, in the caller's transaction."""
    event_append(
        happening=Happening(
            kind=kind,
            message=message,
            severity=severity,
            account=position.account,
            deployment=position.deployment,
            payload={
                "position": position.pk,
                "broker_id": position.broker_id,
                "origin": position.origin,
            },
        )
    )


def _columns(account: Account, seen: PositionState, order: Order | None) -> dict[str, Any]:
    deployment = order.deployment if order else deployment_of(account, seen.magic)
    origin = _origin(order, deployment, seen)
    stop, take = (order.stop, order.take) if order else (seen.stop, seen.take)
    return {
        "symbol": _symbol_of(account, seen, order),
        "deployment": deployment if origin != PositionOrigin.MANUAL else None,
        "origin": origin,
        "side": seen.side,
        "lots": seen.lots,
        "entry_price": seen.entry_price,
        "stop": stop,
        "take": take,
        "wanted_stop": stop,
        "trail": order.trail if order else None,
        "opened_at": seen.opened_at,
        "profit": seen.profit,
    }


def _as_text(values: Iterable[Decimal | None]) -> str:
    return ", ".join("none" if value is None else f"{value:f}" for value in values)


def _order_of(account: Account, seen: PositionState) -> Order | None:
    if not seen.client_id:
        return None
    return Order.objects.filter(account=account, client_id=seen.client_id).first()


def _symbol_of(account: Account, seen: PositionState, order: Order | None) -> Symbol:
    if order is not None and order.symbol.name == seen.symbol:
        return order.symbol
    return Symbol.objects.get(source=account.source, name=seen.symbol)


def _origin(
    order: Order | None, deployment: Deployment | None, seen: PositionState
) -> PositionOrigin:
    if order is not None:
        return PositionOrigin.STRATEGY
    if deployment is not None and not seen.by_hand:
        return PositionOrigin.ORPHAN
    return PositionOrigin.MANUAL

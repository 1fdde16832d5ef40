"""What pulled kill switches ask for beyond refusing entries."""

from __future__ import annotations

from datetime import timedelta

from trading.brokers.base import Broker
from trading.crashpoints import crash_point
from trading.engine.orders import OrderStatus
from trading.engine.types import AccountState
from trading.models import Account, KillMode, KillSwitch, Order, Position
from trading.selectors.kills import kills_on, kills_pulled
from trading.services.orders import closed_lately, kill_close_create
from trading.services.positions import position_find
from trading.services.sending import order_cancel, order_send

AGAIN_AFTER = timedelta(seconds=2)
"""Pause before a close that was not executed is tried again."""


def kills_apply(*, account: Account, broker: Broker, state: AccountState) -> int:
    """What the pulled switches ask for beyond refusing entries: take resting orders back, and
    close the positions that a FLATTEN covers. Returns how many requests were sent.

    Safe to call again and again: closes go by position id, and one that is under way or has just
    failed is left alone for a moment.
    """
    if not kills_pulled().exists():
        return 0
    return _cancel(account, broker) + _flatten(account, broker, state)


def _cancel(account: Account, broker: Broker) -> int:
    resting = Order.objects.filter(account=account, status=OrderStatus.ACCEPTED)
    covered = [
        order
        for order in resting.select_related("account", "symbol", "deployment")
        if kills_on(account=account, deployment=order.deployment_id, symbol=order.symbol_id)
    ]
    return sum(order_cancel(order=order, broker=broker) for order in covered)


def _flatten(account: Account, broker: Broker, state: AccountState) -> int:
    sent = 0
    for seen in state.positions:
        position = position_find(account=account, seen=seen)
        switch = _flattens(position)
        if switch is not None and not closed_lately(position=position, within=AGAIN_AFTER):
            order_send(order=kill_close_create(position=position, switch=switch), broker=broker)
            crash_point("flatten-some")
            sent += 1
    return sent


def _flattens(position: Position) -> KillSwitch | None:
    pulled = kills_on(
        account=position.account, deployment=position.deployment_id, symbol=position.symbol_id
    )
    return pulled.filter(mode=KillMode.FLATTEN).first()

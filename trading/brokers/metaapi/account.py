"""What readings of an account make of it for the port, whoever reads: REST, the socket, memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final, Protocol, TypeVar

from trading.brokers.base import Unavailable
from trading.brokers.metaapi import mapping
from trading.brokers.metaapi.payload import PayloadError
from trading.engine.types import AccountState, Fill, PositionState, RestingOrder, Snapshot

T = TypeVar("T")
_AHEAD: Final = timedelta(days=1)
"""Deals are read to so long after the server's clock: no deal of now may fall behind the end."""


@dataclass(frozen=True, slots=True)
class Money:
    """What we take an account's money for: one that answers in another currency is Unavailable.
    `leverage` serves where the broker names none."""

    currency: str
    leverage: int = 1


class Standing(Protocol):
    """Readings of the present, as payloads; they raise Unavailable."""

    account_id: str

    def account_information(self) -> Any:
        """Balance, equity and margin."""

    def positions(self) -> Sequence[Any]:
        """Open positions."""


class Readings(Standing, Protocol):
    """Everything that a snapshot is made of."""

    def server_time(self) -> datetime:
        """The server's clock, UTC."""

    def orders(self) -> Sequence[Any]:
        """Pending orders."""

    def deals(self, start: datetime, end: datetime) -> Sequence[Any]:
        """Deals of [start, end), all pages."""

    def deals_of_position(self, position_id: str) -> Sequence[Any]:
        """All deals of a position."""


def account_of(readings: Standing, money: Money) -> AccountState:
    """Balance, equity, margin and open positions; raises Unavailable."""
    given = readings.positions()
    return _account(readings, money, made(readings, lambda: positions_of(given)))


def snapshot_of(readings: Readings, money: Money, since: datetime) -> Snapshot:
    """Everything as the port wants it, but never complete; raises Unavailable.

    The deals are read first, so that a position that closes meanwhile is absent rather than shown
    beside its end.
    """
    time = readings.server_time()
    deals = _deals(readings, since, time)
    fills = made(readings, lambda: mapping.fills_of(deals))
    resting = readings.orders()
    orders = made(readings, lambda: orders_of(resting))
    given = readings.positions()
    links = made(readings, lambda: mapping.ticket_links([*deals, *given]))
    positions = _with_client_ids(made(readings, lambda: positions_of(given)), fills, links)
    return Snapshot(
        account=_account(readings, money, positions),
        orders=tuple(orders),
        deals=tuple(fill for fill in fills if fill.at >= since),
        time=time,
        is_complete=False,
    )


def positions_of(payloads: Sequence[Any]) -> list[PositionState]:
    """Open positions; raises PayloadError."""
    return [mapping.position_state(payload) for payload in payloads]


def orders_of(payloads: Sequence[Any]) -> list[RestingOrder]:
    """Pending orders of the sorts we know; raises PayloadError."""
    orders = (mapping.resting_order(payload) for payload in payloads)
    return [order for order in orders if order is not None]


def made(of: Standing, make: Callable[[], T]) -> T:
    """What is made of a payload; Unavailable where that is not of the expected shape."""
    try:
        return make()
    except PayloadError as e:
        raise Unavailable(f"{of.account_id}: {e}", "PAYLOAD") from e


def _account(readings: Standing, money: Money, positions: Sequence[PositionState]) -> AccountState:
    given = readings.account_information()
    state = made(readings, lambda: mapping.account_state(given, positions, money.leverage))
    if state.currency != money.currency:
        raise Unavailable(
            f"{readings.account_id}: expected an account in {money.currency}, was {state.currency}",
            "CURRENCY",
        )
    return state


def _deals(readings: Readings, since: datetime, time: datetime) -> list[Any]:
    """The deals since, and all deals of the positions that were reversed since."""
    recent = list(readings.deals(since, time + _AHEAD))
    reversed_ids = made(readings, lambda: mapping.reversed_positions(recent))
    whole = (readings.deals_of_position(position_id) for position_id in reversed_ids)
    return [*recent, *chain.from_iterable(whole)]


def _with_client_ids(
    positions: Sequence[PositionState], fills: Sequence[Fill], links: dict[str, str]
) -> list[PositionState]:
    """The rest of a partial close on MetaTrader 4 has lost its client id: give it its own again."""
    known = {p.id: p.client_id for p in positions if p.client_id}
    known |= {f.position_id: f.client_id for f in fills if f.opens and f.client_id}
    return [
        p if p.client_id else replace(p, client_id=known.get(links.get(p.id, ""), ""))
        for p in positions
    ]

"""Readings over the socket, with what only the socket tells: whether the history has holes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from trading.brokers.base import Unavailable
from trading.brokers.metaapi.link import Link
from trading.brokers.metaapi.payload import Fields, PayloadError, items_of
from trading.brokers.metaapi.rest import MOST_PAGES, PAGE

_FRESH: Final = {"refreshTerminalState": True}
"""Have the terminal ask its broker first."""


class SocketReads:
    """The `Readings` of one snapshot.

    `is_synchronizing` says whether any of them was of an incomplete history.
    """

    def __init__(self, link: Link) -> None:
        self.account_id = link.account_id
        self.is_synchronizing = False
        self._link = link

    def server_time(self) -> datetime:
        """The server's clock, UTC."""
        payload = self._link.read("get_server_time")
        try:
            return Fields("server time", payload).moment("time")
        except PayloadError as e:
            raise self._unreadable(e) from e

    def account_information(self) -> Any:
        """Balance, equity and margin."""
        return self._link.read("get_account_information", _FRESH)

    def positions(self) -> Sequence[Any]:
        """Open positions."""
        return self._items("positions", self._link.read("get_positions", _FRESH))

    def orders(self) -> Sequence[Any]:
        """Pending orders."""
        return self._items("orders", self._link.read("get_orders", _FRESH))

    def deals(self, start: datetime, end: datetime) -> Sequence[Any]:
        """Deals of [start, end), all pages."""
        return self._pages("get_deals_by_time_range", "deals", start, end)

    def deals_of_position(self, position_id: str) -> Sequence[Any]:
        """All deals of a position."""
        return self._history(self._link.read("get_deals_by_position", position_id), "deals")

    def look_at_orders(self, since: datetime) -> None:
        """Learn whether the history of orders is complete; its rows say nothing more."""
        end = since + timedelta(days=1)
        answer = self._link.read("get_history_orders_by_time_range", since, end, 0, 1)
        self._history(answer, "historyOrders")

    def _pages(self, method: str, name: str, start: datetime, end: datetime) -> Sequence[Any]:
        found: list[Any] = []
        for _ in range(MOST_PAGES):
            page = self._history(self._link.read(method, start, end, len(found), PAGE), name)
            found += page
            if len(page) < PAGE:
                return found
        raise Unavailable(f"{self.account_id}: expected at most {MOST_PAGES} pages of history")

    def _history(self, answer: Any, name: str) -> Sequence[Any]:
        try:
            fields = Fields(name, answer)
            # No word is no proof.
            self.is_synchronizing |= fields.flag("synchronizing", default=True)
            return items_of(name, fields.raw(name))
        except PayloadError as e:
            raise self._unreadable(e) from e

    def _items(self, name: str, payload: Any) -> Sequence[Any]:
        try:
            return items_of(name, payload)
        except PayloadError as e:
            raise self._unreadable(e) from e

    def _unreadable(self, error: PayloadError) -> Unavailable:
        return Unavailable(f"{self.account_id}: {error}", "PAYLOAD")

"""What a test hands to the SDK: a listener that remembers, and a history kept in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from metaapi_cloud_sdk import HistoryStorage, SynchronizationListener

BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Listener(SynchronizationListener):  # type: ignore[misc]
    """Writes down what it is told, as pairs of a name and a value."""

    def __init__(self, events: list[tuple[str, Any]]) -> None:
        super().__init__()
        self._events = events

    async def on_connected(self, instance_index: str, replicas: int) -> None:
        self._events.append(("connected", instance_index))

    async def on_broker_connection_status_changed(
        self, instance_index: str, connected: bool
    ) -> None:
        self._events.append(("status", connected))

    async def on_symbol_price_updated(self, instance_index: str, price: Any) -> None:
        self._events.append(("price", price))

    async def on_position_updated(self, instance_index: str, position: Any) -> None:
        self._events.append(("position", position))

    async def on_position_removed(self, instance_index: str, position_id: str) -> None:
        self._events.append(("gone", position_id))

    async def on_deal_added(self, instance_index: str, deal: Any) -> None:
        self._events.append(("deal", deal))

    async def on_deals_synchronized(self, instance_index: str, synchronization_id: str) -> None:
        self._events.append(("synchronized", synchronization_id))


class MemoryStorage(HistoryStorage):  # type: ignore[misc]
    """The history in memory; the SDK's own storage would write into the current directory."""

    def __init__(self) -> None:
        super().__init__()
        self._deals: dict[str, Any] = {}
        self._orders: dict[str, Any] = {}

    async def clear(self) -> None:
        self._deals, self._orders = {}, {}

    async def last_history_order_time(self, instance_index: str | None = None) -> datetime:
        return max((order["doneTime"] for order in self._orders.values()), default=BEGINNING)

    async def last_deal_time(self, instance_index: str | None = None) -> datetime:
        return max((deal["time"] for deal in self._deals.values()), default=BEGINNING)

    async def on_history_order_added(self, instance_index: str, history_order: Any) -> None:
        self._orders[history_order["id"]] = history_order

    async def on_deal_added(self, instance_index: str, deal: Any) -> None:
        self._deals[deal["id"]] = deal

    @property
    def deals(self) -> list[Any]:
        return list(self._deals.values())

    @property
    def history_orders(self) -> list[Any]:
        return list(self._orders.values())

    def get_deals_by_ticket(self, id: str) -> list[Any]:
        return [deal for deal in self.deals if deal["id"] == id]

    def get_deals_by_position(self, position_id: str) -> list[Any]:
        return [deal for deal in self.deals if deal.get("positionId") == position_id]

    def get_deals_by_time_range(self, start_time: datetime, end_time: datetime) -> list[Any]:
        return [deal for deal in self.deals if start_time <= deal["time"] <= end_time]

    def get_history_orders_by_ticket(self, id: str) -> list[Any]:
        return [order for order in self.history_orders if order["id"] == id]

    def get_history_orders_by_position(self, position_id: str) -> list[Any]:
        orders = self.history_orders
        return [order for order in orders if order.get("positionId") == position_id]

    def get_history_orders_by_time_range(
        self, start_time: datetime, end_time: datetime
    ) -> list[Any]:
        orders = self.history_orders
        return [order for order in orders if start_time <= order["doneTime"] <= end_time]

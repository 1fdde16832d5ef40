"""What a streaming connection tells, taken down at once: the SDK waits for its listeners.

Two mixins that `stream` joins with the SDK's base classes: everything else those have stays a
no-op. Their methods are called in the SDK's loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from trading.brokers.metaapi.pulse import Pulse

HISTORY: Final = timedelta(hours=24)
"""How far back a connection is told the history the first time."""
OVERLAP: Final = timedelta(minutes=5)
"""What is told again at each synchronisation: history may come in another order than its times."""


@dataclass(frozen=True, slots=True)
class Ears:
    """Who is told what; each must return at once."""

    pulse: Pulse
    session_of: Callable[[str], str]
    on_price: Callable[[Any], None]
    on_deal: Callable[[Any], None]
    on_synchronized: Callable[[], None]
    on_news: Callable[[], None]
    """It may have become LIVE."""


class Events:
    """The listener. An index is "region:number:host"."""

    ears: Ears

    async def on_connected(self, index: str, replicas: int) -> None:
        self.ears.pulse.connected(index, self.ears.session_of(index))

    async def on_disconnected(self, index: str) -> None:
        self.ears.pulse.gone(index)

    async def on_stream_closed(self, index: str) -> None:
        self.ears.pulse.gone(index)

    async def on_unsubscribe_region(self, region: str) -> None:
        self.ears.pulse.lost(f"{region}:")

    async def on_broker_connection_status_changed(self, index: str, connected: bool) -> None:
        if self.ears.pulse.status(index, is_at_broker=connected):
            self.ears.on_news()

    async def on_synchronization_started(
        self, index: str, *_: Any, synchronization_id: str = "", **__: Any
    ) -> None:
        self.ears.pulse.started(index, synchronization_id)

    async def on_history_orders_synchronized(self, index: str, synchronization_id: str) -> None:
        self.ears.pulse.finished(index, synchronization_id, "orders")

    async def on_deals_synchronized(self, index: str, synchronization_id: str) -> None:
        self.ears.pulse.finished(index, synchronization_id, "deals")
        self.ears.on_synchronized()

    async def on_symbol_price_updated(self, index: str, price: Any) -> None:
        self.ears.on_price(price)

    async def on_deal_added(self, index: str, deal: Any) -> None:
        self.ears.on_deal(deal)


class History:
    """The history storage, which stores nothing but how far the history is known.

    That moves only when a synchronisation has ended: what was told by half is told again.
    """

    def __init__(self, start: datetime | None = None) -> None:
        super().__init__()
        self._known = self._newest = start or datetime.now(UTC) - HISTORY

    async def clear(self) -> None:
        """There is nothing to clear."""

    async def last_history_order_time(self, instance: str | None = None) -> datetime:
        return self._known

    async def last_deal_time(self, instance: str | None = None) -> datetime:
        return self._known

    async def on_deal_added(self, index: str, deal: Any) -> None:
        self._newest = max(self._newest, deal["time"])

    async def on_history_order_added(self, index: str, order: Any) -> None:
        """The deals say how far it goes."""

    async def on_deals_synchronized(self, index: str, synchronization_id: str) -> None:
        self._known = max(self._known, self._newest - OVERLAP)
        await super().on_deals_synchronized(index, synchronization_id)  # type: ignore[misc]

    deals: Sequence[Any] = ()
    history_orders: Sequence[Any] = ()

    def get_deals_by_ticket(self, _: str) -> Sequence[Any]:
        return ()

    get_deals_by_position = get_history_orders_by_ticket = get_deals_by_ticket
    get_history_orders_by_position = get_deals_by_ticket

    def get_deals_by_time_range(self, _: datetime, __: datetime) -> Sequence[Any]:
        return ()

    get_history_orders_by_time_range = get_deals_by_time_range

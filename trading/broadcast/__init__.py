"""What the browsers are told, and how.

Sending never fails and never delays the caller: the database is the truth, and a browser that
missed something asks again.
"""

from trading.broadcast.payloads import (
    AccountPayload,
    CandlePayload,
    DeploymentPayload,
    EventPayload,
    EventsFrame,
    FillPayload,
    MarketFrame,
    PositionPayload,
    QuotePayload,
    SnapshotFrame,
)
from trading.broadcast.sender import GROUP, send

__all__ = [
    "GROUP",
    "AccountPayload",
    "CandlePayload",
    "DeploymentPayload",
    "EventPayload",
    "EventsFrame",
    "FillPayload",
    "MarketFrame",
    "PositionPayload",
    "QuotePayload",
    "SnapshotFrame",
    "hint_events",
    "market",
]


def hint_events(event_id: int) -> None:
    """Tell the consumers that events up to `event_id` can be read."""
    send({"type": "events.hint", "event_id": event_id})


def market(frame: MarketFrame) -> None:
    """Push a market frame; the caller coalesces to at most five a second."""
    send({"type": "market.frame", "frame": frame})

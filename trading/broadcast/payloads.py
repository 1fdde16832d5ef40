"""What crosses the WebSocket, typed.

The browser gets one `snapshot`, then `events` (with ids, resumable) and `market` frames
(coalesced, replaceable).
"""

from __future__ import annotations

from typing import Literal, TypedDict


class CandlePayload(TypedDict):
    """A bar, closed or forming; `time` is the open time in epoch seconds (UTC)."""

    symbol: str
    timeframe: str
    time: int
    open: float
    high: float
    low: float
    close: float


class QuotePayload(TypedDict):
    symbol: str
    time: int
    bid: str
    ask: str


class PositionPayload(TypedDict):
    id: int
    account: int
    symbol: str
    side: int
    lots: str
    entry_price: str
    stop: str | None
    take: str | None
    profit: str
    opened_at: str
    deployment: str


class AccountPayload(TypedDict):
    """An account with its condition: `state` is the word, `state_reason` says why."""

    id: int
    name: str
    currency: str
    state: str
    state_reason: str
    balance: str
    equity: str
    margin: str
    day_start_equity: str | None
    observed_at: str | None


class FillPayload(TypedDict):
    id: int
    account: int
    symbol: str
    side: int
    opens: bool
    lots: str
    price: str
    profit: str
    reason: str
    at: str


class DeploymentPayload(TypedDict):
    """A deployment with its last answer."""

    id: int
    account: int
    label: str
    symbol: str
    timeframe: str
    state: str
    bar_open: str | None
    outcome: str
    code: str
    message: str


class EventPayload(TypedDict):
    id: int
    kind: str
    severity: int
    message: str
    account: int | None
    at: str


class MarketFrame(TypedDict):
    """Everything that moves with the price; a later frame replaces an earlier one."""

    type: Literal["market"]
    quotes: list[QuotePayload]
    candles: list[CandlePayload]
    accounts: list[AccountPayload]
    positions: list[PositionPayload]
    deployments: list[DeploymentPayload]


class EventsFrame(TypedDict):
    """Events in order, with the rows that changed. Accounts are among them because an account's
    condition changes without an event when its gateway is gone."""

    type: Literal["events"]
    events: list[EventPayload]
    accounts: list[AccountPayload]
    fills: list[FillPayload]
    deployments: list[DeploymentPayload]


class SnapshotFrame(TypedDict):
    """The whole state at connect; `last_event_id` is where `events` go on from."""

    type: Literal["snapshot"]
    last_event_id: int
    accounts: list[AccountPayload]
    positions: list[PositionPayload]
    fills: list[FillPayload]
    deployments: list[DeploymentPayload]
    events: list[EventPayload]
    equity: dict[int, list[tuple[int, float]]]
    """Curve of each account: (epoch seconds on the market's clock, equity)."""

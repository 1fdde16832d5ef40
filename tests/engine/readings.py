"""Small values to reconcile: an order sent at NOON for 0.10 lots of EURUSD, its position P, and
readings that show what a test lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading.engine.orders import OrderStatus
from trading.engine.reconcile import diff
from trading.engine.repairs import OurOrder, OurPosition, Ours, Repair, Rules
from trading.engine.timing import Timing
from trading.engine.types import (
    AccountState,
    Fill,
    OrderKind,
    PositionState,
    RestingOrder,
    Snapshot,
)

S = OrderStatus
D = Decimal
NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)
T = Timing()
GONE = T.call_deadline + T.reconcile_doubt
"""Somebody may wait for an answer this long."""
OUR = {"magics": frozenset({7})}


def entry(status: OrderStatus = S.UNKNOWN, **more: object) -> OurOrder:
    values: dict[str, object] = {
        "id": 1,
        "client_id": "a",
        "is_entry": True,
        "status": status,
        "symbol": "EURUSD",
        "side": 1,
        "lots": D("0.10"),
        "filled_lots": D(0),
        "magic": 7,
        "position_id": "",
        "remaining_lots": D(0),
        "is_overdue": False,
        "sent_for": 30.0,
        "absent_for": None,
        "verify_stage": 0,
        "quoted_at": NOON,
        "expires_at": None,
    }
    return OurOrder(**{**values, **more})  # type: ignore[arg-type]  # any field


def close(status: OrderStatus = S.UNKNOWN, **more: object) -> OurOrder:
    """A close of position P."""
    given: dict[str, object] = {"client_id": "c", "is_entry": False, "position_id": "P"}
    return entry(status, **{**given, **more})


def row(**more: object) -> OurPosition:
    """Our open row of position P."""
    values: dict[str, object] = {"id": 5, "broker_id": "P", "symbol": "EURUSD", "side": 1}
    values |= {"lots": D("0.10"), "stop": D("1.09"), "take": None, "goal": None}
    values |= {"missing_for": None}
    return OurPosition(**{**values, **more})  # type: ignore[arg-type]  # any field


def position(client_id: str = "a", **more: object) -> PositionState:
    """Position P as the broker shows it."""
    values: dict[str, object] = {"id": "P", "symbol": "EURUSD", "side": 1, "lots": D("0.10")}
    values |= {"entry_price": D("1.1"), "opened_at": NOON, "stop": D("1.09"), "magic": 7}
    return PositionState(client_id=client_id, **{**values, **more})  # type: ignore[arg-type]


def resting(client_id: str = "a") -> RestingOrder:
    return RestingOrder(
        "R", "EURUSD", 1, D("0.10"), OrderKind.LIMIT, D("1.08"), client_id=client_id
    )


def deal(deal_id: str = "1", client_id: str = "a", **more: object) -> Fill:
    values: dict[str, object] = {"position_id": "P", "symbol": "EURUSD", "side": 1}
    values |= {"opens": True, "lots": D("0.10"), "price": D("1.1"), "at": NOON, "magic": 7}
    return Fill(deal_id=deal_id, client_id=client_id, **{**values, **more})  # type: ignore[arg-type]


def ours(*items: OurOrder | OurPosition, deals: str = "", **more: frozenset[int]) -> Ours:
    """Our side; every row and every position of a close is known."""
    orders = tuple(i for i in items if isinstance(i, OurOrder))
    rows = tuple(i for i in items if isinstance(i, OurPosition))
    known = {r.broker_id for r in rows} | {o.position_id for o in orders if not o.is_entry}
    return Ours(orders, rows, frozenset(known), frozenset(deals.split()), **{**OUR, **more})


def theirs(*items: PositionState | RestingOrder | Fill, partial: bool = False) -> Snapshot:
    """A reading at 12:05 that shows `items`; complete unless `partial`."""
    positions = tuple(i for i in items if isinstance(i, PositionState))
    pending = tuple(i for i in items if isinstance(i, RestingOrder))
    deals = tuple(i for i in items if isinstance(i, Fill))
    money = D(10_000)
    account = AccountState("USD", money, money, D(0), 30, positions)
    return Snapshot(account, pending, deals, NOON + timedelta(minutes=5), not partial)


def said(us: Ours, them: Snapshot, *, is_netting: bool = False) -> list[Repair]:
    return list(diff(us, them, Rules(T, is_netting)))

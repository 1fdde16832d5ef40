"""Our side of an account in memory, repaired as the service repairs the tables.

Strict: a repair that asks for an illegal move fails, for here nobody moves an order meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from trading.engine.orders import SOFT_FINAL, TRANSITIONS, OrderStatus
from trading.engine.repairs import (
    Absent,
    Bind,
    Changed,
    Conclude,
    Doubt,
    Expire,
    Found,
    Missing,
    OurOrder,
    OurPosition,
    Ours,
    Present,
    Record,
    Repair,
    Rest,
    Returned,
    Vanished,
    Verified,
    Withdraw,
)
from trading.engine.types import Fill, PositionState

S = OrderStatus


@dataclass(slots=True)
class Ledger:
    """Orders, open rows and deals; `now` is our clock in seconds."""

    magics: frozenset[int] = frozenset()
    now: float = 0.0
    orders: dict[int, OurOrder] = field(default_factory=dict)
    sent: dict[int, float] = field(default_factory=dict)
    absent: dict[int, float] = field(default_factory=dict)
    rows: dict[str, OurPosition] = field(default_factory=dict)
    missing: dict[int, float] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    """Of every row there ever was, by the broker's id."""
    deals: dict[str, Fill] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)

    def ours(self) -> Ours:
        orders = (
            replace(
                o, sent_for=self._since(self.sent, o.id), absent_for=self._since(self.absent, o.id)
            )
            for o in self.orders.values()
        )
        rows = (replace(r, missing_for=self._since(self.missing, r.id)) for r in self.rows.values())
        known = frozenset(self.origins)
        return Ours(tuple(orders), tuple(rows), known, frozenset(self.deals), self.magics)

    def _since(self, ticks: dict[int, float], key: int) -> float | None:
        return self.now - ticks[key] if key in ticks else None

    # --- moves

    def move(self, order_id: int, to: OrderStatus) -> None:
        order = self.orders[order_id]
        assert to in TRANSITIONS[order.status], f"{order.status} -> {to} of {order}"
        self.orders[order_id] = replace(order, status=to)

    def try_move(self, order_id: int, to: OrderStatus) -> bool:
        """A move of somebody who may come too late."""
        if to not in TRANSITIONS[self.orders[order_id].status]:
            return False
        self.move(order_id, to)
        return True

    def execute(self, order_id: int, lots: Decimal, position_id: str) -> None:
        """It is known that `lots` of an entry were executed in all."""
        order = self.orders[order_id]
        assert lots <= order.lots
        self.orders[order_id] = replace(
            order, filled_lots=lots, position_id=position_id, verify_stage=0
        )
        to = S.FILLED if lots == order.lots else S.PARTIAL
        self.try_move(order_id, S.LATE_FILLED if order.status in SOFT_FINAL else to)

    def record(self, deals: Iterable[Fill], answered: str = "") -> None:
        """Take new deals; `answered` is the client id of the entry whose answer they are."""
        for deal in deals:
            if deal.deal_id in self.deals:
                continue
            deal = replace(deal, client_id=answered or deal.client_id)
            self.deals[deal.deal_id] = deal
            if deal.opens:
                self._opening(deal)
            else:
                self._trade(deal.position_id, deal.lots)

    def _opening(self, deal: Fill) -> None:
        order = self.of_client(deal.client_id)
        if order is not None:
            mine = [
                d.lots for d in self.deals.values() if d.opens and d.client_id == deal.client_id
            ]
            lots = max(order.filled_lots, sum(mine, Decimal(0)))
            self.execute(order.id, lots, deal.position_id)
        if deal.position_id not in self.origins:
            is_marked = deal.magic in self.magics and not deal.by_hand
            origin = "STRATEGY" if order else "ORPHAN" if is_marked else "MANUAL"
            self._row(_opened_by(deal), origin)
        if order is not None:
            self.origins[deal.position_id] = "STRATEGY"  # may have been found without its order
        self._trade(deal.position_id, Decimal(0))

    def _trade(self, broker_id: str, closed: Decimal) -> None:
        """Lots are what the deals say; where the opening is not on record, what is left."""
        if broker_id not in self.rows:
            return
        row = self.rows[broker_id]
        deals = [d for d in self.deals.values() if d.position_id == broker_id]
        signed = [d.lots if d.opens else -d.lots for d in deals]
        is_whole = any(d.opens for d in deals)
        lots = sum(signed, Decimal(0)) if is_whole else row.lots - closed
        self.rows[broker_id] = replace(row, lots=lots)
        if lots <= 0:
            del self.rows[broker_id]

    def of_client(self, client_id: str) -> OurOrder | None:
        """The entry with a client id."""
        return next(
            (o for o in self.orders.values() if o.is_entry and o.client_id == client_id), None
        )

    def _row(self, seen: PositionState, origin: str) -> None:
        levels = (seen.stop, seen.take, None)
        row = OurPosition(
            len(self.origins) + 1, seen.id, seen.symbol, seen.side, seen.lots, *levels, None
        )
        assert seen.id not in self.origins
        self.rows[seen.id] = row
        self.origins[seen.id] = origin

    def _row_of(self, position_id: int) -> OurPosition:
        return next(r for r in self.rows.values() if r.id == position_id)

    # --- repairs

    def apply(self, repairs: Iterable[Repair]) -> None:
        for repair in repairs:
            self._apply_to_order(repair)
            self._apply_to_position(repair)

    def _apply_to_order(self, repair: Repair) -> None:
        match repair:
            case Expire(order_id):
                self.move(order_id, S.EXPIRED)
            case Doubt(order_id):
                self.move(order_id, S.UNKNOWN)
            case Rest(order_id, _):
                self.move(order_id, S.ACCEPTED)
                self.absent.pop(order_id, None)
            case Conclude(order_id, status, _):
                self.move(order_id, status)
            case Absent(order_id):
                assert order_id not in self.absent
                self.absent[order_id] = self.now
            case Present(order_id):
                del self.absent[order_id]
            case Verified(order_id, stage):
                self.orders[order_id] = replace(self.orders[order_id], verify_stage=stage)
            case Withdraw(client_id, _):
                self.withdrawn.add(client_id)

    def _apply_to_position(self, repair: Repair) -> None:
        match repair:
            case Record(deals):
                self.record(deals)
            case Bind(order_id, position, _):
                self._bind(order_id, position)
            case Found(position, origin):
                self._row(position, origin)
            case Changed(position_id, seen):
                row = self._row_of(position_id)
                changed = replace(row, lots=seen.lots, stop=seen.stop, take=seen.take)
                self.rows[row.broker_id] = changed
            case Missing(position_id):
                self.missing[position_id] = self.now
            case Returned(position_id):
                del self.missing[position_id]
            case Vanished(position_id):
                del self.rows[self._row_of(position_id).broker_id]

    def _bind(self, order_id: int, position: PositionState) -> None:
        order = self.orders[order_id]
        before = order.status
        self.execute(order_id, min(order.lots, position.lots), position.id)
        assert self.orders[order_id].status is not before
        if position.id in self.origins:
            self.origins[position.id] = "STRATEGY"
        else:
            self._row(position, "STRATEGY")


def _opened_by(deal: Fill) -> PositionState:
    return PositionState(deal.position_id, deal.symbol, deal.side, deal.lots, deal.price, deal.at)

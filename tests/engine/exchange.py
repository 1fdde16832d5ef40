"""A broker in memory that does what it likes, for reconciliation to make sense of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from tests.engine.readings import NOON
from trading.engine.types import (
    AccountState,
    Fill,
    OrderKind,
    PositionState,
    RestingOrder,
    Snapshot,
)

LIFE = timedelta(minutes=10)
"""A resting order lives this long."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An entry as it was sent. `is_mangled`: the broker will not keep its client id."""

    client_id: str
    symbol: str
    side: int
    lots: Decimal
    magic: int
    is_mangled: bool = False


@dataclass(slots=True)
class Exchange:
    """Positions, pending orders and deals; `later` happens when the clock gets there."""

    seconds: float = 0.0
    positions: dict[str, PositionState] = field(default_factory=dict)
    pending: dict[str, tuple[RestingOrder, datetime, Asked]] = field(default_factory=dict)
    deals: list[Fill] = field(default_factory=list)
    later: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    executed: dict[str, Asked] = field(default_factory=dict)
    """Every position there ever was and what it was opened for, by its id."""

    @property
    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def tick(self, seconds: float) -> None:
        self.seconds += seconds
        due = [act for at, act in self.later if at <= self.seconds]
        self.later = [(at, act) for at, act in self.later if at > self.seconds]
        for act in due:
            act()
        self.pending = {k: v for k, v in self.pending.items() if v[1] > self.now}

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        self.later.append((self.seconds + seconds, act))

    def execute(self, asked: Asked, *, lots: Decimal | None = None, by_hand: bool = False) -> Fill:
        """Open a position of `lots`, all that was asked for by default."""
        seen = PositionState(
            id=f"P{len(self.executed) + 1}",
            symbol=asked.symbol,
            side=asked.side,
            lots=lots or asked.lots,
            entry_price=Decimal(1),
            opened_at=self.now,
            magic=asked.magic,
            client_id="" if asked.is_mangled else asked.client_id,
            by_hand=by_hand,
        )
        self.executed[seen.id] = asked
        self.positions[seen.id] = seen
        return self._deal(seen, seen.lots, opens=True)

    def rest(self, asked: Asked) -> None:
        client_id = asked.client_id
        order = RestingOrder(
            f"R-{client_id}",
            asked.symbol,
            asked.side,
            asked.lots,
            OrderKind.LIMIT,
            Decimal(1),
            magic=asked.magic,
            client_id=client_id,
        )
        self.pending[client_id] = (order, self.now + LIFE, asked)

    def trigger(self, client_id: str, *, lots: Decimal | None = None) -> None:
        """Fill a pending order; what is not filled is killed."""
        _, _, asked = self.pending.pop(client_id)
        self.execute(asked, lots=lots)

    def cancel(self, client_id: str) -> bool:
        return self.pending.pop(client_id, None) is not None

    def close(self, position_id: str, lots: Decimal | None = None) -> list[Fill]:
        """Close a position or some of it; nothing when it is gone."""
        seen = self.positions.get(position_id)
        if seen is None:
            return []
        closed = min(lots or seen.lots, seen.lots)
        left = seen.lots - closed
        self.positions[position_id] = replace(seen, lots=left)
        if not left:
            del self.positions[position_id]
        return [self._deal(seen, closed, opens=False)]

    def move_stop(self, position_id: str, stop: Decimal | None) -> None:
        self.positions[position_id] = replace(self.positions[position_id], stop=stop)

    def snapshot(self, hidden: Callable[[str], bool] = lambda key: False) -> Snapshot:
        """A reading; what is `hidden`, by id, makes it incomplete."""
        positions = tuple(p for p in self.positions.values() if not hidden(p.id))
        orders = tuple(o for o, _, _ in self.pending.values() if not hidden(o.id))
        deals = tuple(d for d in self.deals if not hidden(d.deal_id))
        counted = len(positions) + len(orders) + len(deals)
        is_complete = counted == len(self.positions) + len(self.pending) + len(self.deals)
        money = Decimal(10_000)
        account = AccountState("USD", money, money, Decimal(0), 30, positions)
        return Snapshot(account, orders, deals, self.now, is_complete)

    def _deal(self, seen: PositionState, lots: Decimal, *, opens: bool) -> Fill:
        deal = Fill(
            deal_id=f"D{len(self.deals) + 1}",
            position_id=seen.id,
            symbol=seen.symbol,
            side=seen.side,
            opens=opens,
            lots=lots,
            price=Decimal(1),
            at=self.now,
            client_id=seen.client_id,
            magic=seen.magic,
            by_hand=seen.by_hand,
        )
        self.deals.append(deal)
        return deal

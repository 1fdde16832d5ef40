"""What must be repaired on our side so that it agrees with one reading of the broker.

`diff` is pure: no clock, no order is sent, nothing is written. Its repairs are in the order in
which they must be applied, each on its own; one that no longer fits, because somebody moved the
order meanwhile, is to be skipped: the next reading says it again. Later repairs count on earlier
ones, so that applying all of them leaves nothing to be said about the same reading, save the
second reading that a rejection waits for.

What is shown proves itself. That something is not shown proves nothing before a complete reading,
and nothing final before a second one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from trading.engine.orders import FINAL, SOFT_FINAL, TRANSITIONS, OrderStatus
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
    Rules,
    Vanished,
    Verified,
    Withdraw,
)
from trading.engine.types import Fill, PositionState, Snapshot

_S = OrderStatus
SKEW: Final = timedelta(seconds=5)
"""A position may be stamped this long before the quote its order passed the gate with."""
_UNBOUND: Final = frozenset({_S.SENDING, _S.UNKNOWN, _S.ACCEPTED, _S.CANCEL_PENDING}) | SOFT_FINAL
"""A position with its client id is news of such an entry."""
_AWAITED: Final = frozenset({_S.UNKNOWN, _S.ACCEPTED, _S.CANCEL_PENDING})
"""Such an entry ends when two readings do not show it."""


def diff(ours: Ours, theirs: Snapshot, rules: Rules) -> tuple[Repair, ...]:
    """The repairs that one reading of the broker calls for, in the order to apply them."""
    return _Reading(ours, theirs, rules).repairs()


def is_on_its_way(stop: Decimal | None, goal: Decimal | None, seen: Decimal | None) -> bool:
    """Whether the stop that is seen is where it was, or where the way to its goal leads: a stop
    that follows may be moved again before a reading shows the move before."""
    if seen == stop or goal is None or seen is None:
        return seen == stop
    start = goal if stop is None else stop
    return min(start, goal) <= seen <= max(start, goal)


class _Reading:
    """One comparison. `orders` are ours as the repairs so far would leave them, by id."""

    def __init__(self, ours: Ours, theirs: Snapshot, rules: Rules) -> None:
        self.ours = ours
        self.theirs = theirs
        self.rules = rules
        self.timing = rules.timing
        self.found: list[Repair] = []
        self.orders = {o.id: o for o in sorted(ours.orders, key=lambda order: order.id)}
        self.by_client = {o.client_id: o.id for o in ours.orders}
        self.positions = {p.id: p for p in theirs.account.positions}
        self.carried = {p.client_id for p in theirs.account.positions}
        self.resting = {o.client_id: o for o in theirs.orders}
        self.opened = {deal.client_id for deal in theirs.deals if deal.opens}
        self.fresh = _fresh(theirs, ours.deal_ids)
        self.bound = {o.position_id for o in ours.orders if o.is_entry and o.position_id}
        self.suspects: set[int] = set()
        """Orders that one of several positions may belong to."""

    def repairs(self) -> tuple[Repair, ...]:
        self._expire()
        self._record()
        self._bind()
        self._rest()
        self._doubt()
        if self.theirs.is_complete:
            self._bind_probable()
            self._conclude()
        self._withdraw()
        self._find()
        self._follow()
        return tuple(self.found)

    # --- what is shown of orders

    def _expire(self) -> None:
        for order in self._in(_S.APPROVED):
            if order.is_overdue or self._is_shown(order):
                self._move(Expire(order.id), replace(order, status=_S.EXPIRED))

    def _record(self) -> None:
        if self.fresh:
            self.found.append(Record(self.fresh))
        for deal in self.fresh:
            order = self._entry(deal)
            if deal.opens and order is not None:
                # a deal outweighs a position that only looked like the order's
                self.bound.discard(order.position_id)
                self.orders[order.id] = _filled(order, self._opened_lots(order))
        self.bound |= {d.position_id for d in self.theirs.deals if d.opens and self._entry(d)}

    def _bind(self) -> None:
        shown = sorted(self.positions.values(), key=lambda p: (p.opened_at, p.id))
        for position in shown:
            order = self._entry(position)
            if order is None or position.id in self.bound or order.client_id in self.opened:
                continue
            if order.status in _UNBOUND:
                self._bind_to(order, position, is_probable=False)

    def _rest(self) -> None:
        for order in self._in(_S.ACCEPTED, _S.CANCEL_PENDING):
            if order.absent_for is not None and order.client_id in self.resting:
                self._move(Present(order.id), replace(order, absent_for=None))
        for order in self._in(_S.UNKNOWN, _S.SENDING):
            resting = self.resting.get(order.client_id)
            if order.is_entry and resting is not None and not self._is_under_way(order):
                accepted = replace(order, status=_S.ACCEPTED, absent_for=None)
                self._move(Rest(order.id, resting), accepted)

    def _doubt(self) -> None:
        for order in self._in(_S.SENDING):
            if not self._is_under_way(order):
                self._move(Doubt(order.id), replace(order, status=_S.UNKNOWN))

    def _bind_probable(self) -> None:
        """Entries still open choose before those given up, older ones before younger."""
        wanting = [o for o in self.orders.values() if self._is_wanting(o)]
        for order in sorted(wanting, key=lambda o: (o.status in SOFT_FINAL, o.id)):
            matches = [p for p in self._free() if _is_like(order, p)]
            if len(matches) == 1:
                self._bind_to(order, matches[0], is_probable=True)
            elif matches:
                self.suspects.add(order.id)

    def _is_wanting(self, order: OurOrder) -> bool:
        is_doubtful = (
            order.status in _AWAITED
            or order.status is _S.NOT_EXECUTED
            or (order.status is _S.REJECTED and order.verify_stage > 0)
        )
        return order.is_entry and is_doubtful and not self._is_shown(order)

    def _free(self) -> list[PositionState]:
        """Shown positions that no order has and none under way may turn out to have."""
        return [
            p
            for p in self.positions.values()
            if not (p.id in self.bound or p.client_id in self.by_client)
            and not self._may_be_under_way(p)
        ]

    def _bind_to(self, order: OurOrder, position: PositionState, *, is_probable: bool) -> None:
        self.bound.add(position.id)
        self._move(Bind(order.id, position, is_probable), _filled(order, position.lots))

    # --- what is not shown of orders

    def _conclude(self) -> None:
        for order in self.orders.values():
            if order.status is _S.PARTIAL:
                self._judge_partial(order)
            elif order.status is _S.UNKNOWN and not order.is_entry:
                self._judge_close(order)
            elif self._is_shown(order) or order.id in self.suspects:
                continue
            elif order.status in _AWAITED and order.is_entry:
                self._judge_absent(order)
            elif order.status is _S.REJECTED:
                self._verify(order)

    def _judge_partial(self, order: OurOrder) -> None:
        if order.client_id not in self.resting and _age(order) >= self.timing.call_deadline:
            why = f"{order.filled_lots} of {order.lots} lots, nothing rests"
            self.found.append(Conclude(order.id, _S.DONE_PARTIAL, why))

    def _judge_close(self, order: OurOrder) -> None:
        seen = self.positions.get(order.position_id)
        if seen is None:
            if order.position_id in self.ours.known:
                self.found.append(Conclude(order.id, _S.FILLED, "its position is gone"))
        elif seen.lots <= order.remaining_lots:
            self.found.append(Conclude(order.id, _S.FILLED, f"{seen.lots} lots are left"))
        elif order.remaining_lots or self.rules.is_netting:
            self._judge_absent(order)
        elif _age(order) >= self.timing.call_deadline:
            why = f"{seen.lots} lots are open, it may be asked for again"
            self.found.append(Conclude(order.id, _S.NOT_EXECUTED, why))

    def _judge_absent(self, order: OurOrder) -> None:
        if _age(order) < 0:
            return  # sent after the reading began
        if order.absent_for is None:
            self.found.append(Absent(order.id))
            return
        is_proved = order.absent_for >= self.timing.reread
        if order.status is _S.UNKNOWN:
            is_proved = is_proved and _age(order) >= self.timing.horizon
        if is_proved:
            why = f"not shown for {order.absent_for:.0f} s, sent {_age(order):.0f} s ago"
            self.found.append(Conclude(order.id, self._end(order), why))

    def _end(self, order: OurOrder) -> OrderStatus:
        if order.status is _S.UNKNOWN:
            return _S.NOT_EXECUTED
        due = order.expires_at is not None and order.expires_at <= self.theirs.time
        return _S.BROKER_EXPIRED if due and order.status is _S.ACCEPTED else _S.CANCELLED

    def _verify(self, order: OurOrder) -> None:
        due = {2: self.timing.verify_first, 1: self.timing.verify_last}.get(order.verify_stage)
        if due is not None and _age(order) >= due:
            self.found.append(Verified(order.id, order.verify_stage - 1))

    def _withdraw(self) -> None:
        for order in self._in(*SOFT_FINAL, *FINAL, _S.CANCEL_PENDING):
            if order.client_id in self.resting:
                self.found.append(Withdraw(order.client_id, order.id))

    # --- positions

    def _find(self) -> None:
        made = {deal.position_id for deal in self.fresh if deal.opens}
        made |= {repair.position.id for repair in self.found if isinstance(repair, Bind)}
        for position in self.positions.values():
            is_news = position.id not in self.ours.known | made
            if is_news and not self._may_be_under_way(position):
                self.found.append(Found(position, self._origin(position)))

    def _origin(self, position: PositionState) -> str:
        if position.client_id in self.by_client:
            return "STRATEGY"
        is_marked = position.magic in self.ours.magics and not position.by_hand
        return "ORPHAN" if is_marked else "MANUAL"

    def _follow(self) -> None:
        for row in self.ours.positions:
            seen = self.positions.get(row.broker_id)
            if seen is not None:
                self._compare(row, seen)
            elif self.theirs.is_complete and self._traded(row)[1] < row.lots:
                self._miss(row)

    def _compare(self, row: OurPosition, seen: PositionState) -> None:
        if row.missing_for is not None:
            self.found.append(Returned(row.id))
        opened, closed = self._traded(row)
        # the deals that opened a row made from a reading come after it
        explained = {row.lots - closed, row.lots + opened - closed}
        is_stop_known = is_on_its_way(row.stop, row.goal, seen.stop)
        if seen.lots not in explained or seen.take != row.take or not is_stop_known:
            self.found.append(Changed(row.id, seen))

    def _miss(self, row: OurPosition) -> None:
        if row.missing_for is None:
            self.found.append(Missing(row.id))
        elif row.missing_for >= self.timing.reread:
            self.found.append(Vanished(row.id))

    def _traded(self, row: OurPosition) -> tuple[Decimal, Decimal]:
        """Lots opened and closed by the deals that are recorded now."""
        deals = [deal for deal in self.fresh if deal.position_id == row.broker_id]
        opened = sum((deal.lots for deal in deals if deal.opens), Decimal(0))
        return opened, sum((deal.lots for deal in deals if not deal.opens), Decimal(0))

    # --- helpers

    def _in(self, *statuses: OrderStatus) -> list[OurOrder]:
        return [order for order in self.orders.values() if order.status in statuses]

    def _move(self, repair: Repair, order: OurOrder) -> None:
        self.found.append(repair)
        self.orders[order.id] = order

    def _entry(self, seen: Fill | PositionState) -> OurOrder | None:
        """The entry whose client id a deal or a position carries."""
        if seen.client_id not in self.by_client:
            return None
        order = self.orders[self.by_client[seen.client_id]]
        return order if order.is_entry else None

    def _opened_lots(self, order: OurOrder) -> Decimal:
        """Lots of all its opening deals in the reading, new or not."""
        deals = {d.deal_id: d for d in self.theirs.deals if d.opens}.values()
        return sum((d.lots for d in deals if d.client_id == order.client_id), Decimal(0))

    def _is_shown(self, order: OurOrder) -> bool:
        """Whether a deal, a position or a pending order carries its client id."""
        return any(order.client_id in ids for ids in (self.opened, self.carried, self.resting))

    def _is_under_way(self, order: OurOrder) -> bool:
        """Whether somebody may still be waiting for the answer."""
        limit = self.timing.call_deadline + self.timing.reconcile_doubt
        return order.status is _S.SENDING and _age(order) <= limit

    def _may_be_under_way(self, position: PositionState) -> bool:
        """Whether an order whose answer is awaited may have made it."""
        is_claimed = position.client_id in self.by_client
        return not is_claimed and any(_is_like(o, position) for o in self._in(_S.SENDING))


def _fresh(theirs: Snapshot, recorded: frozenset[str]) -> tuple[Fill, ...]:
    """Deals to record. While the reading has holes a closing waits for its opening to be shown:
    without it nobody can tell whether the lots on record count the closing already."""
    opened = {deal.position_id for deal in theirs.deals if deal.opens}
    new = {deal.deal_id: deal for deal in theirs.deals if deal.deal_id not in recorded}
    fit = [d for d in new.values() if theirs.is_complete or d.position_id in opened]
    return tuple(sorted(fit, key=lambda deal: (deal.at, not deal.opens)))


def _filled(order: OurOrder, lots: Decimal) -> OurOrder:
    """The order once `lots` of it in all are known to be executed."""
    filled = min(order.lots, max(order.filled_lots, lots))
    status = _S.FILLED if filled == order.lots else _S.PARTIAL
    if order.status in SOFT_FINAL:
        status = _S.LATE_FILLED
    if status not in TRANSITIONS[order.status]:
        status = order.status
    return replace(order, filled_lots=filled, status=status)


def _is_like(order: OurOrder, position: PositionState) -> bool:
    """Whether a position that does not say so may be an entry's execution."""
    if not order.is_entry or order.quoted_at is None or position.by_hand:
        return False
    wanted = (order.magic, order.symbol, order.side, order.lots)
    seen = (position.magic, position.symbol, position.side, position.lots)
    return wanted == seen and position.opened_at >= order.quoted_at - SKEW


def _age(order: OurOrder) -> float:
    """Seconds since it was sent, 0 when that is not known: then nothing is concluded by time."""
    return order.sent_for or 0.0

"""A broker that fails in every way against our side, which must make sense of it in the end.

Answers get lost, arrive late or lie; a restart loses all of them; people trade by hand; readings
have holes. At any time a second look at the same reading has nothing to add, and after enough
time and complete readings every order is settled and every position is known for what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.engine.exchange import LIFE, Asked, Exchange
from tests.engine.ledger import Ledger
from tests.engine.readings import D, S, T, close, entry
from trading.engine.orders import FINAL, IN_DOUBT, SOFT_FINAL
from trading.engine.reconcile import diff
from trading.engine.repairs import (
    Absent,
    Bind,
    Changed,
    Conclude,
    OurOrder,
    Record,
    Repair,
    Rules,
    Verified,
    Withdraw,
)
from trading.engine.types import Fill, PositionState, Snapshot

Thing = TypeVar("Thing")
RULES = Rules(T)
EXAMPLES = 60
MAGIC = 7
HAND = Asked("", "EURUSD", 1, D("0.50"), 0)
STRAY = Asked("of another database", "EURUSD", -1, D("0.70"), MAGIC)
FATES = (
    "filled",
    "filled in part",
    "filled, called rejected",
    "filled after 30 s",
    "filled after 250 s",
    "rests",
    "rejected",
    "lost",
)
"""What becomes of an entry at the broker; its answer may be lost in each case."""
symbols = st.sampled_from(["EURUSD", "USDJPY"])
sizes = st.sampled_from([D("0.10"), D("0.30")])
"""No part of one is the other: a part is never taken for a whole."""
picks = st.integers(0, 99)


def half(lots: Decimal) -> Decimal:
    return lots / 2


class Trading(RuleBasedStateMachine):
    """The broker, our ledger, and the answers that are still on their way."""

    def __init__(self) -> None:
        super().__init__()
        self.broker = Exchange()
        self.ledger = Ledger(magics=frozenset({MAGIC}))
        self.answers: dict[int, Callable[[], None]] = {}
        self.matched: set[str] = set()
        """Positions that were bound by their features."""

    @initialize()
    def begin(self) -> None:
        self.broker.execute(HAND, by_hand=True)

    # --- our side asks

    @rule(symbol=symbols, lots=sizes, fate=st.sampled_from(FATES), mangled=st.booleans())
    def enter(self, symbol: str, lots: Decimal, fate: str, mangled: bool) -> None:
        if any(self._locks(o, symbol) for o in self.ledger.orders.values()):
            return  # as the gate has it
        order = self._write(entry(S.APPROVED, symbol=symbol, lots=lots, quoted_at=self.broker.now))
        asked = Asked(order.client_id, symbol, 1, lots, MAGIC, mangled)
        self._send(order, self._fate(order, asked, fate))

    def _locks(self, order: OurOrder, symbol: str) -> bool:
        is_doubtful = order.status in IN_DOUBT or order.verify_stage > 0
        return order.is_entry and order.symbol == symbol and is_doubtful

    def _fate(self, order: OurOrder, asked: Asked, fate: str) -> Callable[[], None]:
        """Let it happen, and the answer that says so."""
        if fate == "filled in part":
            deal = self.broker.execute(asked, lots=half(asked.lots))
            return lambda: self.ledger.record([deal], order.client_id)
        if fate == "rests":
            self.broker.rest(asked)
            self.ledger.orders[order.id] = replace(order, expires_at=self.broker.now + LIFE)
            return lambda: self._answer(order.id, S.ACCEPTED)
        if fate.startswith("filled after"):
            self.broker.after(float(fate.split()[2]), lambda: self.broker.execute(asked))
        if fate == "lost" or fate.startswith("filled after"):
            return lambda: self._answer(order.id, S.UNKNOWN)
        if fate == "rejected":
            return lambda: self._answer(order.id, S.REJECTED)
        deal = self.broker.execute(asked)
        if fate == "filled":
            return lambda: self.ledger.record([deal], order.client_id)
        return lambda: self._answer(order.id, S.REJECTED)

    @precondition(lambda self: self.ledger.rows)
    @rule(pick=picks, part=st.booleans(), fate=st.sampled_from(["done", "later", "lost"]))
    def ask_to_close(self, pick: int, part: bool, fate: str) -> None:
        row = self._choose(self.ledger.rows.values(), pick)
        lots = half(row.lots) if part else None
        left = half(row.lots) if part else D(0)
        order = close(S.APPROVED, lots=row.lots - left, remaining_lots=left)
        order = self._write(replace(order, position_id=row.broker_id))
        if fate == "done":
            deals = self.broker.close(row.broker_id, lots)
            self._send(order, lambda: self._closed(order.id, deals))
            return
        if fate == "later":
            self.broker.after(10, lambda: self.broker.close(row.broker_id, lots))
        self._send(order, lambda: self._answer(order.id, S.UNKNOWN))

    @precondition(lambda self: self.resting())
    @rule(pick=picks, arrives=st.booleans(), answered=st.booleans())
    def ask_to_cancel(self, pick: int, arrives: bool, answered: bool) -> None:
        order = self._choose(self.resting(), pick)
        self.ledger.move(order.id, S.CANCEL_PENDING)
        cancelled = arrives and self.broker.cancel(order.client_id)
        if cancelled and answered:
            self._answer(order.id, S.CANCELLED)

    def resting(self) -> list[OurOrder]:
        return [o for o in self.ledger.orders.values() if o.status is S.ACCEPTED]

    def _write(self, order: OurOrder) -> OurOrder:
        number = len(self.ledger.orders) + 1
        order = replace(order, id=number, client_id=f"O{number}", sent_for=None)
        self.ledger.orders[number] = order
        return order

    def _send(self, order: OurOrder, answer: Callable[[], None]) -> None:
        self.ledger.move(order.id, S.SENDING)
        self.ledger.sent[order.id] = self.ledger.now
        self.answers[order.id] = answer

    def _answer(self, order_id: int, to: S) -> None:
        if self.ledger.try_move(order_id, to) and to is S.REJECTED:
            order = self.ledger.orders[order_id]
            self.ledger.orders[order_id] = replace(order, verify_stage=2)

    def _closed(self, order_id: int, deals: list[Fill]) -> None:
        self.ledger.record(deals)
        self._answer(order_id, S.FILLED)

    # --- the world goes on

    @precondition(lambda self: self.answers)
    @rule(pick=picks)
    def an_answer_arrives(self, pick: int) -> None:
        self.answers.pop(self._choose(self.answers, pick))()

    @rule()
    def we_restart(self) -> None:
        self.answers.clear()

    @rule(seconds=st.sampled_from([0.5, 3.0, 10.0, 25.0, 70.0, 200.0]))
    def time_passes(self, seconds: float) -> None:
        self.broker.tick(seconds)
        self.ledger.now += seconds
        last = self.ledger.now - T.call_deadline
        for order_id in [i for i in self.answers if self.ledger.sent[i] < last]:
            del self.answers[order_id]
            self._answer(order_id, S.UNKNOWN)

    @precondition(lambda self: self.broker.pending)
    @rule(pick=picks, part=st.booleans())
    def a_price_is_reached(self, pick: int, part: bool) -> None:
        client_id = self._choose(self.broker.pending, pick)
        lots = self.broker.pending[client_id][0].lots
        self.broker.trigger(client_id, lots=half(lots) if part else lots)

    @precondition(lambda self: self.broker.positions)
    @rule(pick=picks, part=st.booleans())
    def a_stop_is_hit_or_a_person_closes(self, pick: int, part: bool) -> None:
        seen = self._choose(self.broker.positions.values(), pick)
        self.broker.close(seen.id, half(seen.lots) if part else None)

    @precondition(lambda self: self.broker.positions)
    @rule(pick=picks, stop=st.sampled_from([None, D("0.9"), D("0.8")]))
    def a_person_moves_a_stop(self, pick: int, stop: Decimal | None) -> None:
        self.broker.move_stop(self._choose(self.broker.positions, pick), stop)

    @precondition(lambda self: self.broker.pending)
    @rule(pick=picks)
    def a_person_takes_an_order_back(self, pick: int) -> None:
        self.broker.cancel(self._choose(self.broker.pending, pick))

    @rule(stray=st.booleans())
    def somebody_else_opens(self, stray: bool) -> None:
        self.broker.execute(STRAY if stray else HAND, by_hand=not stray)

    def _choose(self, things: Iterable[Thing], pick: int) -> Thing:
        among = list(things)
        return among[pick % len(among)]

    # --- and we look

    @rule()
    def read(self) -> None:
        self._reconcile(self.broker.snapshot())

    @rule(holes=st.randoms(use_true_random=False))
    def read_with_holes(self, holes: Random) -> None:
        pending = [order.id for order, _, _ in self.broker.pending.values()]
        keys = [*self.broker.positions, *pending, *(d.deal_id for d in self.broker.deals)]
        hidden = {key for key in keys if holes.random() < 0.4}
        self._reconcile(self.broker.snapshot(lambda key: key in hidden))

    def _reconcile(self, reading: Snapshot) -> None:
        repairs = diff(self.ledger.ours(), reading, RULES)
        for repair in repairs:
            if isinstance(repair, Conclude):
                self._check(self.ledger.orders[repair.order_id], repair, reading)
            if isinstance(repair, Bind) and repair.is_probable:
                self.matched.add(repair.position.id)
        self.ledger.apply(repairs)
        withdrawn, self.ledger.withdrawn = self.ledger.withdrawn, set()
        left = tuple(o for o in reading.orders if o.client_id not in withdrawn)
        again = diff(self.ledger.ours(), replace(reading, orders=left), RULES)
        assert [r for r in again if not self._had_to_wait(r, repairs)] == []
        for client_id in withdrawn:
            self.broker.cancel(client_id)

    def _had_to_wait(self, repair: Repair, repairs: tuple[Repair, ...]) -> bool:
        """Whether it could not be said at once: the second look at a rejection, the absence of what
        was just taken back, and whatever deals just recorded do not say of their position."""
        if isinstance(repair, Verified):
            return any(isinstance(r, Verified) and r.order_id == repair.order_id for r in repairs)
        if isinstance(repair, Absent):
            return any(isinstance(r, Withdraw) and r.order_id == repair.order_id for r in repairs)
        deals = [d for r in repairs if isinstance(r, Record) for d in r.deals]
        return isinstance(repair, Changed) and repair.seen.id in {d.position_id for d in deals}

    def _check(self, order: OurOrder, repair: Conclude, reading: Snapshot) -> None:
        """A conclusion does not contradict the reading it rests on."""
        assert reading.is_complete
        if order.is_entry:
            shown = {o.client_id for o in reading.orders}
            shown |= {p.client_id for p in reading.account.positions}
            shown |= {d.client_id for d in reading.deals}
            assert not (repair.status in SOFT_FINAL and order.client_id in shown)
            return
        seen = {p.id: p.lots for p in reading.account.positions}.get(order.position_id, D(0))
        assert (seen <= order.remaining_lots) == (repair.status is S.FILLED)

    @invariant()
    def no_position_has_two_owners(self) -> None:
        owned = [o.position_id for o in self.ledger.orders.values() if o.is_entry and o.position_id]
        assert len(owned) == len(set(owned))

    # --- in the end

    def teardown(self) -> None:
        self.answers.clear()
        for _ in range(60):
            self.time_passes(20.0)
            self.read()
        self._every_order_is_settled()
        self._every_execution_is_known()
        self._our_rows_are_the_positions()

    def _every_order_is_settled(self) -> None:
        for order in self.ledger.orders.values():
            is_over = order.status in FINAL | SOFT_FINAL and order.verify_stage == 0
            assert is_over or self._is_ambiguous(order), order
            if order.is_entry and order.status in {S.FILLED, S.DONE_PARTIAL, S.LATE_FILLED}:
                asked = self.broker.executed[order.position_id]
                assert asked.client_id == order.client_id or asked.is_mangled
                assert (asked.symbol, asked.lots) == (order.symbol, order.lots)

    def _is_ambiguous(self, order: OurOrder) -> bool:
        """Whether two positions or more that nobody claims look like it."""
        owned = {o.position_id for o in self.ledger.orders.values() if o.is_entry}
        free = [p for p in self.broker.positions.values() if p.id not in owned]
        return sum(self._looks_like(order, p) for p in free) > 1

    def _looks_like(self, order: OurOrder, seen: PositionState) -> bool:
        wanted = (order.symbol, order.side, order.lots, order.magic)
        return (seen.symbol, seen.side, seen.lots, seen.magic) == wanted and not seen.client_id

    def _every_execution_is_known(self) -> None:
        entries = [o for o in self.ledger.orders.values() if o.is_entry]
        owners = {o.position_id: o for o in entries if o.position_id}
        assert set(self.ledger.origins) == set(self.broker.executed)
        for position_id, asked in self.broker.executed.items():
            owner, origin = owners.get(position_id), self.ledger.origins[position_id]
            if asked in (HAND, STRAY):
                assert (owner, origin) == (None, "MANUAL" if asked is HAND else "ORPHAN")
            elif owner is not None or not asked.is_mangled:
                assert owner is not None
                assert owner.client_id == asked.client_id or asked.is_mangled
                assert (origin, owner.status in FINAL) == ("STRATEGY", True)
            else:  # one that was matched may have lost its order to the real execution of that
                assert origin == ("STRATEGY" if position_id in self.matched else "ORPHAN")

    def _our_rows_are_the_positions(self) -> None:
        rows = {r.broker_id: (r.symbol, r.side, r.lots, r.stop) for r in self.ledger.rows.values()}
        shown = self.broker.positions.values()
        assert rows == {p.id: (p.symbol, p.side, p.lots, p.stop) for p in shown}


Trading.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)
TestTrading = Trading.TestCase

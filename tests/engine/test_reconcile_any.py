"""Whatever our side and a reading look like: only legal moves are asked for, and no hole proves."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.ledger import Ledger
from tests.engine.readings import D, T, deal, entry, position, resting, row, theirs
from trading.engine.orders import OrderStatus
from trading.engine.reconcile import diff
from trading.engine.repairs import (
    Absent,
    Conclude,
    Missing,
    OurOrder,
    Ours,
    Rules,
    Vanished,
    Verified,
)
from trading.engine.types import Fill, PositionState, RestingOrder, Snapshot

ages = st.sampled_from([None, -1.0, 0.0, 3.0, 15.0, 21.0, 30.0, 70.0, 200.0])
some_lots = st.sampled_from([D("0.05"), D("0.10")])
names = st.sampled_from(["a", "b", "c", "", "x"])


@st.composite
def orders(draw: st.DrawFn) -> tuple[OurOrder, ...]:
    return tuple(draw(order(number, name)) for number, name in enumerate("abc", 1))


@st.composite
def order(draw: st.DrawFn, number: int, client_id: str) -> OurOrder:
    """An entry, or a close of P, in any state."""
    is_entry = draw(st.booleans())
    return entry(
        draw(st.sampled_from(OrderStatus)),
        id=number,
        client_id=client_id,
        is_entry=is_entry,
        position_id="" if is_entry else "P",
        remaining_lots=D(0) if is_entry else draw(st.sampled_from([D(0), D("0.05")])),
        is_overdue=draw(st.booleans()),
        sent_for=draw(ages),
        absent_for=draw(ages),
        verify_stage=draw(st.integers(0, 2)),
    )


@st.composite
def readings(draw: st.DrawFn) -> Snapshot:
    keys = draw(st.sets(st.sampled_from("PQR")))
    shown: list[PositionState | RestingOrder | Fill] = [
        position(draw(names), id=key, lots=draw(some_lots)) for key in sorted(keys)
    ]
    shown += [resting(name) for name in draw(st.sets(st.sampled_from("abc")))]
    for name in draw(st.sets(names)):
        opened = deal(f"D{name}", name, position_id=f"of {name}", lots=draw(some_lots))
        shown.append(opened)
        if draw(st.booleans()):
            shown.append(replace(opened, deal_id=f"out {name}", opens=False))
    return theirs(*shown, partial=draw(st.booleans()))


@given(orders(), readings(), st.booleans(), st.booleans())
def test_only_legal_moves_are_asked_for(
    ours: tuple[OurOrder, ...], reading: Snapshot, has_row: bool, is_netting: bool
) -> None:
    ledger = Ledger(magics=frozenset({7}), orders={o.id: o for o in ours})
    ledger.absent = {o.id: -o.absent_for for o in ours if o.absent_for is not None}
    ledger.sent = {o.id: -o.sent_for for o in ours if o.sent_for is not None}
    if has_row:
        ledger.rows, ledger.origins = {"P": row()}, {"P": "MANUAL"}
    ledger.apply(diff(ledger.ours(), reading, Rules(T, is_netting)))  # strict about moves


@given(orders(), readings(), st.sampled_from([None, 3.0, 20.0]))
def test_a_reading_with_holes_proves_no_absence(
    ours: tuple[OurOrder, ...], reading: Snapshot, missing_for: float | None
) -> None:
    us = Ours(ours, (row(missing_for=missing_for),), frozenset("P"), frozenset(), frozenset({7}))
    repairs = diff(us, replace(reading, is_complete=False), Rules(T))
    negative = Absent | Conclude | Verified | Missing | Vanished
    assert not [r for r in repairs if isinstance(r, negative)]
    assert not [r for r in repairs if getattr(r, "is_probable", False)]


@given(orders(), readings(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_read_does_not_matter(
    ours: tuple[OurOrder, ...], reading: Snapshot, shuffle: random.Random
) -> None:
    us = Ours(ours, (row(),), frozenset("P"), frozenset(), frozenset({7}))
    mixed = replace(us, orders=tuple(shuffle.sample(ours, len(ours))))
    assert diff(mixed, reading, Rules(T)) == diff(us, reading, Rules(T))

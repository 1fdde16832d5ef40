"""Our orders against a reading of the broker: what is said of them, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.engine.readings import (
    GONE,
    NOON,
    D,
    S,
    T,
    close,
    deal,
    entry,
    ours,
    position,
    resting,
    row,
    said,
    theirs,
)
from trading.engine.orders import FINAL, SOFT_FINAL, OrderStatus
from trading.engine.repairs import (
    Absent,
    Bind,
    Conclude,
    Doubt,
    Expire,
    Found,
    OurOrder,
    Present,
    Record,
    Repair,
    Rest,
    Verified,
    Withdraw,
)
from trading.engine.types import Fill, PositionState, RestingOrder


def concluded(order: OurOrder, *shown: PositionState, is_netting: bool = False) -> str:
    """What is concluded of `order`, or what else is said of it."""
    repairs = said(ours(order), theirs(*shown), is_netting=is_netting)
    mine = [r for r in repairs if isinstance(r, Conclude | Absent)]
    assert len(mine) <= 1
    return "".join(r.status if isinstance(r, Conclude) else "ABSENT" for r in mine)


def test_agreement_says_nothing() -> None:
    us = ours(entry(S.FILLED, position_id="P"), row(), entry(S.ACCEPTED, id=2, client_id="r"))
    assert said(us, theirs(position(), resting("r"))) == []


# --- before and while it is sent


@pytest.mark.parametrize(("overdue", "expected"), [(True, [Expire(1)]), (False, [])])
def test_an_overdue_order_expires(overdue: bool, expected: list[Repair]) -> None:
    us = ours(entry(S.APPROVED, is_overdue=overdue, sent_for=None))
    assert said(us, theirs(partial=True)) == expected


def test_an_order_the_broker_has_already_is_not_sent_again() -> None:
    us = ours(entry(S.APPROVED, sent_for=None))
    assert said(us, theirs(position())) == [Expire(1), Bind(1, position(), False)]
    assert said(us, theirs(resting())) == [Expire(1), Withdraw("a", 1)]


@pytest.mark.parametrize("sent_for", [None, 0.0, GONE])
def test_an_order_under_way_is_left_alone(sent_for: float | None) -> None:
    assert said(ours(entry(S.SENDING, sent_for=sent_for)), theirs()) == []
    assert said(ours(entry(S.SENDING, sent_for=sent_for)), theirs(resting())) == []
    assert said(ours(close(S.SENDING, sent_for=sent_for)), theirs()) == []


def test_an_order_whose_sender_is_gone_is_in_doubt() -> None:
    us = ours(entry(S.SENDING, sent_for=GONE + 1))
    assert said(us, theirs(partial=True)) == [Doubt(1)]
    assert said(us, theirs()) == [Doubt(1), Absent(1)]


def test_a_close_whose_sender_is_gone_is_judged_at_once() -> None:
    repairs = said(ours(close(S.SENDING, sent_for=GONE + 1)), theirs())
    assert repairs == [Doubt(1), Conclude(1, S.FILLED, "its position is gone")]


# --- positive evidence

SENT = [S.SENDING, S.UNKNOWN, S.ACCEPTED, S.CANCEL_PENDING, *sorted(SOFT_FINAL - {S.EXPIRED})]


@pytest.mark.parametrize("partial", [True, False])
@pytest.mark.parametrize("status", SENT)
def test_a_position_with_its_client_id_is_bound(status: OrderStatus, partial: bool) -> None:
    shown = position()
    assert said(ours(entry(status)), theirs(shown, partial=partial)) == [Bind(1, shown, False)]


@pytest.mark.parametrize("status", SENT)
def test_a_deal_is_recorded_and_makes_the_binding_superfluous(status: OrderStatus) -> None:
    assert said(ours(entry(status)), theirs(deal(), position())) == [Record((deal(),))]


def test_a_position_opened_and_closed_between_readings_is_recorded() -> None:
    out = deal("0", opens=False)
    assert said(ours(entry()), theirs(out, deal())) == [Record((deal(), out))]


def test_deals_are_recorded_oldest_first_and_once() -> None:
    late, early = deal("2", at=NOON + timedelta(seconds=1)), deal("3", "b", position_id="Q")
    repairs = said(ours(deals="1"), theirs(late, deal("1"), early, early))
    assert repairs == [Record((early, late))]


def test_a_closing_waits_for_its_opening_while_the_reading_has_holes() -> None:
    out = deal("2", opens=False)
    assert said(ours(deals="1"), theirs(out, partial=True)) == []
    assert said(ours(deals="1"), theirs(deal("1"), out, partial=True)) == [Record((out,))]


def test_a_position_of_another_order_is_not_bound_again() -> None:
    us = ours(entry(S.FILLED, id=2, client_id="b", position_id="P"), row(), entry())
    assert [type(r) for r in said(us, theirs(position()))] == []


def test_a_recorded_deal_leaves_nothing_to_bind() -> None:
    us = replace(ours(entry(S.NOT_EXECUTED), deals="1"), known=frozenset({"P"}))
    assert said(us, theirs(deal(), position())) == []
    # not even for another order that its position, without its client id, looks like
    us = replace(us, orders=(*us.orders, entry(id=2, client_id="b")))
    assert said(us, theirs(deal(), position(""))) == [Absent(2)]


def test_a_position_that_names_its_order_is_never_probably_anothers() -> None:
    owner = entry(S.FILLED, id=2, client_id="b", position_id="older")
    assert said(ours(entry(), owner, row()), theirs(position("b"))) == [Absent(1)]
    under_way = entry(S.SENDING, sent_for=1.0)
    us = ours(under_way, owner)
    assert said(us, theirs(position("b"))) == [Found(position("b"), "STRATEGY")]


def test_a_deal_outweighs_a_position_that_only_looked_like_it() -> None:
    wrong = entry(S.FILLED, position_id="P", filled_lots=D("0.10"))
    other, proof = entry(id=2, client_id="b"), deal(position_id="Q")
    shown = theirs(position(""), position(id="Q"), proof)
    bound = Bind(2, position(""), True)
    assert said(ours(wrong, other, row()), shown) == [Record((proof,)), bound]


def test_a_deal_that_comes_after_its_position_is_not_counted_twice() -> None:
    some, others = deal(lots=D("0.05")), deal("2", "b", position_id="Q", lots=D("0.05"))
    bound = entry(S.PARTIAL, position_id="P", filled_lots=D("0.05"))
    us = ours(bound, row(lots=D("0.05")))
    repairs = said(us, theirs(position(lots=D("0.05")), some, others))
    assert [type(r) for r in repairs] == [Record, Conclude]


def test_the_rest_of_a_position_under_a_new_number_is_found() -> None:
    us, rest = ours(entry(S.NOT_EXECUTED), deals="1"), position(id="Q", lots=D("0.04"))
    assert said(us, theirs(deal(), rest)) == [Found(rest, "STRATEGY")]


def test_a_close_does_not_own_its_position() -> None:
    us = ours(close(id=2, sent_for=1.0), entry())
    assert said(us, theirs(position())) == [Bind(1, position(), False)]


def test_the_oldest_of_two_positions_is_bound_and_the_other_found() -> None:
    old, new = position(), position(id="O", opened_at=NOON + timedelta(seconds=1))
    assert said(ours(entry()), theirs(new, old)) == [Bind(1, old, False), Found(new, "STRATEGY")]


@pytest.mark.parametrize(("status", "sent_for"), [(S.UNKNOWN, 1.0), (S.SENDING, GONE + 1)])
def test_an_order_found_resting_is_accepted(status: OrderStatus, sent_for: float) -> None:
    us = ours(entry(status, sent_for=sent_for))
    assert said(us, theirs(resting(), partial=True)) == [Rest(1, resting())]


def test_an_absence_is_forgotten_when_it_rests_after_all() -> None:
    assert said(ours(entry(absent_for=3.0)), theirs(resting())) == [Rest(1, resting())]
    assert said(ours(entry(S.ACCEPTED, absent_for=3.0)), theirs(resting())) == [Present(1)]


@pytest.mark.parametrize("status", sorted(FINAL | SOFT_FINAL))
def test_what_rests_although_it_is_over_is_taken_back(status: OrderStatus) -> None:
    us = ours(entry(status, position_id="P"))
    assert said(us, theirs(resting(), partial=True)) == [Withdraw("a", 1)]


# --- probable matches


@pytest.mark.parametrize("client_id", ["", "4711"])
@pytest.mark.parametrize(
    "order",
    [entry(), entry(S.REJECTED, verify_stage=1), entry(S.NOT_EXECUTED), entry(S.ACCEPTED)],
)
def test_a_position_with_all_its_features_is_probably_it(order: OurOrder, client_id: str) -> None:
    shown = position(client_id)
    assert said(ours(order), theirs(shown)) == [Bind(1, shown, True)]


@pytest.mark.parametrize(
    "other",
    [
        {"magic": 8},
        {"symbol": "USDJPY"},
        {"side": -1},
        {"lots": D("0.11")},
        {"opened_at": NOON - timedelta(seconds=6)},
        {"by_hand": True},
    ],
)
def test_a_position_with_another_feature_is_not(other: dict[str, object]) -> None:
    repairs = said(ours(entry()), theirs(position("", **other)))
    assert [type(r) for r in repairs] == [Absent, Found]


def test_nothing_is_probable_in_a_partial_reading() -> None:
    shown = position("")
    assert said(ours(entry()), theirs(shown, partial=True)) == [Found(shown, "ORPHAN")]


def test_two_probable_positions_leave_the_order_in_doubt() -> None:
    one, two = position("", id="P"), position("", id="Q")
    order = entry(sent_for=T.horizon, absent_for=T.reread)
    assert said(ours(order), theirs(one, two)) == [Found(one, "ORPHAN"), Found(two, "ORPHAN")]


def test_a_probable_position_goes_to_the_order_in_doubt_and_then_to_the_oldest() -> None:
    over, old, new = (entry(id=i, client_id=str(i)) for i in (1, 2, 3))
    us = ours(new, old, replace(over, status=S.NOT_EXECUTED))
    assert said(us, theirs(position(""))) == [Bind(2, position(""), True), Absent(3)]


def test_a_position_an_order_under_way_may_have_made_is_left_to_it() -> None:
    under_way = entry(S.SENDING, id=2, client_id="b", sent_for=1.0)
    us = ours(entry(S.NOT_EXECUTED), under_way)
    assert said(us, theirs(position(""))) == []


def test_an_orphan_with_a_row_can_still_be_bound() -> None:
    assert said(ours(entry(), row()), theirs(position(""))) == [Bind(1, position(""), True)]


# --- absence of entries


@pytest.mark.parametrize("status", [S.UNKNOWN, S.ACCEPTED, S.CANCEL_PENDING])
def test_the_first_reading_without_it_is_noted(status: OrderStatus) -> None:
    assert said(ours(entry(status, sent_for=-0.1)), theirs()) == []
    assert said(ours(entry(status)), theirs()) == [Absent(1)]
    assert said(ours(entry(status)), theirs(partial=True)) == []


@pytest.mark.parametrize(
    ("sent_for", "absent_for", "expected"),
    [
        (T.horizon, T.reread, "NOT_EXECUTED"),
        (T.horizon - 1, T.reread, ""),
        (T.horizon, T.reread - 1, ""),
        (T.horizon, None, "ABSENT"),
        (None, T.reread, ""),
    ],
)
def test_not_executed_takes_the_horizon_and_two_readings(
    sent_for: float | None, absent_for: float | None, expected: str
) -> None:
    assert concluded(entry(sent_for=sent_for, absent_for=absent_for)) == expected


@pytest.mark.parametrize("shown", [position(), resting(), deal(), deal("known")])
def test_nothing_is_concluded_of_what_is_shown(shown: PositionState | RestingOrder | Fill) -> None:
    us = ours(entry(sent_for=T.horizon, absent_for=T.reread), deals="known")
    assert not [r for r in said(us, theirs(shown)) if isinstance(r, Conclude | Absent)]


def test_nothing_is_concluded_from_a_partial_reading() -> None:
    old: dict[str, object] = {"sent_for": 999.0, "absent_for": 999.0}
    orders = [entry(s, id=i, client_id=str(i), **old) for i, s in enumerate(S, 1)]
    orders += [
        close(S.UNKNOWN, id=99, **old),
        entry(S.REJECTED, id=98, client_id="v", verify_stage=2),
    ]
    us = ours(*orders, row(broker_id="Q", missing_for=999.0))
    assert {type(r) for r in said(us, theirs(partial=True))} == {Doubt}


@pytest.mark.parametrize(
    ("status", "expires", "expected"),
    [
        (S.ACCEPTED, None, "CANCELLED"),
        (S.ACCEPTED, 6, "CANCELLED"),
        (S.ACCEPTED, 5, "BROKER_EXPIRED"),
        (S.CANCEL_PENDING, None, "CANCELLED"),
        (S.CANCEL_PENDING, 5, "CANCELLED"),
    ],
)
def test_a_resting_order_ends_as_its_time_says(
    status: OrderStatus, expires: int | None, expected: str
) -> None:
    end = None if expires is None else NOON + timedelta(minutes=expires)
    order = entry(status, absent_for=T.reread, expires_at=end)
    assert concluded(order) == expected
    assert concluded(replace(order, absent_for=T.reread - 1)) == ""


@pytest.mark.parametrize(("sent_for", "expected"), [(20.0, "DONE_PARTIAL"), (19.0, "")])
def test_a_partial_fill_is_done_when_nothing_rests(sent_for: float, expected: str) -> None:
    order = entry(S.PARTIAL, sent_for=sent_for, filled_lots=D("0.04"), position_id="P")
    assert concluded(order, position(lots=D("0.04"))) == expected
    assert said(ours(order), theirs(resting())) == []


def test_a_partial_fill_may_be_recorded_and_done_in_one_reading() -> None:
    some = deal(lots=D("0.04"))
    repairs = said(ours(entry()), theirs(some))
    assert repairs[0] == Record((some,))
    assert repairs[1:] == [Conclude(1, S.DONE_PARTIAL, "0.04 of 0.10 lots, nothing rests")]


@pytest.mark.parametrize(
    ("stage", "sent_for", "expected"),
    [
        (2, 5.0, [Verified(1, 1)]),
        (2, 4.0, []),
        (1, 60.0, [Verified(1, 0)]),
        (1, 59.0, []),
        (0, 99.0, []),
    ],
)
def test_a_rejection_is_believed_in_two_steps(
    stage: int, sent_for: float, expected: list[Repair]
) -> None:
    order = entry(S.REJECTED, verify_stage=stage, sent_for=sent_for)
    assert said(ours(order), theirs()) == expected
    assert said(ours(order), theirs(partial=True)) == []
    assert said(ours(order), theirs(resting())) == [Withdraw("a", 1)]


# --- closes


@pytest.mark.parametrize(
    ("left", "sent_for", "shown", "expected"),
    [
        ("0", 1.0, None, "FILLED"),
        ("0", 19.0, "0.10", ""),
        ("0", 20.0, "0.10", "NOT_EXECUTED"),
        ("0", 20.0, "0.02", "NOT_EXECUTED"),
        ("0.05", 1.0, None, "FILLED"),
        ("0.05", 1.0, "0.05", "FILLED"),
        ("0.05", 1.0, "0.04", "FILLED"),
        ("0.05", 20.0, "0.10", "ABSENT"),
    ],
)
def test_a_close_in_doubt_is_judged_by_what_is_left(
    left: str, sent_for: float, shown: str | None, expected: str
) -> None:
    order = close(remaining_lots=D(left), sent_for=sent_for)
    seen = [] if shown is None else [position(lots=D(shown))]
    assert concluded(order, *seen) == expected


@pytest.mark.parametrize(("left", "is_netting"), [("0.05", False), ("0", True), ("0.05", True)])
def test_a_close_that_may_not_be_repeated_takes_horizon_and_two_readings(
    left: str, is_netting: bool
) -> None:
    order = close(remaining_lots=D(left), sent_for=T.horizon, absent_for=T.reread)
    early = replace(order, sent_for=T.horizon - 1)
    once = replace(order, absent_for=None)
    outcomes = [concluded(o, position(), is_netting=is_netting) for o in (order, early, once)]
    assert outcomes == ["NOT_EXECUTED", "", "ABSENT"]


def test_the_close_of_a_position_we_never_knew_stays_in_doubt() -> None:
    us = replace(ours(close()), known=frozenset())
    assert said(us, theirs()) == []

"""Our positions against a reading of the broker: found, changed, missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.engine.readings import D, S, T, deal, entry, ours, position, row, said, theirs
from trading.engine.repairs import Changed, Found, Missing, Record, Repair, Returned, Vanished
from trading.engine.types import PositionState


@pytest.mark.parametrize(
    ("shown", "origin"),
    [
        (position("a"), "STRATEGY"),
        (position(""), "ORPHAN"),
        (position("", by_hand=True), "MANUAL"),
        (position("", magic=8), "MANUAL"),
        (position("", magic=0), "MANUAL"),
    ],
)
@pytest.mark.parametrize("partial", [True, False])
def test_a_position_without_a_row_is_found(
    shown: PositionState, origin: str, partial: bool
) -> None:
    us = ours(entry(S.FILLED, position_id="older"))
    assert said(us, theirs(shown, partial=partial)) == [Found(shown, origin)]


def test_a_position_is_not_found_where_a_deal_makes_its_row() -> None:
    assert said(ours(), theirs(position(""), deal(client_id=""))) == [Record((deal(client_id=""),))]


def test_a_position_is_found_where_only_a_deal_of_its_closing_is_seen() -> None:
    out, shown = deal(client_id="", opens=False), position("")
    assert said(ours(), theirs(shown, out)) == [Record((out,)), Found(shown, "ORPHAN")]


def test_a_closed_row_is_never_found_again() -> None:
    us = replace(ours(), known=frozenset({"P"}))
    assert said(us, theirs(position(""))) == []


@pytest.mark.parametrize("partial", [True, False])
@pytest.mark.parametrize("other", [{"lots": D(1)}, {"stop": None}, {"take": D("1.2")}])
def test_a_change_made_elsewhere_is_seen(other: dict[str, object], partial: bool) -> None:
    seen = position("", **other)
    assert said(ours(row()), theirs(seen, partial=partial)) == [Changed(5, seen)]


@pytest.mark.parametrize(
    ("deals", "shown", "changed"),
    [
        ([("0.04", False)], "0.06", False),
        ([("0.04", False)], "0.05", True),
        ([("0.05", True)], "0.15", False),
        ([("0.10", True)], "0.10", False),
        ([("0.14", True), ("0.04", False)], "0.06", False),
    ],
)
def test_lots_that_a_new_deal_explains_are_left_to_it(
    deals: list[tuple[str, bool]], shown: str, changed: bool
) -> None:
    made = [deal(str(i), "", lots=D(lots), opens=o) for i, (lots, o) in enumerate(deals)]
    same = said(ours(row()), theirs(position("", lots=D(shown)), *made))
    assert [type(r) for r in same] == [Record, Changed][: 1 + changed]
    moved = said(ours(row()), theirs(position("", lots=D(shown), stop=None), *made))
    assert [type(r) for r in moved] == [Record, Changed]


@pytest.mark.parametrize(
    ("missing_for", "expected"),
    [(None, [Missing(5)]), (T.reread - 1, []), (T.reread, [Vanished(5)])],
)
def test_a_position_vanishes_in_two_readings(
    missing_for: float | None, expected: list[Repair]
) -> None:
    us = ours(row(missing_for=missing_for))
    assert said(us, theirs()) == expected
    assert said(us, theirs(partial=True)) == []


@pytest.mark.parametrize("missing_for", [None, 1.0, T.reread])
def test_a_position_that_a_deal_closes_is_not_missing(missing_for: float | None) -> None:
    out = deal(client_id="", opens=False)
    assert said(ours(row(missing_for=missing_for)), theirs(out)) == [Record((out,))]


def test_a_position_that_a_deal_closes_in_part_is_missing() -> None:
    out = deal(client_id="", opens=False, lots=D("0.04"))
    assert said(ours(row()), theirs(out)) == [Record((out,)), Missing(5)]


@pytest.mark.parametrize("partial", [True, False])
def test_a_missing_position_may_return(partial: bool) -> None:
    us = ours(row(missing_for=T.reread))
    assert said(us, theirs(position(""), partial=partial)) == [Returned(5)]


@pytest.mark.parametrize(
    ("goal", "shown", "changed"),
    [
        ("1.095", "1.09", False),  # not moved yet
        ("1.095", "1.095", False),
        ("1.095", "1.093", False),  # a move before
        ("1.095", "1.096", True),
        ("1.095", "1.089", True),
        ("1.085", "1.087", False),  # of a short
        ("1.085", "1.091", True),
        (None, "1.095", True),
    ],
)
def test_a_stop_on_its_way_is_no_change_made_elsewhere(
    goal: str | None, shown: str, changed: bool
) -> None:
    seen = position("", stop=D(shown))
    us = ours(row(goal=None if goal is None else D(goal)))
    assert said(us, theirs(seen)) == ([Changed(5, seen)] if changed else [])


def test_a_lost_stop_on_its_way_is_seen_where_it_goes_to_and_nowhere_else() -> None:
    us = ours(row(stop=None, goal=D("1.095")))
    there, elsewhere = position("", stop=D("1.095")), position("", stop=D("1.094"))
    assert said(us, theirs(position("", stop=None))) == []
    assert said(us, theirs(there)) == []
    assert said(us, theirs(elsewhere)) == [Changed(5, elsewhere)]

"""Changing what is open: closing a part, moving levels, and what is told of it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.test_book import MONDAY_EVENING, book, quote, resting, ticket
from trading.engine.book import Book
from trading.engine.book_checks import OrderRefused
from trading.engine.book_state import BookState
from trading.engine.types import Costs, ExitReason, OrderKind

D = Decimal


def opened(account: Book, **more: object) -> str:
    """Fill a market order; its position id."""
    position_id, _ = account.submit(ticket(**more))  # type: ignore[arg-type]  # any field
    assert position_id is not None
    return position_id


def remade(account: Book) -> Book:
    """The account as another process takes it up."""
    state = BookState.from_json(json.loads(json.dumps(account.state.to_json())))
    again = Book(state, account.listings, account.currency, account.leverage)
    again.quotes.update(account.quotes)
    return again


# --- parts


def test_a_part_books_its_own_profit_and_commission() -> None:
    account = book(costs=Costs(commission_per_lot=D(3), slippage_ticks=4))
    position_id = opened(account)
    account.on_quote(quote(1016, after=1))
    (part,) = account.close(position_id, ExitReason.MANUAL, D(2))
    assert (part.price, part.lots, part.reason) == (D(1012), D(2), ExitReason.MANUAL)
    assert (part.profit, part.commission) == (D(12), D("3.00"))
    assert account.account().balance == D(10000) - D("7.50") + D(12) - D(3)


def test_the_rest_keeps_id_entry_and_levels_and_its_share_of_the_margin() -> None:
    account = book()
    position_id = opened(account, stop=D(990), take=D(1050), magic=9)
    (before,) = account.account().positions
    account.close(position_id, lots=D(2))
    (rest,) = account.account().positions
    assert (rest.id, rest.lots, rest.entry_price) == (position_id, D(3), before.entry_price)
    assert (rest.stop, rest.take, rest.magic) == (D(990), D(1050), 9)
    assert account.account().margin == D("30.06")  # of 50.10


def test_a_part_takes_its_share_of_the_swap_to_the_cent() -> None:
    account = book(swap_long=D("-0.1"))
    account.on_quote(quote(1000, after=MONDAY_EVENING - 60))
    position_id = opened(account, lots=D(7))
    account.on_quote(quote(1000, after=MONDAY_EVENING))
    parts = [account.close(position_id, lots=D(n))[0] for n in (3, 3)]
    (last,) = account.close(position_id)
    assert [part.swap for part in parts] == [D("-0.30"), D("-0.30")]
    assert last.swap == D("-0.10")


def test_parts_are_numbered_and_the_last_deal_has_the_name_it_always_had() -> None:
    account = book()
    position_id = opened(account)
    account.close(position_id, lots=D(1))
    account = remade(account)
    account.close(position_id, lots=D(2))
    account.close(position_id, lots=D(2))
    assert [fill.deal_id for fill in account.executed] == ["1-out2", "1-out"]
    assert account.account().positions == ()


@pytest.mark.parametrize("lots", ["0", "-1", "0.5", "6"])
def test_a_bad_part_is_refused_and_leaves_no_trace(lots: str) -> None:
    account = book()
    position_id = opened(account)
    before = account.state.to_json()
    with pytest.raises(OrderRefused) as refused:
        account.close(position_id, lots=D(lots))
    assert refused.value.code == "INVALID_VOLUME"
    assert account.state.to_json() == before


def test_a_part_of_nothing_is_refused() -> None:
    with pytest.raises(OrderRefused) as refused:
        book().close("7", lots=D(1))
    assert refused.value.code == "POSITION_NOT_FOUND"


@given(
    side=st.sampled_from((1, -1)),
    parts=st.lists(st.integers(1, 40), max_size=6),
    rest=st.integers(1, 40),
    entry=st.integers(900, 1100),
    bid=st.integers(900, 1100),
    commission=st.decimals(0, 9, places=3),
    tick_value=st.decimals("0.001", "0.1", places=3),
)
def test_parts_come_to_the_same_as_the_whole(
    side: int,
    parts: list[int],
    rest: int,
    entry: int,
    bid: int,
    commission: Decimal,
    tick_value: Decimal,
) -> None:
    account = book(costs=Costs(commission_per_lot=commission), contract_size=tick_value)
    account.on_quote(quote(entry, after=1))
    lots = D(sum(parts) + rest)
    position_id = opened(account, side=side, lots=lots)
    account.on_quote(quote(bid, after=MONDAY_EVENING))
    whole = remade(account)
    (expected,) = whole.close(position_id)
    told = []
    for part in parts:
        told += account.close(position_id, lots=D(part))
        account = remade(account)
    told += account.close(position_id)
    slack = D("0.01") * len(told)
    assert sum(fill.lots for fill in told) == lots
    assert sum(fill.swap for fill in told) == expected.swap
    assert abs(sum(fill.profit for fill in told) - expected.profit) <= slack
    assert abs(account.account().balance - whole.account().balance) <= 2 * slack
    assert account.state.positions == []


@given(parts=st.lists(st.integers(1, 40), max_size=6), rest=st.integers(1, 40))
def test_a_state_with_parts_survives_json_exactly(parts: list[int], rest: int) -> None:
    account = book(swap_long=D("-0.123"))
    position_id = opened(account, lots=D(sum(parts) + rest), stop=D(900))
    account.on_quote(quote(1000, after=MONDAY_EVENING))
    for part in parts:
        account.close(position_id, lots=D(part))
    assert remade(account).state == account.state
    assert account.state.positions[0].parts == len(parts)


# --- levels


def test_levels_are_moved_and_judged_from_then_on() -> None:
    account = book()
    position_id = opened(account, stop=D(900))
    account.modify(position_id, D(995), D(1010))
    (position,) = account.account().positions
    assert (position.stop, position.take) == (D(995), D(1010))
    assert account.on_quote(quote(995, after=1))[0].reason is ExitReason.STOP


def test_a_level_can_be_taken_away() -> None:
    account = book()
    position_id = opened(account, stop=D(990), take=D(1010))
    account.modify(position_id, None, None)
    assert account.on_quote(quote(980, after=1)) == account.on_quote(quote(1020, after=2)) == []


@pytest.mark.parametrize(
    ("side", "stop", "take"),
    [
        (1, D(998), None),
        (1, None, D(1002)),
        (-1, D(1004), None),
        (-1, None, D(1000)),
        (1, D(1100), None),
    ],
)
def test_a_level_too_near_or_on_the_wrong_side_is_refused(
    side: int, stop: Decimal | None, take: Decimal | None
) -> None:
    account = book(stops_level=3)
    position_id = opened(account, side=side)
    before = account.state.to_json()
    with pytest.raises(OrderRefused) as refused:
        account.modify(position_id, stop, take)
    assert refused.value.code == "INVALID_STOPS"
    assert account.state.to_json() == before


@pytest.mark.parametrize(("side", "stop", "take"), [(1, 997, 1003), (-1, 1005, 999)])
def test_a_level_just_far_enough_is_taken(side: int, stop: int, take: int) -> None:
    account = book(stops_level=3)
    position_id = opened(account, side=side)
    account.modify(position_id, D(stop), D(take))
    assert account.account().positions[0].stop == stop


def test_the_same_levels_again_change_nothing_although_the_price_has_come_near() -> None:
    account = book(stops_level=3)
    position_id = opened(account, stop=D(990))
    account.on_quote(quote(991, after=1))
    account.changed = False
    account.modify(position_id, D(990), None)
    assert not account.changed
    account.modify(position_id, D(980), None)
    assert account.changed


def test_levels_of_nothing_are_refused() -> None:
    with pytest.raises(OrderRefused) as refused:
        book().modify("7", None, None)
    assert refused.value.code == "POSITION_NOT_FOUND"


# --- what is told


def test_every_deal_is_told_also_those_of_a_quote() -> None:
    account = book()
    opened(account, stop=D(990))
    account.submit(resting(OrderKind.LIMIT, 985, client_id="b"))
    account.on_quote(quote(980, after=1))
    assert [fill.deal_id for fill in account.executed] == ["1-in", "1-out", "2-in"]
    assert remade(account).executed == []


def test_resting_orders_are_told_until_they_are_filled() -> None:
    account = book()
    account.submit(resting(OrderKind.STOP, 1010, stop=D(990), magic=9))
    (order,) = account.resting()
    assert (order.id, order.client_id, order.symbol, order.side) == ("a", "a", "TEST", 1)
    assert (order.lots, order.kind, order.price) == (D(5), OrderKind.STOP, D(1010))
    assert (order.stop, order.take, order.magic) == (D(990), None, 9)
    account.on_quote(quote(1008, after=1))
    assert account.resting() == ()


def test_one_level_can_be_moved_while_the_price_is_near_the_other() -> None:
    account = book(stops_level=3)
    position_id = opened(account, stop=D(980), take=D(1010))
    account.on_quote(quote(1008, after=1))
    account.modify(position_id, D(1005), D(1010))
    assert account.account().positions[0].stop == 1005
    with pytest.raises(OrderRefused):
        account.modify(position_id, D(1005), D(1009))

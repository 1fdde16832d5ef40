"""The margin account tick by tick: orders, levels, money, and what waits for a quote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.engine.tables import instrument
from trading.engine.book import Book, Listing
from trading.engine.book_checks import OrderRefused
from trading.engine.book_state import BookState, Ticket
from trading.engine.types import Costs, ExitReason, Fill, OrderKind, Quote

D = Decimal
START = datetime(2026, 1, 6, 12, tzinfo=UTC)
"""A Tuesday."""


def book(
    balance: str = "10000", *, costs: Costs = Costs(), leverage: int = 100, **spec: object
) -> Book:
    """An account that trades TEST and OTHER, both at 1000/1002 since `START`."""
    names = ("TEST", "OTHER")
    listings = {name: Listing(instrument(symbol=name, **spec), costs) for name in names}
    opened = Book.opening(D(balance), listings, "USD", leverage)
    for name in listings:
        opened.on_quote(quote(1000, symbol=name))
    return opened


def quote(bid: int, ask: int | None = None, *, after: float = 0, symbol: str = "TEST") -> Quote:
    at = START + timedelta(seconds=after)
    return Quote(symbol, at, D(bid), D(bid + 2 if ask is None else ask))


def ticket(side: int = 1, **more: object) -> Ticket:
    values: dict[str, object] = {
        "client_id": "a",
        "symbol": "TEST",
        "side": side,
        "lots": D(5),
        "kind": OrderKind.MARKET,
        "price": None,
        "stop": None,
        "take": None,
    }
    return Ticket(**{**values, **more})  # type: ignore[arg-type]  # any field


def resting(kind: OrderKind, price: int, side: int = 1, **more: object) -> Ticket:
    return ticket(side, kind=kind, price=D(price), **more)


def story(filled: list[Fill]) -> list[tuple[bool, Decimal, ExitReason | None]]:
    return [(fill.opens, fill.price, fill.reason) for fill in filled]


# --- orders


def test_market_order_fills_at_the_quote_with_slippage_and_half_commission() -> None:
    costs = Costs(commission_per_lot=D(3), slippage_ticks=4)
    account = book(costs=costs)
    position_id, (fill,) = account.submit(ticket(magic=9))
    assert position_id == fill.position_id
    assert (fill.price, fill.lots, fill.commission) == (D(1006), D(5), D("7.50"))
    assert (fill.at, fill.client_id, fill.magic) == (START, "a", 9)
    assert account.account().balance == D("9992.50")


def test_close_fills_at_the_quote_and_books_profit_less_half_commission() -> None:
    account = book(costs=Costs(commission_per_lot=D(3), slippage_ticks=4))
    position_id, _ = account.submit(ticket(-1))
    assert position_id is not None
    account.on_quote(quote(900))
    (fill,) = account.close(position_id)
    assert (fill.price, fill.reason) == (D(906), ExitReason.SIGNAL)
    assert (fill.profit, fill.commission) == (D(450), D("7.50"))
    assert account.account().balance == D(10435)
    assert account.close(position_id) == []


def test_the_account_shows_what_is_open() -> None:
    account = book()
    account.submit(ticket(stop=D(900), magic=9))
    account.on_quote(quote(1010))
    state = account.account()
    (position,) = state.positions
    assert (position.side, position.lots, position.entry_price) == (1, D(5), D(1002))
    assert (position.stop, position.take, position.magic) == (D(900), None, 9)
    assert (position.profit, position.opened_at) == (D(40), START)
    assert (state.balance, state.equity, state.margin) == (D(10000), D(10040), D("50.10"))


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (ticket(symbol="NONE"), "OFF_QUOTES"),
        (ticket(lots=D("0.5")), "INVALID_VOLUME"),
        (ticket(lots=D("1.5")), "INVALID_VOLUME"),
        (ticket(lots=D(1001)), "INVALID_VOLUME"),
        (ticket(lots=D(999)), "NO_MONEY"),
        (ticket(stop=D(1000)), "INVALID_STOPS"),
        (ticket(take=D(1000)), "INVALID_STOPS"),
        (ticket(-1, stop=D(1002)), "INVALID_STOPS"),
        (resting(OrderKind.STOP, 1002), "INVALID_PRICE"),
        (resting(OrderKind.STOP, 1000, -1), "INVALID_PRICE"),
        (resting(OrderKind.LIMIT, 1002), "INVALID_PRICE"),
        (resting(OrderKind.LIMIT, 1000, -1), "INVALID_PRICE"),
        (ticket(kind=OrderKind.STOP), "INVALID_PRICE"),
        (resting(OrderKind.STOP, 1010, stop=D(1008)), "INVALID_STOPS"),
    ],
)
def test_a_bad_order_is_refused_and_leaves_no_trace(order: Ticket, code: str) -> None:
    account = book()
    before = account.state.to_json()
    with pytest.raises(OrderRefused) as refused:
        account.submit(order)
    assert refused.value.code == code
    assert account.state.to_json() == before


def test_margin_may_be_used_to_the_last_cent() -> None:
    account = book("10020", leverage=1)
    assert account.submit(ticket(lots=D(10)))[0] is not None


# --- levels


@pytest.mark.parametrize(
    ("side", "levels", "prices", "expected"),
    [
        (1, {"stop": D(990)}, [991, 985], (D(985), ExitReason.STOP)),
        (1, {"take": D(1010)}, [1009, 1015], (D(1015), ExitReason.TAKE)),
        (-1, {"stop": D(1010)}, [1007, 1009], (D(1011), ExitReason.STOP)),
        (-1, {"take": D(990)}, [989, 980], (D(982), ExitReason.TAKE)),
    ],
)
def test_levels_are_judged_on_the_closing_side(
    side: int, levels: dict[str, Decimal], prices: list[int], expected: tuple[Decimal, ExitReason]
) -> None:
    account = book()
    account.submit(ticket(side, **levels))
    near, beyond = prices
    assert account.on_quote(quote(near, after=1)) == []
    assert story(account.on_quote(quote(beyond, after=2))) == [(False, *expected)]
    assert account.account().positions == ()


def test_a_stop_slips_and_a_take_does_not() -> None:
    account = book(costs=Costs(slippage_ticks=3))
    account.submit(ticket(stop=D(990)))
    account.submit(ticket(take=D(1010), client_id="b"))
    assert account.on_quote(quote(1010, after=1))[0].price == 1010
    assert account.on_quote(quote(990, after=2))[0].price == 987


def test_a_tick_older_than_the_position_leaves_it_alone() -> None:
    account = book()
    account.on_quote(quote(1000, after=10))
    account.submit(ticket(stop=D(990)))
    assert account.on_quote(quote(900, after=9)) == []
    assert len(account.on_quote(quote(900, after=10))) == 1


# --- resting orders


@pytest.mark.parametrize(
    ("order", "prices"),
    [
        (resting(OrderKind.STOP, 1010), [1007, 1008]),
        (resting(OrderKind.STOP, 990, -1), [991, 990]),
        (resting(OrderKind.LIMIT, 995), [994, 993]),
        (resting(OrderKind.LIMIT, 1005, -1), [1004, 1005]),
    ],
)
def test_a_resting_order_waits_for_its_price(order: Ticket, prices: list[int]) -> None:
    account = book()
    assert account.submit(order) == (None, [])
    near, at = prices
    assert account.on_quote(quote(near, after=1)) == []
    assert story(account.on_quote(quote(at, after=2))) == [(True, order.price, None)]
    assert account.state.pending == []


def test_a_stop_order_slips_and_a_limit_order_does_not() -> None:
    account = book(costs=Costs(slippage_ticks=3))
    account.submit(resting(OrderKind.STOP, 1010))
    account.submit(resting(OrderKind.LIMIT, 990, client_id="b"))
    assert account.on_quote(quote(1008, after=1))[0].price == 1013
    assert account.on_quote(quote(988, after=2))[0].price == 990


def test_a_resting_order_fills_at_the_market_when_prices_jump() -> None:
    account = book()
    account.submit(resting(OrderKind.STOP, 1010))
    assert account.on_quote(quote(1018, after=1))[0].price == 1020


def test_a_resting_order_dies_in_time() -> None:
    account = book()
    account.submit(resting(OrderKind.STOP, 1010, expires_at=START + timedelta(seconds=60)))
    assert account.on_quote(quote(1020, after=60)) == []
    assert account.state.pending == []


def test_a_resting_order_can_be_taken_back_once() -> None:
    account = book()
    account.submit(resting(OrderKind.STOP, 1010))
    assert account.cancel("a")
    assert not account.cancel("a")
    assert account.on_quote(quote(1020, after=1)) == []


def test_a_tick_older_than_a_resting_order_does_not_fill_it() -> None:
    account = book()
    account.on_quote(quote(1000, after=10))
    account.submit(resting(OrderKind.STOP, 1010))
    assert account.on_quote(quote(1020, after=9)) == []
    assert len(account.on_quote(quote(1020, after=10))) == 1


def test_a_position_is_judged_at_the_quote_that_opened_it() -> None:
    account = book()
    account.submit(resting(OrderKind.STOP, 1010, stop=D(1005)))
    filled = account.on_quote(quote(1000, 1010, after=1))
    assert story(filled) == [(True, D(1010), None), (False, D(1000), ExitReason.STOP)]


# --- stop-out


def test_an_order_that_the_spread_ruins_is_stopped_out_at_once() -> None:
    account = book("10020", leverage=10)
    account.on_quote(quote(930, 1002, after=1))
    _, filled = account.submit(ticket(lots=D(90)))
    assert story(filled) == [(True, D(1002), None), (False, D(930), ExitReason.STOP_OUT)]


def test_stop_out_closes_the_worst_position_first_and_then_asks_again() -> None:
    account = book()
    for name, lots in (("a", 200), ("b", 500)):
        account.submit(ticket(lots=D(lots), client_id=name))
    account.submit(ticket(-1, lots=D(50), symbol="OTHER", client_id="c"))
    # margin 7,514: out below 3,757; equity is 4,300 at 994 and 3,600 at 993
    assert account.on_quote(quote(994, after=1)) == []
    (fill,) = account.on_quote(quote(993, after=2))
    assert (fill.client_id, fill.reason, fill.profit) == ("b", ExitReason.STOP_OUT, D(-4500))
    assert [p.client_id for p in account.account().positions] == ["a", "c"]


def test_stop_out_closes_as_many_as_it_must() -> None:
    account = book("9200")
    for name in ("a", "b"):
        account.submit(ticket(lots=D(400), client_id=name))
    filled = account.on_quote(quote(980, after=1))
    assert [(f.client_id, f.reason) for f in filled] == [
        ("a", ExitReason.STOP_OUT),
        ("b", ExitReason.STOP_OUT),
    ]


# --- days


MONDAY_EVENING = (datetime(2026, 1, 12, 22, tzinfo=UTC) - START).total_seconds()


def test_swap_is_booked_with_the_first_tick_after_17_new_york() -> None:
    account = book(swap_long=D("-0.5"))
    account.on_quote(quote(1000, after=MONDAY_EVENING - 60))
    position_id, _ = account.submit(ticket())
    account.on_quote(quote(1000, after=MONDAY_EVENING - 1))
    assert account.account().positions[0].swap == 0
    account.on_quote(quote(1000, after=MONDAY_EVENING))
    account.on_quote(quote(1000, after=MONDAY_EVENING + 1))
    assert account.account().positions[0].swap == D("-2.50")
    assert position_id is not None
    assert account.close(position_id)[0].swap == D("-2.50")


def test_nights_without_a_tick_are_booked_later_one_by_one() -> None:
    """Tuesday to Monday: 1 + 3 + 1 + 1 + 1 nights of 0.125 each, each rounded up to 0.13."""
    account = book(swap_long=D("0.025"))
    account.submit(ticket())
    account.on_quote(quote(1000, after=MONDAY_EVENING))
    assert account.account().positions[0].swap == 4 * D("0.13") + D("0.38")


def test_a_position_of_the_new_day_pays_no_swap_for_the_night_before() -> None:
    account = book(swap_long=D("-0.5"))
    account.submit(ticket())
    account.quotes["TEST"] = quote(1000, after=MONDAY_EVENING + 5)
    account.submit(ticket(client_id="b"))
    account.on_quote(quote(1000, after=MONDAY_EVENING + 6))
    assert [p.swap for p in account.account().positions] == [D("-17.50"), D(0)]


def test_the_day_starts_with_the_higher_of_balance_and_equity() -> None:
    account = book()
    account.submit(ticket())
    account.on_quote(quote(1100, after=MONDAY_EVENING))
    assert account.account().day_start_equity == D(10490)
    account.on_quote(quote(900, after=MONDAY_EVENING + 1))
    assert account.account().day_start_equity == D(10490)
    account.on_quote(quote(900, after=MONDAY_EVENING + 86400))
    assert account.account().day_start_equity == D(10000)


# --- between processes


def test_a_book_continues_from_its_state() -> None:
    account = book()
    account.submit(ticket(stop=D(990)))
    account.submit(resting(OrderKind.STOP, 1010, client_id="b"))
    state = BookState.from_json(account.state.to_json())
    again = Book(state, account.listings, "USD", 100)
    later = [quote(1008, after=1), quote(985, after=2)]
    assert [again.on_quote(q) for q in later] == [account.on_quote(q) for q in later]
    assert again.state == account.state


def test_changed_tells_whether_there_is_anything_to_keep() -> None:
    account = book()
    account.changed = False
    account.on_quote(quote(1001, after=1))
    assert not account.changed
    account.submit(ticket())
    assert account.changed


def test_stop_out_waits_for_a_quote_of_everything_held() -> None:
    account = book()
    account.submit(ticket(lots=D(450)))
    account.submit(ticket(lots=D(450), symbol="OTHER", client_id="b", stop=D(900)))
    again = Book(account.state, account.listings, "USD", 100)
    assert again.on_quote(quote(980, after=1)) == []
    with pytest.raises(OrderRefused, match="OTHER: expected a quote, was none"):
        again.account()
    filled = again.on_quote(quote(980, symbol="OTHER", after=2))
    assert [fill.reason for fill in filled] == [ExitReason.STOP_OUT, ExitReason.STOP_OUT]


def test_levels_wait_for_the_quote_that_converts_the_profit() -> None:
    spec = instrument(symbol="EURGBP", base_currency="EUR", profit_currency="GBP")
    account = Book.opening(D(10000), {"EURGBP": Listing(spec)}, "USD", 100)
    pound = Quote("GBPUSD", START, D("1.24"), D("1.25"))
    assert account.on_quote(quote(1000, symbol="EURGBP")) == []
    account.on_quote(pound)
    account.submit(ticket(symbol="EURGBP", stop=D(990)))
    again = Book(account.state, account.listings, "USD", 100)
    assert again.on_quote(quote(990, symbol="EURGBP", after=1)) == []
    again.on_quote(pound)
    (fill,) = again.on_quote(quote(990, symbol="EURGBP", after=2))
    assert (fill.reason, fill.profit) == (ExitReason.STOP, D(-75))  # 12 x 5 x 1.25

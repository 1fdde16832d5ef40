"""What an account is worth at every quote is what the book says, however it is summed up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.risk.guarded import NOON, SPREADS, instrument, listings, quote
from trading.engine.book import Book
from trading.engine.book_state import Ticket
from trading.engine.risk.valuation import Valuation
from trading.engine.types import AccountState, Calculation, Costs, OrderKind, PositionState, Quote

D = Decimal
PRICES = {"EURUSD": D("1.10000"), "USDJPY": D("150.000"), "GBPJPY": D("190.000")}
COSTS = Costs(commission_per_lot=D(7), slippage_ticks=3)


def ticks(name: str, count: int) -> Quote:
    """The pair so many ticks from where it began."""
    return quote(name, PRICES[name] + count * instrument(name).tick_size)


def priced(currency: str = "USD", balance: int = 100_000) -> tuple[Book, Valuation]:
    book = Book.opening(D(balance), listings(COSTS), currency, 100)
    valuation = Valuation(book.listings, {})
    for name in SPREADS:
        book.on_quote(ticks(name, 0))
        valuation.on_quote(ticks(name, 0))
    return book, valuation


def bought(book: Book, name: str, side: int, steps: int, stop: int | None) -> None:
    """A market order, its stop so many ticks away."""
    level = None if stop is None else PRICES[name] - side * stop * instrument(name).tick_size
    lots = steps * instrument(name).volume_step
    book.submit(Ticket("a", name, side, lots, OrderKind.MARKET, None, level, None, magic=steps % 3))


sides, names = st.sampled_from([1, -1]), st.sampled_from(sorted(PRICES))
stops = st.one_of(st.none(), st.integers(150, 900))
positions = st.lists(st.tuples(names, sides, st.integers(1, 30), stops), max_size=6)
moves = st.lists(st.tuples(names, st.integers(-90, 90)), max_size=12)


@given(positions, moves, st.sampled_from(["USD", "EUR", "USC"]))
def test_equity_at_every_quote_is_that_of_the_book(
    opened: list[tuple[str, int, int, int | None]], moved: list[tuple[str, int]], currency: str
) -> None:
    book, valuation = priced(currency, 100_000_000)
    for order in opened:
        bought(book, *order)
    valuation.bind(book.account(), {1: D(0), 2: D(0)})
    for name, count in moved:
        assert not book.on_quote(ticks(name, count))
        valuation.on_quote(ticks(name, count))
        account, total = book.account(), valuation.total()
        assert total.equity == pytest.approx(float(account.equity), abs=0.011)
        own = sum(p.profit for p in account.positions if p.magic == 1)
        assert valuation.total(1).equity == pytest.approx(float(own), abs=0.031)


@given(positions, moves)
def test_what_is_lost_at_the_stops_is_never_gained(
    opened: list[tuple[str, int, int, int | None]], moved: list[tuple[str, int]]
) -> None:
    book, valuation = priced()
    for order in opened:
        bought(book, *order)
    valuation.bind(book.account(), {})
    for name, count in [*moved, ("EURUSD", -2000), ("USDJPY", 2000)]:
        valuation.on_quote(ticks(name, count))
        assert valuation.total().at_stops <= valuation.total().equity + 1e-6


def test_the_worst_case_is_the_balance_less_the_losses_at_the_stops() -> None:
    book, valuation = priced()
    bought(book, "EURUSD", 1, 100, 500)  # filled at 1.10009, its stop at 1.09500
    bought(book, "USDJPY", -1, 100, 500)  # 149.997, 150.500
    valuation.bind(book.account(), {})
    assert book.account().balance == 99_993
    yen = (D("149.997") - D("150.500")) * 100_000 / D("150.500")
    assert valuation.total().at_stops == pytest.approx(float(99_993 - 509 + yen))
    assert valuation.total().unstopped == 0


def test_a_stop_that_was_leapt_over_ends_where_the_price_is() -> None:
    book, valuation = priced()
    bought(book, "EURUSD", 1, 100, 500)
    valuation.bind(book.account(), {})
    valuation.on_quote(ticks("EURUSD", -800))
    assert valuation.total().at_stops == pytest.approx(valuation.total().equity)


def test_closing_costs_slippage_and_half_the_commission() -> None:
    book, valuation = priced()
    bought(book, "EURUSD", 1, 100, None)
    bought(book, "GBPJPY", -1, 50, None)
    valuation.bind(book.account(), {})
    before = valuation.total().equity
    assert valuation.total().cost == pytest.approx(3 + 3.5 + 3 * 50 / 150.0 + 1.75, abs=0.01)
    for position in book.account().positions:
        book.close(position.id)
    assert float(book.account().balance) == pytest.approx(before - 9.25, abs=0.02)


def seen(**more: object) -> PositionState:
    values: dict[str, object] = {"stop": D("1.09"), "profit": D(-5), **more}
    made = PositionState("1", "EURUSD", 1, D(1), D("1.10000"), NOON)
    return replace(made, **values)  # type: ignore[arg-type]  # any field


def state(*positions: PositionState, **more: object) -> AccountState:
    made = AccountState("USD", D(1000), D(995), D(0), 100, positions)
    return replace(made, **more)  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize("position", [seen(), seen(symbol="XYZ"), seen(stop=None)])
def test_what_nobody_can_price_stays_at_what_the_broker_says(position: PositionState) -> None:
    valuation = Valuation(listings(), {})
    valuation.bind(state(position), {})
    total = valuation.total()
    assert (total.equity, total.at_stops, total.unstopped > 0) == (995, 995, True)


def test_credit_is_kept_and_the_rounding_of_positions_is_not() -> None:
    valuation = Valuation(listings(), {})
    valuation.bind(state(seen(), equity=D("995.02")), {})
    assert valuation.total().equity == 995
    valuation.bind(state(seen(), equity=D(1095)), {})
    assert valuation.total().equity == 1095


def test_a_quote_converts_under_its_canonical_name() -> None:
    traded = {name: listing for name, listing in listings().items() if name != "USDJPY"}
    valuation = Valuation(traded, {"USDJPYm": "USDJPY"})
    assert not valuation.on_quote(replace(ticks("USDJPY", 0), symbol="USDJPYm"))
    valuation.bind(state(seen(symbol="GBPJPY", entry_price=D(190), stop=D(189))), {})
    assert valuation.on_quote(ticks("GBPJPY", 1000))
    assert valuation.total().equity == pytest.approx(1000 + 100_000 / 150)


def test_quotes_of_others_do_not_matter() -> None:
    valuation = Valuation(listings(), {})
    valuation.bind(state(seen()), {})
    assert not valuation.on_quote(ticks("USDJPY", 0))
    assert valuation.on_quote(ticks("EURUSD", 0))


def test_futures_gain_by_their_tick_price() -> None:
    plain = listings()["EURUSD"]
    future = replace(plain.instrument, calculation=Calculation.FUTURES, tick_price=D(5))
    valuation = Valuation({"EURUSD": replace(plain, instrument=future)}, {})
    valuation.bind(state(seen(stop=D("1.09990"))), {})
    valuation.on_quote(ticks("EURUSD", 7))
    assert valuation.total().equity == pytest.approx(1000 + 7 * 5)
    assert valuation.total().at_stops == pytest.approx(1000 - 10 * 5)


def test_what_is_worked_out_in_an_unknown_way_is_left_to_the_broker() -> None:
    plain = listings()["EURUSD"]
    other = replace(plain.instrument, calculation=Calculation.OTHER)
    valuation = Valuation({"EURUSD": replace(plain, instrument=other)}, {})
    valuation.bind(state(seen()), {})
    assert not valuation.on_quote(ticks("EURUSD", 7))
    assert valuation.total().equity == 995


def test_fixed_margins_weigh_by_lots_and_others_by_value() -> None:
    book, valuation = priced()
    bought(book, "EURUSD", 1, 10, None)
    bought(book, "GBPJPY", 1, 10, None)
    valuation.bind(book.account(), {})
    one, other = valuation.weights["1"], valuation.weights["2"]
    assert other / one == pytest.approx((190.0 / 150) / 1.1, rel=1e-3)

"""Prices and ticks, lots and steps, cents, and conversion between currencies."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.tables import instrument
from trading.engine import fills, money
from trading.engine.types import Conversion, EngineError, Instrument, Quote

TICK = Decimal("0.00001")
steps = st.sampled_from([Decimal("0.01"), Decimal("0.1"), Decimal("0.25"), Decimal(1)])
amounts = st.decimals(-(10**7), 10**7, places=4)


def quote(symbol: str, bid: str, ask: str) -> Quote:
    return Quote(symbol, datetime(2026, 1, 6, tzinfo=UTC), Decimal(bid), Decimal(ask))


def cross(base: str, profit: str) -> Instrument:
    return instrument(symbol=base + profit, base_currency=base, profit_currency=profit)


@given(st.integers(-(10**9), 10**9))
def test_ticks_survive_the_way_through_prices(ticks: int) -> None:
    assert money.price_to_ticks(money.ticks_to_price(ticks, TICK), TICK) == ticks


@given(st.integers(1, 10**9))
def test_a_float_price_on_the_grid_becomes_that_price(ticks: int) -> None:
    price = ticks * TICK
    assert money.price_from_float(float(price), TICK) == price


def test_a_price_between_two_ticks_rounds_to_the_nearest_halves_up() -> None:
    assert money.price_from_float(2.5, Decimal(1)) == 3
    assert money.price_to_ticks(Decimal("2.5"), Decimal(1)) == 3
    assert money.price_from_float(1.4999, Decimal(1)) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
def test_what_is_no_price_is_refused(value: float) -> None:
    with pytest.raises(EngineError, match="Expected a finite price above 0, was"):
        money.price_from_float(value, TICK)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
def test_what_is_no_distance_is_refused(value: float) -> None:
    with pytest.raises(EngineError, match="Expected a finite distance above 0, was"):
        money.distance_from_float(value, TICK)


@pytest.mark.parametrize(("value", "ticks"), [(0.1, 1), (1.49, 1), (2.5, 3), (1e9, 10**9)])
def test_a_distance_is_at_least_one_tick(value: float, ticks: int) -> None:
    assert money.distance_from_float(value, Decimal(1)) == ticks


@pytest.mark.parametrize(
    ("value", "tick", "ticks"),
    [(0.2, "1", 1), (7.0, "1", 7), (7.001, "1", 8), (7 * 0.01, "0.01", 7), (1e-300, "1", 1)],
)
def test_a_trail_is_rounded_up_but_not_for_noise(value: float, tick: str, ticks: int) -> None:
    assert money.trail_from_float(value, Decimal(tick)) == ticks * Decimal(tick)


@pytest.mark.parametrize(("value", "ticks"), [(0.0, 0), (0.4, 0), (0.5, 1), (7.0, 7)])
def test_a_spread_may_be_none(value: float, ticks: int) -> None:
    assert money.spread_from_float(value, Decimal(1)) == ticks


@pytest.mark.parametrize("value", [-1.0, float("inf"), float("nan")])
def test_a_spread_is_not_negative(value: float) -> None:
    with pytest.raises(EngineError, match="Expected a finite spread of 0 or more, was"):
        money.spread_from_float(value, TICK)


@given(amounts, steps)
def test_whole_steps_never_cost_more_than_the_budget(budget: Decimal, cost: Decimal) -> None:
    count = money.whole_steps(budget, cost)
    assert count >= 0
    if budget > 0:
        assert count * cost <= budget < (count + 1) * cost


def test_a_quotient_that_rounding_kept_from_a_whole_number_counts_as_it() -> None:
    third = Decimal(1) / Decimal(3)
    assert money.whole_steps(Decimal(1), third) == 3
    assert money.whole_steps(Decimal("0.999999"), third) == 2


@given(st.decimals("0.01", 10**6, places=2), st.decimals("0.00001", 10**4, places=5))
def test_the_simulator_counts_the_same_steps(budget: Decimal, cost: Decimal) -> None:
    assert fills.whole_steps(float(budget), float(cost)) == money.whole_steps(budget, cost)


@given(st.integers(0, 10**6), steps)
def test_lots_are_whole_steps(count: int, step: Decimal) -> None:
    assert money.lots_to_steps(count * step, step) == count


def test_broken_lots_are_refused() -> None:
    with pytest.raises(EngineError, match=r"Expected lots in steps of 0\.01, was 0\.015"):
        money.lots_to_steps(Decimal("0.015"), Decimal("0.01"))


@given(st.integers(-8 * 10**9, 8 * 10**9))
def test_eighths_of_cents_are_booked_alike_in_decimal_and_float(eighths: int) -> None:
    exact = Decimal(eighths) / 800
    assert money.money_from_float(fills.round_cents(float(exact))) == money.cents(exact)


def test_half_a_cent_rounds_towards_plus_infinity() -> None:
    assert money.cents(Decimal("0.125")) == Decimal("0.13")
    assert money.cents(Decimal("-0.125")) == Decimal("-0.12")


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_money_is_finite(value: float) -> None:
    with pytest.raises(EngineError, match="Expected a finite amount, was"):
        money.money_from_float(value)


def test_profit_in_account_currency_needs_no_rate() -> None:
    assert money.conversion_for(cross("EUR", "USD"), "USD", {}) == Conversion()


def test_a_pair_on_the_account_currency_converts_at_its_own_price() -> None:
    conversion = money.conversion_for(cross("USD", "JPY"), "USD", {})
    assert conversion.at(Decimal(160)) == Decimal("0.00625")


def test_the_direct_pair_counts_at_its_ask() -> None:
    quotes = {"GBPUSD": quote("GBPUSD", "1.24", "1.25")}
    conversion = money.conversion_for(cross("EUR", "GBP"), "USD", quotes)
    assert conversion == Conversion(rate=Decimal("1.25"))


def test_the_inverse_pair_counts_at_its_bid() -> None:
    quotes = {"USDCHF": quote("USDCHF", "0.8", "0.9")}
    conversion = money.conversion_for(cross("EUR", "CHF"), "USD", quotes)
    assert conversion == Conversion(rate=Decimal("1.25"))


def test_two_legs_through_the_dollar() -> None:
    quotes = {"USDJPY": quote("USDJPY", "160", "161"), "EURUSD": quote("EURUSD", "1.25", "1.26")}
    conversion = money.conversion_for(cross("GBP", "JPY"), "EUR", quotes)
    assert conversion.rate == Decimal("0.00625") * Decimal("0.8")


@pytest.mark.parametrize(
    ("pair", "account", "price", "rate"),
    [
        (("EUR", "USD"), "USC", "1.1", "100"),
        (("USD", "JPY"), "USC", "160", "0.625"),
        (("EUR", "GBP"), "USC", "0.9", "125"),
        (("VOD", "GBX"), "GBP", "70", "0.01"),
        (("VOD", "GBX"), "USC", "70", "1.25"),
    ],
)
def test_a_currency_of_cents_counts_a_hundred_to_the_whole(
    pair: tuple[str, str], account: str, price: str, rate: str
) -> None:
    quotes = {"GBPUSD": quote("GBPUSD", "1.24", "1.25")}
    conversion = money.conversion_for(cross(*pair), account, quotes)
    assert conversion.at(Decimal(price)) == Decimal(rate)


def test_a_missing_pair_is_named() -> None:
    with pytest.raises(EngineError, match="EURGBP: expected a quote of GBPUSD or USDGBP"):
        money.conversion_for(cross("EUR", "GBP"), "USD", {"EURUSD": quote("EURUSD", "1", "1")})


@given(st.decimals("0.01", 200, places=3), st.integers(0, 500))
def test_a_round_trip_through_two_conversions_never_gains(bid: Decimal, spread: int) -> None:
    """A loss converted there and back is at least the loss."""
    ask = bid + spread * TICK
    quotes = {"AAABBB": Quote("AAABBB", datetime(2026, 1, 6, tzinfo=UTC), bid, ask)}
    there = money.conversion_for(cross("XXX", "AAA"), "BBB", quotes).rate
    back = money.conversion_for(cross("XXX", "BBB"), "AAA", quotes).rate
    assert there * back >= 1 - Decimal("1e-20")

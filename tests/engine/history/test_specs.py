"""Specifications guessed from a name and the decimals of its prices."""

from decimal import Decimal

import pytest

from tests.bars import random_bars
from trading.engine.history.specs import digits_of, price_decimals, spec_guess
from trading.engine.types import EngineError


@pytest.mark.parametrize(
    ("name", "decimals", "digits", "contract", "base", "profit"),
    [
        ("EURUSD", 5, 5, 100_000, "EUR", "USD"),
        ("EURUSD", 4, 5, 100_000, "EUR", "USD"),
        ("GBPJPY", 2, 3, 100_000, "GBP", "JPY"),
        ("eurusd.pro", 5, 5, 100_000, "EUR", "USD"),
        ("XAUUSD", 2, 2, 100, "XAU", "USD"),
        ("XAGUSDm", 3, 3, 5000, "XAG", "USD"),
        ("US500", 1, 1, 1, "USD", "USD"),
        ("#DE40", 2, 2, 1, "EUR", "EUR"),
        ("UK100.cash", 1, 1, 1, "GBP", "GBP"),
        ("JP225", 0, 0, 1, "JPY", "JPY"),
        ("BTCUSD", 2, 2, 1, "USD", "USD"),
    ],
)
def test_a_guess(
    name: str, decimals: int, digits: int, contract: int, base: str, profit: str
) -> None:
    spec = spec_guess(name, decimals)
    assert (spec.digits, spec.contract_size) == (digits, Decimal(contract))
    assert (spec.base_currency, spec.profit_currency) == (base, profit)
    assert spec.tick_size == Decimal(10) ** -digits


def test_decimals_are_those_of_all_prices() -> None:
    assert price_decimals(random_bars(500)) == 5
    odd = random_bars(500)
    odd.low[3] = 1 / 3
    assert price_decimals(odd) is None


@pytest.mark.parametrize(
    ("tick", "digits"), [("0.00001", 5), ("0.25", 2), ("1", 0), ("10", 0), ("0.0100", 2)]
)
def test_digits_of_a_tick(tick: str, digits: int) -> None:
    assert digits_of(Decimal(tick)) == digits


@pytest.mark.parametrize("tick", ["0", "-1", "NaN", "Infinity"])
def test_a_tick_that_is_none_is_refused(tick: str) -> None:
    with pytest.raises(EngineError, match="Expected a tick size > 0"):
        digits_of(Decimal(tick))

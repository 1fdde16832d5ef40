"""Brokers' names of symbols, with their decoration and without."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.symbols import canonical, quotes_by_pair
from trading.engine.types import Quote

MORNING = datetime(2026, 1, 14, 9, 0, tzinfo=UTC)
CORES = ("EURUSD", "USDJPY", "XAUUSD", "BTCUSD", "BTCUSDT", "US500", "GER40", "DOGEUSD")
PREFIXES = ("", "#", "m", ".", "FX:", "m.")
SUFFIXES = ("", "m", ".r", "-ECN", "_i", "+", "!", ".cash", "micro", "ECN", "pro.raw", "Cash")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EURUSD", "EURUSD"),
        ("EURUSDm", "EURUSD"),
        ("EURUSD.r", "EURUSD"),
        ("EURUSD-ECN", "EURUSD"),
        ("#EURUSD", "EURUSD"),
        ("mEURUSD", "EURUSD"),
        ("EURUSD_i", "EURUSD"),
        ("EUR/USD", "EURUSD"),
        ("eurusd", "EURUSD"),
        ("XAUUSDm", "XAUUSD"),
        ("US500.cash", "US500"),
        ("BTCUSD", "BTCUSD"),
        ("BTCUSDT.r", "BTCUSDT"),
    ],
)
def test_decoration_is_taken_off(name: str, expected: str) -> None:
    assert canonical(name) == expected


@pytest.mark.parametrize(
    "name", ["EURUSDC", "MEURUSD", "EURUSDTRY", "eurusdm", "AAPL.NAS", "USOIL", "EUR", "USDUSD", ""]
)
def test_what_may_be_another_market_keeps_its_name(name: str) -> None:
    assert canonical(name) == name


def test_known_names_are_cores_too() -> None:
    assert canonical("AAPL.NAS", {"AAPL"}) == "AAPL"
    assert canonical("AUS200m", {"US200"}) == "AUS200"
    assert canonical("US500.cash", {"US50", "US500"}) == "US500"
    assert canonical("#F", {"F"}) == "#F"


@given(st.sampled_from(PREFIXES), st.sampled_from(CORES), st.sampled_from(SUFFIXES))
def test_every_decoration_of_a_core_means_the_core(prefix: str, core: str, suffix: str) -> None:
    assert canonical(prefix + core + suffix) == core


@given(st.text("EURUSDXABTCm.#_-/15", max_size=32), st.sets(st.sampled_from(CORES)))
def test_a_canonical_name_is_its_own_and_part_of_the_name(name: str, known: set[str]) -> None:
    found = canonical(name, known)
    assert canonical(found, known) == found
    letters = [c for c in name.upper() if c.isalnum()]
    assert found == name or found in "".join(letters)


def test_a_quote_stands_under_its_canonical_name_too() -> None:
    one, other = (Quote(n, MORNING, Decimal(1), Decimal(1)) for n in ("EURUSDm", "DE40"))
    found = quotes_by_pair({"EURUSDm": one, "DE40": other}, {"EURUSDm": "EURUSD", "DE40": ""})
    assert found == {"EURUSDm": one, "EURUSD": one, "DE40": other}


def test_a_quote_of_that_very_name_goes_before() -> None:
    plain, other = (Quote(n, MORNING, Decimal(1), Decimal(1)) for n in ("EURUSD", "EURUSD.r"))
    quotes = {"EURUSD": plain, "EURUSD.r": other}
    assert quotes_by_pair(quotes, {"EURUSD.r": "EURUSD"}) == quotes

"""A small source is streamed whole, of a large one only what is needed."""

import pytest

from tests.factories import MONDAY, make_account, make_deployment, make_position, make_symbol
from trading.models import Symbol
from trading.selectors import symbols as selector
from trading.selectors.symbols import symbols_streamed

pytestmark = pytest.mark.django_db


def names() -> set[str]:
    return {symbol.name for symbol in symbols_streamed(source="simulated")}


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> dict[str, Symbol]:
    """Five symbols, more than are streamed whole, and an account in euros."""
    monkeypatch.setattr(selector, "ALL_UP_TO", 4)
    make_account(currency="EUR")
    pairs = ("EURUSD", "GBPJPY", "USDJPY", "AUDNZD", "EURCHF")
    return {
        pair: make_symbol(name=pair, base_currency=pair[:3], profit_currency=pair[3:])
        for pair in pairs
    }


def test_a_small_source_is_streamed_whole() -> None:
    make_symbol(name="EURUSD")
    assert names() == {"EURUSD"}


def test_what_is_deployed_brings_the_pairs_that_convert_it(market: dict[str, Symbol]) -> None:
    make_deployment(symbol=market["GBPJPY"])
    assert names() == {"GBPJPY", "USDJPY", "EURUSD"}


def test_what_is_held_is_streamed_and_what_was_closed_is_not(market: dict[str, Symbol]) -> None:
    make_position(symbol=market["AUDNZD"])
    make_position(symbol=market["EURCHF"], closed_at=MONDAY)
    assert names() == {"AUDNZD", "EURUSD"}

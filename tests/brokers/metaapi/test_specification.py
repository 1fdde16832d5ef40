"""What a broker says of a symbol."""

from datetime import time
from decimal import Decimal
from typing import Any

import pytest

from tests.brokers.metaapi.payloads import MISSING, specification
from tests.brokers.metaapi.test_mapping import wire
from trading.brokers.metaapi.payload import PayloadError
from trading.brokers.metaapi.specification import Specification, specification_of

D = Decimal


def made(**changes: Any) -> Specification:
    return specification_of(wire(specification(**changes)))


def test_a_specification_is_an_instrument_and_what_is_beyond() -> None:
    found = made()
    instrument, extras = found.instrument, found.extras
    assert (instrument.symbol, instrument.tick_size) == ("EURUSD", D("0.00001"))
    assert (instrument.volume_min, instrument.volume_step) == (D("0.01"), D("0.01"))
    assert (instrument.swap_long, instrument.swap_short) == (D("-7.5"), D(2))
    assert (instrument.triple_swap_weekday, instrument.stops_level) == (2, 10)
    assert (extras.digits, extras.freeze_level) == (5, 2)
    assert extras.filling_modes == ("SYMBOL_FILLING_FOK",)
    assert extras.raw["tradeMode"] == extras.trade_mode == "SYMBOL_TRADE_MODE_FULL"


def test_levels_and_swaps_in_points_become_ticks() -> None:
    instrument = made(tickSize=0.00025, stopsLevel=30, swapLong=-50).instrument
    assert (instrument.stops_level, instrument.swap_long) == (2, D(-2))


def test_swaps_in_anything_but_points_are_told_beside_the_instrument() -> None:
    found = made(swapMode="SYMBOL_SWAP_MODE_INTEREST_CURRENT")
    assert (found.instrument.swap_long, found.extras.swap_long) == (D(0), D("-7.5"))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("SYMBOL_CALC_MODE_CFDLEVERAGE", "CFDLEVERAGE"),
        ("SYMBOL_CALC_MODE_EXCH_FUTURES", "FUTURES"),
        ("SYMBOL_CALC_MODE_EXCH_BONDS", "OTHER"),
        ("SYMBOL_CALC_MODE_UNKNOWN", "FOREX"),
        (MISSING, "FOREX"),
    ],
)
def test_profit_is_worked_out_by_the_mode_that_is_told(mode: object, expected: str) -> None:
    assert made(priceCalculationMode=mode).instrument.calculation == expected


def test_a_fixed_margin_comes_with_its_currency() -> None:
    found = made(initialMargin=1500, marginCurrency="EUR").instrument
    assert (found.margin_initial, found.margin_currency) == (D(1500), "EUR")


def test_sessions_are_spans_of_each_weekday() -> None:
    extras = made().extras
    assert extras.quote_sessions == {0: ((time(0, 5), time(23, 55)),)}
    assert extras.trade_sessions[4] == ((time(0), time.max),)


def test_a_pair_without_currencies_has_those_of_its_name() -> None:
    found = made(symbol="GBPJPY.m", baseCurrency=MISSING, profitCurrency=MISSING).instrument
    assert (found.base_currency, found.profit_currency) == ("GBP", "JPY")
    with pytest.raises(PayloadError, match="expected 'profitCurrency', was absent"):
        made(symbol="DE40", profitCurrency=MISSING)


def test_point_and_tick_follow_from_the_digits_where_they_are_missing() -> None:
    found = made(digits=3, point=MISSING, tickSize=0)
    assert (found.extras.point, found.instrument.tick_size) == (D("0.001"), D("0.001"))


@pytest.mark.parametrize(
    "change",
    [
        {"contractSize": 0},
        {"volumeStep": MISSING},
        {"digits": "5"},
        {"quoteSessions": []},
        {"quoteSessions": {"MONDAY": {}}},
        {"tradeSessions": {"MONDAY": [{"from": "noon", "to": "24:00"}]}},
        {"fillingModes": "FOK"},
    ],
)
def test_a_specification_that_cannot_be_traded_by_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        made(**change)

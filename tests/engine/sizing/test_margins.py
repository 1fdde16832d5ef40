"""Margin by price-calculation mode."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.engine.sizing.asking import D, account, ask, refusal, size
from tests.instruments import EURUSD
from trading.engine.sizing import margin_per_lot
from trading.engine.sizing.margins import margin_level, margin_terms
from trading.engine.types import Calculation, Conversion, EngineError, Instrument

C = Calculation


def spec(mode: Calculation, **more: Any) -> Instrument:
    return replace(EURUSD, calculation=mode, **more)


def margin(mode: Calculation, **more: Any) -> Any:
    """Of one lot of 100,000 at 1.1, leverage 100, a unit of profit worth 2."""
    request = ask(instrument=spec(mode, **more), account=account(10_000, 100))
    return margin_per_lot(replace(request, conversion=Conversion(D(2))))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (C.FOREX, 2200),
        (C.CFDLEVERAGE, 2200),
        (C.FOREX_NO_LEVERAGE, 220_000),
        (C.CFD, 220_000),
        (C.CFDINDEX, 220_000),
        (C.STOCKS, 220_000),
    ],
)
def test_by_price_and_leverage(mode: Calculation, expected: int) -> None:
    assert margin(mode) == expected
    assert margin(mode, margin_rate=D("0.5")) == expected / 2


def test_an_index_may_count_by_its_tick() -> None:
    assert margin(C.CFDINDEX, tick_price=D("0.00002")) == 440_000


def test_a_tick_price_says_nothing_of_other_margins() -> None:
    assert margin(C.CFD, tick_price=D("0.00002")) == 220_000


@pytest.mark.parametrize(
    ("mode", "currency", "expected"),
    [
        (C.FUTURES, "", 2000),
        (C.FUTURES, "USD", 2000),
        (C.CFD, "USD", 2000),
        (C.FOREX, "USD", 20),
        (C.FOREX, "EUR", 22),  # 1000 euros at 1.1
        (C.CFD, "EUR", 2200),
    ],
)
def test_a_fixed_margin_replaces_size_and_price(
    mode: Calculation, currency: str, expected: int
) -> None:
    fixed = {"margin_initial": D(1000), "margin_currency": currency, "tick_price": D(1)}
    assert margin(mode, **fixed) == expected
    assert margin(mode, **fixed, margin_rate=D(3)) == 3 * expected


def test_the_smallest_fixed_margin_counts() -> None:
    assert margin(C.CFD, margin_initial=D("0.5")) == 1


def test_futures_with_a_fixed_margin_in_base_currency_count_by_their_tick() -> None:
    fixed = {"margin_initial": D(1000), "margin_currency": "EUR", "tick_price": D(2)}
    assert margin(C.FUTURES, **fixed) == 2200


def test_futures_without_a_margin_are_refused() -> None:
    future = spec(C.FUTURES, tick_price=D(1))
    with pytest.raises(EngineError, match=r"^EURUSD: expected an initial margin of futures, was"):
        margin_terms(future, 100)
    assert refusal(size(instrument=future)) == "SPECIFICATION_UNKNOWN"


def test_a_margin_in_a_third_currency_is_refused() -> None:
    odd = spec(C.CFD, margin_initial=D(10), margin_currency="CHF")
    with pytest.raises(EngineError, match=r"expected a margin in USD or EUR, was CHF$"):
        margin_terms(odd, 100)
    sizing = size(instrument=odd)
    assert refusal(sizing) == "SPECIFICATION_UNKNOWN"
    assert sizing.loss_per_lot == 500


def test_without_margin_there_is_no_level() -> None:
    assert margin_level(D(5000), D(0)) is None
    assert margin_level(D(5000), D("0.01")) == D(50_000_000)

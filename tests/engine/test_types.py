"""The values refuse what makes no sense and do their small sums."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from tests.engine.tables import instrument
from trading.engine.types import AccountState, Bars, Calculation, EngineError, PositionState, Quote

D = Decimal
NOW = datetime(2026, 1, 6, 12, tzinfo=UTC)


def bars(count: int) -> Bars:
    column = np.arange(count, dtype=np.float64)
    return Bars(np.arange(count), column, column, column, column, column, column)


def test_bars_have_columns_of_one_length() -> None:
    whole = bars(3)
    with pytest.raises(EngineError, match=r"Expected columns of one length, was .*'open': 2"):
        replace(whole, open=whole.open[:2])


@pytest.mark.parametrize(("count", "expected"), [(0, []), (2, [3, 4]), (9, [0, 1, 2, 3, 4])])
def test_tail_gives_the_newest_rows(count: int, expected: list[int]) -> None:
    assert bars(5).tail(count).time.tolist() == expected
    assert len(Bars.empty().tail(count)) == 0


@pytest.mark.parametrize(
    "name",
    [
        *("tick_size", "contract_size", "volume_min", "volume_step", "volume_max"),
        *("margin_rate", "tick_price", "volume_limit"),
    ],
)
@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity"])
def test_an_instrument_has_sizes_above_zero(name: str, value: str) -> None:
    with pytest.raises(EngineError, match=f"TEST: expected {name} > 0, was {value}"):
        instrument(**{name: D(value)})


@pytest.mark.parametrize("value", ["-1", "NaN"])
def test_a_fixed_margin_is_not_below_zero(value: str) -> None:
    with pytest.raises(EngineError, match=f"TEST: expected margin_initial >= 0, was {value}"):
        instrument(margin_initial=D(value))


def test_a_tick_is_worth_the_tick_price_of_futures_alone() -> None:
    spec = instrument(tick_size=D("0.25"), contract_size=D(50), tick_price=D(10))
    assert spec.tick_value == D("12.50")
    assert replace(spec, calculation=Calculation.FUTURES).tick_value == 10


@pytest.mark.parametrize(("bid", "ask"), [("0", "1"), ("2", "1"), ("NaN", "1"), ("1", "Infinity")])
def test_a_quote_has_prices_in_order(bid: str, ask: str) -> None:
    with pytest.raises(EngineError, match="TEST: expected 0 < bid <= ask"):
        Quote("TEST", NOW, D(bid), D(ask))


def test_an_account_without_a_position_keeps_the_others() -> None:
    one, two = (
        PositionState(name, "TEST", 1, D(1), D(1000), NOW, profit=D(profit), swap=D(-1))
        for name, profit in (("1", 30), ("2", -50))
    )
    account = AccountState("USD", D(1000), D(978), D(40), 100, (one, two))
    after = account.without(one, D(28), D(15))
    assert (after.balance, after.equity, after.margin) == (D(1028), D(977), D(25))
    assert after.free_margin == D(952)
    assert after.positions == (two,)
    last = after.without(two, D(-51), D(20))
    assert (last.balance, last.equity, last.margin) == (D(977), D(977), D(0))

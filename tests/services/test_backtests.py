"""Backtests by name: what is found in the database, and what is said when it is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from tests.bars import MONDAY, bars_at, fx_hours
from tests.factories import make_strategy, make_symbol
from trading.engine.sizing import fractional
from trading.engine.types import Bars, EngineError
from trading.models import Symbol
from trading.selectors.bars import SymbolUnknown
from trading.services.backtests import BacktestSpec, backtest_run
from trading.services.bars import bars_store

pytestmark = pytest.mark.django_db
WEEKS = 20
START = datetime.fromtimestamp(MONDAY, UTC) + timedelta(weeks=8)
SPEC = BacktestSpec("donchian", "EURUSD", "H1", params={"entry": 20, "exit": 10, "hold": 50})


def history(name: str, *, weeks: int = WEEKS, timeframe: str = "H1", **fields: object) -> Symbol:
    """A symbol with hourly bars of its own random walk, of both its currencies."""
    pair = {"base_currency": name[:3], "profit_currency": name[3:]}
    symbol = make_symbol(source="history", name=name, **{**pair, **fields})
    seed = sum(name.encode())
    bars_store(symbol=symbol, timeframe=timeframe, bars=bars_at(fx_hours(weeks), seed))
    return symbol


def test_a_kind_over_all_history() -> None:
    history("EURUSD")
    result = backtest_run(spec=SPEC)
    assert result.metrics.trades.count > 20
    warmup = result.settings["warm_up_bars"]
    assert len(result.curve.time) == result.settings["bars"]
    assert warmup == 539
    assert len(fx_hours(WEEKS)) == warmup + len(result.curve.time)


def test_a_named_strategy_with_some_parameters_changed() -> None:
    history("EURUSD")
    make_strategy(name="My breakout", kind="donchian", params={"entry": 30, "exit": 15})
    spec = replace(SPEC, strategy="My breakout", params={"exit": 5})
    params = backtest_run(spec=spec).settings["params"]
    assert isinstance(params, dict)
    assert (params["entry"], params["exit"]) == (30, 5)


def test_bars_before_the_start_warm_up_and_the_end_is_excluded() -> None:
    history("EURUSD")
    end = START + timedelta(weeks=6)
    result = backtest_run(spec=replace(SPEC, start=START, end=end))
    first, last = result.curve.time[[0, -1]].tolist()
    assert first == START.timestamp()
    assert end.timestamp() - 3 * 86400 < last < end.timestamp()


def test_the_spread_asked_for_replaces_that_of_the_bars() -> None:
    history("EURUSD")
    assert backtest_run(spec=replace(SPEC, spread_ticks=7)).settings["mean_spread_ticks"] == 7.0


def test_costs_are_the_symbol_s_unless_given() -> None:
    history("EURUSD", commission_per_lot=Decimal("4.5"), slippage_ticks=2)
    own = backtest_run(spec=SPEC).settings
    given = replace(SPEC, commission_per_lot=Decimal(7), slippage_ticks=0)
    other = backtest_run(spec=given).settings
    assert (own["commission_per_lot"], own["slippage_ticks"]) == ("4.5", 2)
    assert (other["commission_per_lot"], other["slippage_ticks"]) == ("7", 0)


@pytest.mark.parametrize(
    ("name", "currency", "conversion"),
    [("EURUSD", "USD", "1"), ("USDCHF", "USD", "1 / price")],
)
def test_a_symbol_of_the_account_s_currency_converts_itself(
    name: str, currency: str, conversion: str
) -> None:
    history(name)
    result = backtest_run(spec=replace(SPEC, symbol=name, currency=currency))
    assert result.settings["conversion"] == conversion


@pytest.mark.parametrize("pair", ["GBPUSD", "USDGBP"])
def test_a_cross_converts_by_the_history_of_the_pair(pair: str) -> None:
    history("EURGBP")
    history(pair)
    result = backtest_run(spec=replace(SPEC, symbol="EURGBP"))
    assert result.settings["conversion"] == "history"
    assert result.metrics.trades.count > 20


def test_a_cross_without_usd_converts_through_it() -> None:
    """Rates of 2 and of 4 make a profit 8 times what it is at a rate of 1."""
    time = fx_hours(WEEKS)
    none = np.zeros(len(time))
    history("EURGBP")
    for name, price in (("GBPUSD", 2.0), ("USDCHF", 4.0)):
        same = np.full(len(time), price)
        flat = Bars(time, same, same, same, same, none, none)
        bars_store(symbol=history(name), timeframe="H1", bars=flat)
    spec = replace(SPEC, symbol="EURGBP", currency="CHF", sizing=fractional(1))
    through = backtest_run(spec=spec).trades
    fixed = backtest_run(spec=replace(spec, conversion=Decimal(8))).trades
    assert through.profit.tolist() == fixed.profit.tolist()


def test_another_timeframe_of_the_pair_will_do() -> None:
    history("EURGBP")
    daily = make_symbol(source="history", name="GBPUSD", base_currency="GBP")
    time = np.arange(MONDAY, MONDAY + WEEKS * 604_800, 86_400)
    bars_store(symbol=daily, timeframe="D1", bars=bars_at(time))
    assert backtest_run(spec=replace(SPEC, symbol="EURGBP")).settings["conversion"] == "history"


def test_a_cross_without_the_pair_is_refused_with_the_way_out() -> None:
    history("EURGBP")
    message = "expected history of GBPUSD or USDGBP .* importcandles, or give --conversion"
    with pytest.raises(EngineError, match=message):
        backtest_run(spec=replace(SPEC, symbol="EURGBP"))


def test_a_pair_that_ends_too_early_is_refused() -> None:
    history("EURGBP")
    history("GBPUSD", weeks=4)
    with pytest.raises(EngineError, match="Expected history of history:GBPUSD H1 to convert with"):
        backtest_run(spec=replace(SPEC, symbol="EURGBP"))


def test_a_pair_need_not_cover_the_warm_up() -> None:
    history("EURGBP")
    late = make_symbol(source="history", name="GBPUSD", base_currency="GBP")
    time = fx_hours(WEEKS)
    late_bars = bars_at(time[time >= START.timestamp() - 86_400])
    bars_store(symbol=late, timeframe="H1", bars=late_bars)
    result = backtest_run(spec=replace(SPEC, symbol="EURGBP", start=START))
    assert result.curve.time[0] >= START.timestamp()


def test_a_fixed_rate_needs_no_history() -> None:
    history("EURGBP")
    result = backtest_run(spec=replace(SPEC, symbol="EURGBP", conversion=Decimal("1.3")))
    assert result.settings["conversion"] == "1.3"


def test_an_unknown_strategy_is_refused_with_those_that_exist() -> None:
    history("EURUSD")
    make_strategy(name="My breakout")
    with pytest.raises(EngineError, match=r"\(donchian, ewma_trend\) or .* \(My breakout\), was"):
        backtest_run(spec=replace(SPEC, strategy="martingale"))


def test_an_unknown_symbol_is_refused() -> None:
    with pytest.raises(SymbolUnknown, match="Expected a known symbol"):
        backtest_run(spec=SPEC)


@pytest.mark.parametrize(
    "times",
    [
        {"start": datetime(2031, 1, 1, tzinfo=UTC)},
        {"end": datetime(2001, 1, 1, tzinfo=UTC)},
        {"start": START, "end": START - timedelta(weeks=1)},
    ],
)
def test_a_range_without_bars_is_refused(times: dict[str, datetime]) -> None:
    history("EURUSD")
    with pytest.raises(EngineError, match=r"Expected bars of history:EURUSD H1 .* was none"):
        backtest_run(spec=replace(SPEC, **times))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("spread_ticks", -1, "Expected a spread >= 0 ticks, was -1"),
        ("slippage_ticks", -1, "Expected slippage >= 0 ticks, was -1"),
        ("commission_per_lot", Decimal(-1), "Expected a commission >= 0, was -1"),
        ("commission_per_lot", Decimal("NaN"), "Expected a commission >= 0, was NaN"),
        ("conversion", Decimal(0), "Expected a conversion > 0, was 0"),
        ("params", {"window": 3}, "Expected parameters among"),
        ("balance", Decimal(0), "Expected balance > 0, was 0"),
    ],
)
def test_values_that_make_no_sense_are_refused(field: str, value: object, message: str) -> None:
    history("EURUSD")
    with pytest.raises(EngineError, match=message):
        backtest_run(spec=replace(SPEC, **{field: value}))  # type: ignore[arg-type]

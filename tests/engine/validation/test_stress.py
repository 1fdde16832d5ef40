"""Worse terms change one thing each."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from tests.bars import random_bars
from tests.engine.scripts import Script
from tests.engine.test_backtest import EURUSD, TERMS
from trading.engine.backtest import BacktestRequest, backtest
from trading.engine.metrics import Curve
from trading.engine.strategies import build
from trading.engine.types import Costs, Signals
from trading.engine.validation.stress import Delayed, break_even, dearer, period_returns, stress

BARS = replace(random_bars(3000), spread=np.full(3000, 0.00008))
SWAPS = replace(EURUSD, swap_long=Decimal(-5), swap_short=Decimal(2))
DEAR = replace(TERMS, instrument=SWAPS, costs=Costs(Decimal(7), 2))
REQUEST = BacktestRequest(build("donchian", {"atr": 10}), BARS, DEAR)


def test_all_costs_grow_together_and_credits_do_not() -> None:
    found = dearer(REQUEST, 1.5)
    assert found.terms.costs == Costs(Decimal("10.5"), 3)
    assert found.terms.instrument.swap_long == Decimal("-7.5")
    assert found.terms.instrument.swap_short == 2
    assert found.bars.spread[0] == pytest.approx(0.00012)
    assert dearer(REQUEST, 0.0).terms.costs == Costs(Decimal(0), 0)


def test_dearer_is_worse() -> None:
    found = stress(REQUEST)
    profits = [found.by_costs[m].net_profit for m in (0.0, 0.5, 1.0, 1.5, 2.0)]
    assert profits == sorted(profits, reverse=True)
    assert found.by_costs[1.0] == found.base
    assert found.double_spread.net_profit < found.base.net_profit
    assert found.one_more_tick.net_profit < found.base.net_profit
    assert found.one_bar_late.trades > 0
    assert found.without_best < found.base.net_profit


def test_the_break_even_is_between_gain_and_loss() -> None:
    assert break_even({0.0: 30.0, 1.0: 10.0, 2.0: -10.0}) == pytest.approx(1.5)
    assert break_even({2.0: -10.0, 1.0: 0.0, 0.0: 8.0}) == pytest.approx(1.0)
    assert break_even({0.0: 30.0, 2.0: 10.0}) is None
    assert break_even({0.0: -1.0, 2.0: -10.0}) is None


def test_a_delayed_strategy_wants_the_same_later() -> None:
    inner = REQUEST.strategy
    first, later = inner.signals(BARS), Delayed(inner, 3).signals(BARS)
    np.testing.assert_array_equal(later.side[3:], first.side[:-3])
    np.testing.assert_array_equal(later.stop[3:], first.stop[:-3])
    assert later.side[:3].tolist() == [0, 0, 0]
    assert Delayed(inner, 3).warmup == inner.warmup + 3


def test_a_delay_of_nothing_changes_nothing() -> None:
    late = replace(REQUEST, strategy=Delayed(REQUEST.strategy, 0))
    assert backtest(late).trades.net.tolist() == backtest(REQUEST).trades.net.tolist()


def test_few_bars_can_be_delayed_away() -> None:
    nothing = np.full(2, np.nan)
    script = Script(Signals(np.ones(2, np.int8), nothing, nothing, nothing, nothing, nothing))
    assert Delayed(script, 5).signals(BARS.slice(0, 2)).side.tolist() == [0, 0]


def test_periods_are_those_that_the_curve_holds() -> None:
    """A bar a day at noon, 1 % up each."""
    noon = int(datetime(2020, 1, 1, 12, tzinfo=UTC).timestamp())
    time = noon + 86_400 * np.arange(100, dtype=np.int64)
    equity = 100.0 * np.cumprod(np.full(100, 1.01))
    curve = Curve(time, equity, np.arange(100), 100.0)
    first = (date(2020, 1, 10), date(2020, 1, 12))
    found = period_returns(curve, {"three days": first, "before": (date(2019, 1, 1),) * 2})
    assert found == {"three days": pytest.approx(100.0 * (1.01**3 - 1.0))}
    assert set(period_returns(curve)) == {"Covid"}
    assert period_returns(Curve(time[:0], equity[:0], time[:0], 1.0)) == {}

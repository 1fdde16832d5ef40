"""Choices see only bars before their test; tests trade one after the other on one account."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bars import random_bars
from tests.engine.scripts import Script
from tests.engine.test_backtest import TERMS
from trading.engine.backtest import BacktestRequest, backtest
from trading.engine.strategies import build
from trading.engine.strategies.base import Strategy
from trading.engine.sweep import sweep
from trading.engine.types import EngineError, FloatArray, Signals
from trading.engine.walkforward import Scheme, WalkForward, walk_forward

BARS = replace(random_bars(3000), spread=np.full(3000, 0.00008))
GRID: list[Strategy] = [
    build("donchian", {"entry": entry, "exit": 10, "atr": 10, "stop_atr": stop})
    for entry in (15, 20, 30)
    for stop in (1.5, 3.0)
]
SCHEME = Scheme(train=800, test=300, purge=20, embargo=10)
FIRST = max(strategy.warmup for strategy in GRID)


@pytest.fixture(scope="module")
def found() -> WalkForward:
    return walk_forward(GRID, BARS, TERMS, SCHEME, workers=2)


@given(
    st.integers(0, 50),
    st.integers(2, 60),
    st.integers(2, 40),
    st.integers(0, 5),
    st.integers(0, 5),
    st.booleans(),
)
def test_windows_cover_every_bar_once_and_leave_the_gap(
    first: int, train: int, test: int, purge: int, embargo: int, expanding: bool
) -> None:
    scheme = Scheme(train + purge + embargo, test, expanding, purge, embargo)
    windows = list(scheme.windows(first, 200))
    covered = [row for window in windows for row in range(window.test, window.stop)]
    assert covered == list(range(first + scheme.train, covered[-1] + 1))
    assert covered[-1] >= 198
    for window in windows:
        assert window.test - window.train_stop == purge + embargo
        assert window.train == (first if expanding else window.test - scheme.train)


def test_each_training_is_the_backtest_of_its_bars(found: WalkForward) -> None:
    step = found.steps[2]
    bars = BARS.slice(0, step.window.train_stop)
    assert step.chosen is not None
    full = backtest(BacktestRequest(GRID[step.chosen], bars, TERMS, step.window.train)).metrics
    assert step.train is not None
    assert step.train.net_profit == full.equity.net_profit
    assert found.scores[2, step.chosen] == full.equity.sharpe
    assert found.scores[2, step.chosen] == np.nanmax(found.scores[2])


def test_each_test_goes_on_with_the_balance_of_the_one_before(found: WalkForward) -> None:
    balance = float(TERMS.balance)
    for step in found.steps:
        assert step.chosen is not None
        assert step.test is not None
        terms = replace(TERMS, balance=Decimal(f"{balance:.2f}"))
        bars = BARS.slice(0, step.window.stop)
        full = backtest(BacktestRequest(GRID[step.chosen], bars, terms, step.window.test))
        assert step.test.net_profit == pytest.approx(full.metrics.equity.net_profit)
        balance += step.test.net_profit
    assert found.curve.equity[-1] == pytest.approx(balance)


def test_the_trades_are_those_of_all_tests(found: WalkForward) -> None:
    assert len(found.trades) == sum(step.test.trades for step in found.steps if step.test)
    assert found.trades.net.sum() == pytest.approx(found.metrics.equity.net_profit)
    assert (np.diff(found.trades.exit_bar) >= 0).all()
    first = found.steps[0].window.test
    np.testing.assert_array_equal(
        BARS.time[first + found.trades.entry_bar], found.trades.entry_time
    )


def test_the_future_changes_no_choice(found: WalkForward) -> None:
    """Bars from the fourth test on are others: the first four steps stay."""
    cut = found.steps[4].window.train_stop
    close = BARS.close.copy()
    close[cut:] = close[cut - 1]
    flat = replace(BARS, open=close, high=close, low=close, close=close)
    parts = [BARS.slice(0, cut), flat.slice(cut)]
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("time", "open", "high", "low", "close", "volume", "spread")
    }
    again = walk_forward(GRID, type(BARS)(**columns), TERMS, SCHEME)
    assert [step.chosen for step in again.steps[:5]] == [step.chosen for step in found.steps[:5]]
    np.testing.assert_array_equal(again.scores[:5], found.scores[:5])


def test_expanding_trainings_begin_together() -> None:
    scheme = replace(SCHEME, expanding=True)
    steps = walk_forward(GRID, BARS, TERMS, scheme).steps
    assert {step.window.train for step in steps} == {FIRST}


def test_the_last_training_of_a_sweep_is_the_sweep() -> None:
    """One expanding training over the whole history scores like a sweep of it."""
    scheme = Scheme(train=len(BARS) - FIRST - 2, test=2, expanding=True)
    scores = walk_forward(GRID, BARS, TERMS, scheme).scores[0]
    rows = sweep(GRID, BARS.slice(0, len(BARS) - 2), TERMS).rows
    assert scores.tolist() == [row.sharpe for row in rows]


def test_a_choice_may_be_made_by_anything() -> None:
    def last(scores: FloatArray) -> int:
        return len(scores) - 1

    scheme = replace(SCHEME, score=lambda row: row.net_profit, choose=last)
    found = walk_forward(GRID, BARS, TERMS, scheme)
    assert {step.chosen for step in found.steps} == {5}
    assert found.trials == len(found.steps) * 6


def silent(rows: int) -> Strategy:
    """A strategy without a wish."""
    nothing = np.full(rows, np.nan)
    side, score = np.zeros(rows, np.int8), np.zeros(rows)
    return Script(Signals(side, nothing, nothing, nothing, nothing, score))


def test_where_no_score_is_defined_nothing_is_traded() -> None:
    found = walk_forward([silent(3000)], BARS, TERMS, SCHEME)
    assert {step.chosen for step in found.steps} == {None}
    assert len(found.trades) == 0
    assert set(found.curve.equity.tolist()) == {10_000.0}
    assert (found.efficiency, found.gained_percent) == (None, None)


def test_a_strategy_of_any_form_can_walk() -> None:
    mixed = [silent(3000), GRID[0]]
    found = walk_forward(mixed, BARS, TERMS, SCHEME)
    assert {step.chosen for step in found.steps} == {1}


def test_efficiency_compares_annual_returns(found: WalkForward) -> None:
    assert found.inside_percent is not None
    assert found.outside_percent is not None
    assert found.outside_percent == found.metrics.equity.cagr_percent
    expected = found.outside_percent / found.inside_percent
    assert found.efficiency == (pytest.approx(expected) if found.inside_percent > 0 else None)


def test_too_few_bars_are_an_error() -> None:
    with pytest.raises(EngineError, match=f"Expected at least {FIRST + 802} bars for one window"):
        walk_forward(GRID, BARS.slice(0, 900), TERMS, SCHEME)
    with pytest.raises(EngineError, match="was 300 and 30 - 30"):
        replace(SCHEME, train=30)


def test_rates_of_each_bar_are_those_of_its_window() -> None:
    rates = np.linspace(0.5, 1.5, len(BARS))
    terms = replace(TERMS, rates=rates)
    step = walk_forward(GRID, BARS, terms, SCHEME).steps[0]
    assert step.chosen is not None
    assert step.test is not None
    stop = step.window.stop
    request = BacktestRequest(
        GRID[step.chosen], BARS.slice(0, stop), replace(terms, rates=rates[:stop]), step.window.test
    )
    assert step.test.net_profit == backtest(request).metrics.equity.net_profit

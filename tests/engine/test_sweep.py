"""A sweep tells of each combination what its backtest tells."""

from dataclasses import replace

import numpy as np
import pytest

from tests.bars import random_bars
from tests.engine.scripts import Script, terms_of
from tests.engine.tables import Setup, read
from tests.engine.test_backtest import TERMS
from trading.engine.backtest import BacktestRequest, backtest
from trading.engine.stats import daily_returns
from trading.engine.strategies import build
from trading.engine.strategies.base import Strategy
from trading.engine.sweep import returns_of, sweep
from trading.engine.types import EngineError

BARS = replace(random_bars(3000), spread=np.full(3000, 0.00008))
GRID: list[Strategy] = [
    build("donchian", {"entry": entry, "exit": 10, "stop_atr": stop, "trail_atr": trail, **take})
    for entry in (20, 55)
    for stop, trail in ((1.5, 0.0), (3.0, 2.0))
    for take in ({}, {"take_atr": 4.0})
]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_row_is_the_backtest_of_its_combination(workers: int) -> None:
    """The combination that warms up longest decides where all of them begin."""
    start = max(strategy.warmup for strategy in GRID)
    found = sweep(GRID, BARS, TERMS, workers=workers)
    for strategy, row in zip(GRID, found.rows, strict=True):
        full = backtest(BacktestRequest(strategy, BARS, TERMS, start)).metrics
        assert (row.trades, row.net_profit) == (full.trades.count, full.equity.net_profit)
        assert row.return_percent == full.equity.return_percent
        assert (row.sharpe, row.max_drawdown_percent) == (
            full.equity.sharpe,
            full.equity.max_drawdown_percent,
        )
        assert row.profit_factor == pytest.approx(full.trades.profit_factor)
        assert row.win_rate_percent == pytest.approx(full.trades.win_rate_percent)
        assert row.mean_r == pytest.approx(full.trades.mean_r)


def test_combinations_that_differ_in_distances_share_a_study() -> None:
    assert sweep(GRID, BARS, TERMS, workers=1).studies == 4  # two of each, in batches of at most 2


def test_kinds_can_be_mixed_and_keep_their_places() -> None:
    mixed = [build("ewma_trend", {}), GRID[0], build("ewma_trend", {"fast": 8})]
    together = sweep(mixed, BARS, TERMS, workers=2).rows
    start = max(strategy.warmup for strategy in mixed)
    alone = [backtest(BacktestRequest(s, BARS, TERMS, start)).metrics.trades.count for s in mixed]
    assert [row.trades for row in together] == alone


def test_a_strategy_of_any_form_can_be_swept() -> None:
    table = "O H L C s side stop take entry\n" + "9 9 9 9 0 1 2 - -\n9 9 9 9 0 0 - - -\n" * 2
    bars, signals = read(table, Setup())
    rows = sweep([Script(signals), Script(signals)], bars, terms_of(Setup())).rows
    assert [row.trades for row in rows] == [2, 2]


def test_daily_returns_of_each_combination_stand_in_its_column() -> None:
    found = sweep(GRID, BARS, TERMS, workers=2, with_returns=True).returns
    start = max(strategy.warmup for strategy in GRID)
    for strategy, column in zip(GRID, found.T, strict=True):
        curve = backtest(BacktestRequest(strategy, BARS, TERMS, start)).curve
        assert column.tolist() == daily_returns(curve.daily).tolist()
    assert sweep(GRID, BARS, TERMS).returns.shape == (0, len(GRID))


def test_a_lost_account_returns_nothing_more() -> None:
    daily = np.array([100.0, 50.0, -10.0, 5.0])
    assert returns_of(daily).tolist() == [-0.5, -1.0, 0.0]


def test_nothing_to_sweep_is_an_error() -> None:
    with pytest.raises(EngineError, match="Expected at least one strategy, was none"):
        sweep([], BARS, TERMS)
